//! Links that programs open: tap and tun. A program that opens a tap and answers on it,
//! as QEMU's `-netdev tap,ifname=…` does, stands for a virtual machine.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/far.rs"]
mod far;

use common::{LIMIT, NETNS_EXEC, Sandbox, wait_until};
use far::{dump, same, sandbox, setup, write};
use serde_json::json;

/// The bridge of two virtual machines, and the host's connection to it.
const VMS: &str = r#"netns_links="br0 tap0 tap1 up0"
type_br0=bridge
bridge_br0="tap0 tap1 up0"
type_tap0=tap
owner_tap0=nobody
type_tap1=tap
owner_tap1=nobody
group_tap1=nogroup
type_up0=veth
peer_up0=vms
peer_config_up0="10.9.0.1/24"
"#;

/// The same, by hand.
const BY_HAND: &str = "
    ip netns add mgmt
    ip -n mgmt link set lo up
    ip -n mgmt link add br0 type bridge
    ip -n mgmt tuntap add dev tap0 mode tap user nobody
    ip -n mgmt tuntap add dev tap1 mode tap user nobody group nogroup
    ip link add vms type veth peer name up0 netns mgmt
    for port in tap0 tap1 up0; do
        ip -n mgmt link set $port master br0
    done
    for link in br0 tap0 tap1 up0; do
        ip -n mgmt link set $link up
    done
    ip address add 10.9.0.1/24 dev vms
    ip link set vms up
";

/// A machine: LINK USER IP [FLAG]... It opens the tap as USER, prints that, and answers ARP and
/// ping for IP.
const MACHINE: &str = r#"
import fcntl, os, pwd, struct, sys
link, user, ip = sys.argv[1:4]
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE, TUNSETIFF = 2, 0x1000, 0x4000, 0x100, 0x400454ca
flags = IFF_TAP | IFF_NO_PI | (IFF_MULTI_QUEUE if "multi_queue" in sys.argv else 0)
head = 10 if "vnet_hdr" in sys.argv else 0
flags |= IFF_VNET_HDR if head else 0
tap = os.open("/dev/net/tun", os.O_RDWR)
user = pwd.getpwnam(user)
os.setgroups([])
os.setresgid(*[user.pw_gid] * 3)
os.setresuid(*[user.pw_uid] * 3)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", link.encode(), flags))
print("open", flush=True)
ip = bytes(int(part) for part in ip.split("."))
mac = b"\x52\x54\x00\x00\x09" + ip[3:]
while True:
    frame = os.read(tap, 2048)
    front, frame = frame[:head], bytearray(frame[head:])
    answer = None
    if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x01" and frame[38:42] == ip:
        answer = frame[6:12] + mac + frame[12:20] + b"\x00\x02" + mac + ip + frame[22:32]
    elif frame[12:14] == b"\x08\x00" and frame[30:34] == ip and frame[23] == 1 and frame[34] == 8:
        total = struct.unpack("!H", frame[36:38])[0] + 0x800
        total = (total & 0xffff) + (total >> 16)
        answer = frame[6:12] + mac + frame[12:26] + frame[30:34] + frame[26:30]
        answer += b"\x00\x00" + struct.pack("!H", total) + frame[38:]
    if answer:
        os.write(tap, bytes(head) + answer)
"#;

fn machine(sandbox: &Sandbox, words: &str) -> common::Background {
    let mut command = vec![NETNS_EXEC, "mgmt", "--", "python3", "-c", MACHINE];
    command.extend(words.split(' '));
    sandbox.spawn(&command)
}

/// What `ip` prints only for a tap.
fn of_tap(sandbox: &Sandbox, link: &str) -> serde_json::Value {
    let found = sandbox.ip_json(&format!("-n mgmt -d link show dev {link}"));
    found[0]["linkinfo"]["info_data"].clone()
}

