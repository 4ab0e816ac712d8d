#!/bin/sh
# netns_attach with a real podman: the namespace of its container gets a name and a link.
# If another container has taken its place, a message says so, and a reload moves the name
# to it. A down leaves the container running.
# shellcheck source=tests/others/box.sh
. /t/box.sh
for_podman

container()
{
	run 0 podman run -d --name box --network none --cgroups=disabled \
		--security-opt seccomp=unconfined --rootfs /box /bin/busybox sleep 1000
	pid=$(podman inspect -f '{{.State.Pid}}' box 2>/dev/null)
	is_elsewhere "$pid" || fail "the container is on the host"
}

has_link()
{
	run 0 nsenter -t "$pid" -n $judge -o addr show dev eth0
	says 10.7.0.2/24
	run 0 ping -c 1 -W 5 10.7.0.2
	is "the name" "$(netns_named box)" "$(netns_of "$pid")"
}

cat >/etc/conf.d/netns.box <<'END'
netns_attach="podman:box"
netns_links="eth0"
type_eth0="veth"
config_eth0="10.7.0.2/24"
peer_config_eth0="10.7.0.1/24"
routes_eth0="default via 10.7.0.1"
END
run 111 netns-setup up box
says "podman inspect box failed"
container
run 0 netns-setup up box
has_link
run 0 netns-setup up box

run 0 podman rm -f -t 0 box
container
run 111 netns-setup up box
says "run netns-setup reload box"
run 0 netns-setup reload box
has_link

run 0 netns-setup down box
is "the container" "$(podman inspect -f '{{.State.Running}}' box 2>/dev/null)" true
run 1 nsenter -t "$pid" -n $judge -o addr show dev eth0
[ ! -e /run/netns/box ] || fail "the name is left"
run 0 podman rm -f -t 0 box
