# shellcheck shell=sh
# Sourced by the scenarios with containers: /box has what a container needs.
# shellcheck source=tests/testbed/lib.sh
. /testbed/lib.sh

mount -t cgroup2 none /sys/fs/cgroup
for folder in bin proc sys dev tmp etc run usr/lib/x86_64-linux-gnu; do
	mkdir -p "/box/$folder"
done
ln -s usr/lib /box/lib
cp -R /usr/lib64 /box/
cp /usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libresolv.so.2 \
	/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 /box/usr/lib/x86_64-linux-gnu/
cp /usr/bin/busybox /box/bin/

# What podman needs from a host: a policy, and a file system that is no overlay
for_podman()
{
	mkdir -p /var/lib/containers
	mount -t tmpfs containers /var/lib/containers
	printf '%s\n' '[storage]' 'driver = "vfs"' 'runroot = "/run/containers/storage"' \
		'graphroot = "/var/lib/containers/storage"' >/etc/containers/storage.conf
	printf '%s\n' '[engine]' 'cgroup_manager = "cgroupfs"' 'events_logger = "file"' >/etc/containers/containers.conf
	echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
}
