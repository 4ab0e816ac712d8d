/* What netns-exec is measured against: the system calls that it makes on its common path,
 * one after the other and nothing else. NAME COMMAND... in; it becomes the command, or
 * ends with the number of the line that failed. Nothing is checked that the kernel does
 * not check, no message is written, and no name is looked at: this is no program to use.
 *
 * With -DPLAIN it does instead what ip(8) does, with the calls that were there before
 * Linux 5.2: what is mounted below /sys is lost, and nothing is looked at before.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DO(call) do { if ((call) < 0) _exit(__LINE__ % 100 + 1); } while (0)

extern char **environ;

static char buffer[1024];
static char path[512];

static const char *joined(const char *before, const char *name, const char *after)
{
	char *end = path;
	end = stpcpy(end, before);
	end = stpcpy(end, name);
	stpcpy(end, after);
	return path;
}

#ifdef PLAIN

static void bind_over(const char *from, const char *to)
{
	DO(mount(from, to, "none", MS_BIND, NULL));
	DO(mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
}

static void mounts(const char *name)
{
	char from[512];
	DO(unshare(CLONE_NEWNS));
	DO(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL));
	DO(umount2("/sys", MNT_DETACH));
	DO(mount(name, "/sys", "sysfs", 0, NULL));
	strcpy(from, joined("/etc/netns/", name, "/hosts"));
	bind_over(from, "/etc/hosts");
	strcpy(from, joined("/etc/netns/", name, "/resolv.conf"));
	bind_over(from, "/etc/resolv.conf");
}

static void joining(const char *name)
{
	int namespace;
	DO(namespace = open(joined("/run/netns/", name, ""), O_RDONLY | O_CLOEXEC));
	DO(setns(namespace, CLONE_NEWNET));
	close(namespace);
}

#else

struct attributes { unsigned long set, clear, propagation, userns; };
struct asked { unsigned size, spare; unsigned long mount, what; };

static void attach(int mount, const char *to)
{
	DO(syscall(SYS_move_mount, mount, "", AT_FDCWD, to, 4));
}

static void look_below_sys(void)
{
	struct statx told;
	unsigned long mounts[64];
	long count, i;
	DO(syscall(SYS_statx, AT_FDCWD, "/sys/class", AT_SYMLINK_NOFOLLOW, 0x4000, &told));
	struct asked below = { 24, 0, told.stx_mnt_id, 0 };
	DO(count = syscall(458, &below, mounts, 64, 0)); /* listmount */
	for (i = 0; i < count; i++) {
		struct asked point = { 24, 0, mounts[i], 0x10 };
		DO(syscall(457, &point, buffer, 768, 0)); /* statmount */
	}
}

static void view(const char *part, const char *to)
{
	int mount;
	DO(mount = syscall(SYS_open_tree, AT_FDCWD, part, 1 | O_CLOEXEC | 0x1100));
	attach(mount, to);
}

static void views_of_sys(const char *name)
{
	struct statfs told;
	DO(statfs("/sys", &told));
	DO(mount(joined("netns-exec:", name, ""), "/sys/class", "sysfs", 0, NULL));
	view("/sys/class/devices", "/sys/devices");
	view("/sys/class/class", "/sys/class");
}

static void entry(int folder, const char *name)
{
	struct attributes read_only = { 1, 0, 0, 0 };
	struct stat told;
	int mount;
	DO(mount = syscall(467, folder, name, 1 | O_CLOEXEC | 0x9100, /* open_tree_attr */
		&read_only, sizeof(read_only)));
	DO(fstat(mount, &told));
	attach(mount, joined("/etc/", name, ""));
}

static void entries_of_etc(const char *name)
{
	struct stat told;
	int folder;
	DO(folder = syscall(SYS_openat, AT_FDCWD, joined("/etc/netns/", name, ""),
		O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW));
	DO(fstatat(folder, "..", &told, 0));
	DO(fstat(folder, &told));
	DO(stat(joined("/run/netns-services/", name, "/etc"), &told));
	DO(syscall(SYS_getdents64, folder, buffer, sizeof(buffer)));
	entry(folder, "hosts");
	entry(folder, "resolv.conf");
	DO(syscall(SYS_getdents64, folder, buffer, sizeof(buffer)));
	close(folder);
}

static void look_for_resolvconf(const char *name)
{
	struct attributes read_only = { 1, 0, 0, 0 };
	syscall(467, AT_FDCWD, "/run/resolvconf/.", 1 | O_CLOEXEC | 0x9100,
		&read_only, sizeof(read_only));
	access("/sbin/resolvconf", F_OK);
	access("/usr/sbin/resolvconf", F_OK);
	access("/usr/bin/resolvconf", F_OK);
	access(joined("/run/netns-services/", name, "/resolv.conf"), F_OK);
}

static void mounts(const char *name)
{
	DO(unshare(CLONE_NEWNS));
	DO(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL));
	views_of_sys(name);
	entries_of_etc(name);
	look_for_resolvconf(name);
	access("/var/run/nscd", F_OK);
	access("/run/systemd/resolve", F_OK);
	access("/run/avahi-daemon", F_OK);
	DO(syscall(SYS_getcwd, buffer, 256));
}

static void joining(const char *name)
{
	int namespace;
	DO(namespace = syscall(SYS_openat, AT_FDCWD, joined("/run/netns/", name, ""),
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
	struct stat told;
	int ready;
	DO(ready = syscall(SYS_openat, AT_FDCWD, joined("/run/netns-services/", name, "/ready"),
		O_RDONLY | O_CLOEXEC));
	DO(fstat(namespace, &told));
	DO(read(ready, buffer, 96));
	close(ready);
	access("/sys/module/vrf", F_OK);
	look_below_sys();
	DO(setns(namespace, CLONE_NEWNET));
}

#endif

int main(int count, char **words)
{
	if (count < 3)
		return 100;
	joining(words[1]);
	mounts(words[1]);
	execve(words[2], words + 2, environ);
	return 127;
}
