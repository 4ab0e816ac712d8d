#!/bin/sh
# list, status and graph show a container by the name that its engine has for it, also when it
# has another one since: podman, docker or LXC, whichever is installed.
# shellcheck source=tests/others/box.sh
. /t/box.sh

# is_listed NAME - whether list has this container, and JSON
is_listed()
{
	netns-setup list >/tmp/said && grep -q "  container $1  .*1 process" /tmp/said &&
		netns-setup list --json | grep -qF "\"container\": \"$1\""
}

# starts OPTION... - with podman
starts()
{
	run 0 podman run -d --cgroups=disabled --security-opt seccomp=unconfined "$@" \
		--rootfs /box /bin/busybox sleep 1000
}

with_podman()
{
	for_podman
	starts --network none --name box
	eventually "it is listed" is_listed podman:box
	run 0 podman rename box other
	eventually "it is listed by its new name" is_listed podman:other
	starts --network none --rm --name passing
	eventually "one that is removed at its end is listed" is_listed podman:passing

	# podman names this one's namespace
	starts --network private --name named
	eventually "it is listed" is_listed podman:named
	netns=$(cd /run/netns && echo netns-*)
	run 0 netns-setup status "$netns"
	says "  container podman:named"
	run 0 netns-setup graph
	says "$netns (podman:named)"
	run 0 podman rm -f -t 0 other passing named
}

with_docker()
{
	mkdir -p /var/lib/docker
	mount -t tmpfs docker /var/lib/docker
	dockerd --storage-driver vfs --iptables=false --ip6tables=false --bridge=none >/tmp/dockerd 2>&1 &
	eventually "docker answers" docker info
	tar -C /box -c . | docker import - box
	run 0 docker run -d --network none --name web box /bin/busybox sleep 1000
	eventually "it is listed" is_listed docker:web
	run 0 docker rename web shop
	eventually "it is listed by its new name" is_listed docker:shop

	cat >/etc/conf.d/netns.box <<-'END'
		netns_attach="docker:shop"
		netns_links="eth0"
		type_eth0="veth"
		config_eth0="10.7.0.2/24"
		peer_config_eth0="10.7.0.1/24"
	END
	run 0 netns-setup up box
	pid=$(docker inspect -f '{{.State.Pid}}' shop)
	is_elsewhere "$pid" || fail "the container is on the host"
	is "the name" "$(netns_named box)" "$(netns_of "$pid")"
	run 0 ping -c 1 -W 5 10.7.0.2
	run 0 netns-setup down box
	is "the container" "$(docker inspect -f '{{.State.Running}}' shop)" true
	run 0 docker rm -f shop
	rmdir /sys/fs/cgroup/docker
}

with_lxc()
{
	mkdir -p /var/lib/lxc/web
	printf '%s\n' 'lxc.uts.name = web' 'lxc.rootfs.path = dir:/box' 'lxc.net.0.type = empty' \
		'lxc.apparmor.profile = unconfined' 'lxc.seccomp.profile =' 'lxc.mount.auto = proc' \
		'lxc.init.cmd = /bin/busybox sleep 1000' >/var/lib/lxc/web/config
	run 0 lxc-start -n web
	eventually "it is listed" is_listed lxc:web
	run 0 lxc-stop -k -n web
}

if command -v podman >/dev/null; then
	with_podman
elif command -v docker >/dev/null; then
	with_docker
else
	with_lxc
fi