#[test]
fn machines_on_a_bridge_in_the_namespace_are_reached_from_the_host() {
    let (ours, theirs) = (sandbox(VMS), sandbox(VMS));
    setup(&ours, "up mgmt").ok();
    theirs.sh(&format!("set -e\n{BY_HAND}")).ok();
    // The kernel chooses the MAC addresses at random: set the same on both hosts
    for sandbox in [&ours, &theirs] {
        sandbox
            .sh("set -e
                n=0
                for link in tap0 tap1 up0 br0; do
                    n=$((n + 1))
                    ip -n mgmt link set $link address 52:54:00:00:08:0$n
                done
                ip link set vms address 52:54:00:00:08:09")
            .ok();
    }
    for netns in ["", "-n mgmt"] {
        wait_until(LIMIT, || dump(&ours, netns) == dump(&theirs, netns));
        same(&dump(&ours, netns), &dump(&theirs, netns));
    }
    setup(&theirs, "plan mgmt").ok().stdout("").stderr("");

    let one = machine(&ours, "tap0 nobody 10.9.0.11");
    // netns-setup does not restore what only the opener chooses
    let two = machine(&ours, "tap1 nobody 10.9.0.12 vnet_hdr");
    for ip in ["10.9.0.11", "10.9.0.12"] {
        let answers = || ours.sh(&format!("ping -c 1 -W 1 {ip}")).exit_code() == 0;
        assert!(wait_until(LIMIT, answers), "{ip} does not answer");
    }
    setup(&ours, "reload mgmt").ok().stdout("").stderr("");
    assert!(ours.sh("ping -c 1 -W 2 10.9.0.12").exit_code() == 0);
    drop((one, two));
    setup(&ours, "down --force mgmt").ok();
    ours.run(&["ip", "link", "show", "vms"]).code(1);
}

#[test]
fn a_tap_is_open_to_its_owner_alone() {
    let settings = "netns_links=\"tap0 tun0\"\ntype_tap0=tap\nowner_tap0=nobody\ntype_tun0=tun\nowner_tun0=3\ngroup_tun0=4\nmulti_queue_tun0=on\nmtu_tun0=1400\nmac_tap0=52:54:00:00:00:77\nmtu_tap0=1300\n";
    let sandbox = sandbox(settings);
    let nobody = sandbox.sh("id -u nobody").ok().stdout.trim().to_string();
    setup(&sandbox, "up mgmt").ok().stdout(&format!(
        "\
+ ip netns add mgmt
+ ip -n mgmt tuntap add dev tap0 mode tap user {nobody}
+ ip -n mgmt tuntap add dev tun0 mode tun user 3 group 4 multi_queue
+ ip -n mgmt link set tap0 mtu 1300
+ ip -n mgmt link set tap0 address 52:54:00:00:00:77
+ ip -n mgmt link set tun0 mtu 1400
+ ip -n mgmt link set lo up
+ ip -n mgmt link set tap0 up
+ ip -n mgmt link set tun0 up
"
    ));
    let tun = of_tap(&sandbox, "tun0");
    assert_eq!(
        (
            &tun["type"],
            &tun["multi_queue"],
            &tun["persist"],
            &tun["pi"]
        ),
        (&json!("tun"), &json!(true), &json!(true), &json!(false)),
        "{tun}"
    );
    assert_eq!(of_tap(&sandbox, "tap0")["user"], "nobody");
    setup(&sandbox, "up mgmt").ok().stdout("");
    let refused = [NETNS_EXEC, "mgmt", "--", "python3", "-c", MACHINE];
    let as_user = |user| [&refused[..], &["tap0", user, "10.9.0.11"]].concat();
    let run = sandbox.run(&as_user("daemon")).code(1);
    assert!(
        run.stderr.contains("Operation not permitted"),
        "{}",
        run.stderr
    );
    let _open = machine(&sandbox, "tap0 nobody 10.9.0.11");
    let carrier = || sandbox.ip_json("-n mgmt link show dev tap0")[0]["operstate"] == "UP";
    assert!(wait_until(LIMIT, carrier));
}

#[test]
fn what_was_said_of_a_tap_and_is_said_no_more_makes_it_anew() {
    let first = "netns_links=\"tap0 tun0\"\ntype_tap0=tap\nowner_tap0=nobody\ntype_tun0=tun\n";
    let sandbox = sandbox(first);
    setup(&sandbox, "up mgmt").ok();
    let before = of_tap(&sandbox, "tap0");
    let tun = sandbox.ip_json("-n mgmt link show dev tun0");
    write(
        &sandbox,
        &first.replace("owner_tap0=nobody", "multi_queue_tap0=on"),
    );
    setup(&sandbox, "reload mgmt").ok().stdout(
        "\
+ ip -n mgmt link delete tap0
+ ip -n mgmt tuntap add dev tap0 mode tap multi_queue
+ ip -n mgmt link set tap0 up
",
    );
    let tap = of_tap(&sandbox, "tap0");
    assert_eq!(
        (&tap["user"], &tap["multi_queue"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(sandbox.ip_json("-n mgmt link show dev tun0"), tun);
    // An error halfway undoes everything
    let refused = first.to_string() + "mtu_tap0=65535\n";
    write(&sandbox, &refused.replace("nobody", "daemon"));
    setup(&sandbox, "up mgmt").code(111);
    assert_eq!(of_tap(&sandbox, "tap0"), tap);
    write(&sandbox, first);
    setup(&sandbox, "reload mgmt").ok();
    assert_eq!(of_tap(&sandbox, "tap0"), before);
    setup(&sandbox, "down mgmt").ok();
    assert_eq!(sandbox.ip_json("link show type tun"), json!([]));
}

#[test]
fn the_plan_of_a_tap_is_what_ip_would_do() {
    let settings = "netns_links=\"tap0 tun0\"\ntype_tap0=tap\nowner_tap0=nobody\nmulti_queue_tap0=yes\nmac_tap0=52:54:00:00:00:77\ntype_tun0=tun\ngroup_tun0=nogroup\nconfig_tun0=\"10.7.0.1/24 2001:db8:7::1/64\"\n";
    let (ours, theirs) = (sandbox(settings), sandbox(settings));
    theirs.write(
        "/run/plan",
        &setup(&theirs, "plan --script mgmt").ok().stdout,
    );
    setup(&ours, "up mgmt").ok();
    theirs.sh("sh -e /run/plan").ok();
    wait_until(LIMIT, || dump(&ours, "-n mgmt") == dump(&theirs, "-n mgmt"));
    same(&dump(&ours, "-n mgmt"), &dump(&theirs, "-n mgmt"));
    setup(&theirs, "plan mgmt").ok().stdout("").stderr("");
}

#[test]
fn without_its_file_a_tap_gets_it_or_is_refused_and_nothing_is_left() {
    let sandbox = sandbox("netns_links=tap0\ntype_tap0=tap\n");
    // No process may create a device there, as if the kernel had no driver
    sandbox.sh("mount -t tmpfs -o nodev none /dev/net").ok();
    let run = setup(&sandbox, "up mgmt").code(111);
    let expected = "the kernel has no module tun for /dev/net/tun";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    sandbox
        .run(&["ip", "netns", "exec", "mgmt", "true"])
        .code(255);
    assert_eq!(sandbox.sh("ls /dev/net").ok().stdout, "");
    // As on a machine whose module is not loaded yet
    sandbox
        .sh("umount /dev/net; mount -t tmpfs none /dev/net")
        .ok();
    setup(&sandbox, "up mgmt").ok();
    let made = sandbox
        .sh("stat -c '%F %Hr:%Lr %a' /dev/net/tun")
        .ok()
        .stdout;
    assert_eq!(made, "character special file 10:200 666\n");
    setup(&sandbox, "reload mgmt").ok().stdout("");
}
