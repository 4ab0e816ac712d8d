# What the benchmark's namespace and its host look like, by ip(8): what two contestants
# made is alike if this prints the same for both. Left out is what the kernel gives anew
# each time, and what is no contestant's doing: MAC, numbers, link-local addresses.
# SPDX-License-Identifier: MIT OR Apache-2.0
import json
import subprocess
import sys

LINK = ("ifname", "flags", "mtu", "qdisc", "group", "txqlen", "link_type", "linkinfo")
ADDRESS = ("family", "local", "prefixlen", "scope", "label", "broadcast")


def told(place, *words):
    command = ["ip", "-j", "-d", *place, *words]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(text or "[]")


def kept(entry, keys):
    return {key: entry[key] for key in keys if key in entry}


name = sys.argv[1]
state = []
for place in ([], ["-n", name]):
    for link in told(place, "address"):
        if place or link["ifname"] == name:
            addresses = [kept(a, ADDRESS) for a in link["addr_info"] if a.get("scope") != "link"]
            state.append((kept(link, LINK), addresses))
    for family in ("-4", "-6"):
        for route in told(place, family, "route", "show", "table", "all"):
            mine = place or route.get("dev") == name
            if mine and not str(route["dst"]).startswith(("fe80:", "ff00:")):
                state.append(route)
print(json.dumps(state, indent=1, sort_keys=True))
