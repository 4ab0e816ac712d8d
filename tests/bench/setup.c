/* What netns-setup is measured against: a program that sends the same messages for the
 * namespace of the benchmark, in batches, on blocking sockets, and writes the same files.
 * Its arguments are up or down, and names, or -f and a file of names. The host's end of the
 * veth has the namespace's name. It reads no settings, looks at nothing and undoes nothing, and
 * its exit code is the number of the line that failed: this is no program to use.
 *
 * Two other ways to take down, which show what the kernel needs at least: down-group deletes
 * all links by one message, down-names only removes the names, and the kernel ends the
 * namespaces. Both return when the links are gone, and gone only waits for that.
 *
 * With -DBARE it writes no files but the one that is the namespace's name.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DO(call) do { if ((call) < 0) _exit(__LINE__ % 100 + 1); } while (0)
#define NAMES "/run/netns"
#define STATE "/run/netns-services"
/* No other link is in it. */
#define GROUP 0x6e737263

/* Messages that are not sent yet, and how many. */
static char batch[2048] __attribute__((aligned(4)));
static size_t length;
static int waiting;

static struct nlmsghdr *message(int type, int flags, const void *body, size_t size)
{
	struct nlmsghdr *head = (void *)(batch + length);
	memset(head, 0, NLMSG_SPACE(size));
	head->nlmsg_len = NLMSG_LENGTH(size);
	head->nlmsg_type = type;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	memcpy(NLMSG_DATA(head), body, size);
	length += NLMSG_SPACE(size);
	waiting++;
	return head;
}

static struct rtattr *attribute(struct nlmsghdr *head, int type, const void *value, size_t size)
{
	struct rtattr *new = (void *)(batch + length);
	memset(new, 0, RTA_SPACE(size));
	new->rta_type = type;
	new->rta_len = RTA_LENGTH(size);
	if (value)
		memcpy(RTA_DATA(new), value, size);
	length += RTA_SPACE(size);
	head->nlmsg_len = batch + length - (char *)head;
	return new;
}

static void end(struct rtattr *nest)
{
	nest->rta_len = batch + length - (char *)nest;
}

static void send_all(int socket)
{
	static char answer[8192];
	DO(send(socket, batch, length, 0));
	while (waiting > 0) {
		ssize_t got;
		DO(got = recv(socket, answer, sizeof(answer), 0));
		for (struct nlmsghdr *head = (void *)answer; NLMSG_OK(head, got); head = NLMSG_NEXT(head, got)) {
			if (head->nlmsg_type == NLMSG_ERROR)
				DO(((struct nlmsgerr *)NLMSG_DATA(head))->error);
			waiting--;
		}
	}
	length = 0;
}

static int connected(void)
{
	struct sockaddr_nl this = { .nl_family = AF_NETLINK };
	int new, yes = 1;
	DO(new = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	DO(bind(new, (void *)&this, sizeof(this)));
	DO(setsockopt(new, SOL_NETLINK, NETLINK_EXT_ACK, &yes, sizeof(yes)));
	DO(setsockopt(new, SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof(yes)));
	return new;
}

static void veth(const char *host, const char *inside, int netns)
{
	struct ifinfomsg link = { 0 }, peer = { .ifi_index = 2 };
	struct nlmsghdr *head = message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof(link));
	attribute(head, IFLA_IFNAME, host, strlen(host) + 1);
	struct rtattr *info = attribute(head, IFLA_LINKINFO, NULL, 0);
	attribute(head, IFLA_INFO_KIND, "veth", 5);
	struct rtattr *data = attribute(head, IFLA_INFO_DATA, NULL, 0);
	struct rtattr *other = attribute(head, VETH_INFO_PEER, &peer, sizeof(peer));
	attribute(head, IFLA_IFNAME, inside, strlen(inside) + 1);
	attribute(head, IFLA_NET_NS_FD, &netns, sizeof(netns));
	end(other);
	end(data);
	end(info);
}

static void up(int index)
{
	struct ifinfomsg link = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	message(RTM_NEWLINK, 0, &link, sizeof(link));
}

static void address(int index, const char *text)
{
	struct ifaddrmsg new = { .ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = index };
	struct nlmsghdr *head = message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &new, sizeof(new));
	in_addr_t ip = inet_addr(text);
	attribute(head, IFA_LOCAL, &ip, sizeof(ip));
	attribute(head, IFA_ADDRESS, &ip, sizeof(ip));
}

static void default_route(int index, const char *text)
{
	struct rtmsg new = { .rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST,
		.rtm_protocol = RTPROT_BOOT };
	struct nlmsghdr *head = message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &new, sizeof(new));
	in_addr_t ip = inet_addr(text);
	attribute(head, RTA_GATEWAY, &ip, sizeof(ip));
	attribute(head, RTA_OIF, &index, sizeof(index));
}

static int index_of(int socket, const char *link)
{
	struct ifreq request = { 0 };
	strcpy(request.ifr_name, link);
	DO(ioctl(socket, SIOCGIFINDEX, &request));
	return request.ifr_ifindex;
}

static const char *path(const char *folder, const char *name, const char *file)
{
	static char joined[256];
	stpcpy(stpcpy(stpcpy(stpcpy(stpcpy(joined, folder), "/"), name), *file ? "/" : ""), file);
	return joined;
}

static int locked(void)
{
	int lock;
	DO(lock = open(NAMES, O_RDONLY | O_CLOEXEC));
	DO(flock(lock, LOCK_EX));
	return lock;
}

/* This process stays in it. */
static int new_netns(const char *name)
{
	const char *to = path(NAMES, name, "");
	int lock = locked(), netns;
	DO(mount(NULL, NAMES, NULL, MS_SHARED | MS_REC, NULL));
	DO(close(open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0)));
	DO(unshare(CLONE_NEWNET));
	DO(mount("/proc/thread-self/ns/net", to, NULL, MS_BIND, NULL));
	close(lock);
	DO(netns = open(to, O_RDONLY | O_CLOEXEC));
	return netns;
}

#ifdef BARE

static int begin(const char *name)
{
	(void)name;
	return -1;
}

static void file(const char *name, const char *what, const char *text)
{
	(void)name, (void)what, (void)text;
}

static void remove_state(const char *name)
{
	(void)name;
}

#else

static int begin(const char *name)
{
	int lock;
	mkdir(STATE, 0755);
	mkdir(path(STATE, name, ""), 0755);
	DO(lock = open(path(STATE, name, "lock"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	DO(flock(lock, LOCK_EX));
	return lock;
}

static void file(const char *name, const char *what, const char *text)
{
	char new[256];
	int file;
	strcpy(new, path(STATE, name, "new"));
	DO(file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
	DO(write(file, text, strlen(text)));
	close(file);
	DO(rename(new, path(STATE, name, what)));
}

static void remove_state(const char *name)
{
	static const char *const files[] = { "ready", "etc", "journal", "lock" };
	for (int i = 0; i < 4; i++)
		DO(unlink(path(STATE, name, files[i])));
	DO(rmdir(path(STATE, name, "")));
}

#endif

static const char journal[] =
	"# What netns-setup made, and what was there before, to be put back by it\n"
	"[namespace]\nmade=yes\nidentity=4:4026532316:19\n\n"
	"[made eth0 inside]\ntype=veth\npeer=host0 host\naddress=192.0.2.2/24\n\n"
	"[made host0 host]\ntype=veth\npeer=eth0 inside\naddress=192.0.2.1/24\n\n"
	"[made routes]\ninside=default via 192.0.2.1 dev eth0\n[before routes]\n";

static void make(int host, const char *name)
{
	int lock = begin(name), index;
	file(name, "journal", journal);
	int netns = new_netns(name);
	int inside = connected();
	veth(name, "eth0", netns);
	send_all(host);
	index = index_of(host, name);
	up(1);
	up(2);
	address(2, "192.0.2.2");
	default_route(2, "192.0.2.1");
	send_all(inside);
	up(index);
	address(index, "192.0.2.1");
	send_all(host);
	file(name, "journal", journal);
	file(name, "etc", "bind\n");
	file(name, "ready", "");
	close(inside);
	close(netns);
	close(lock);
}

static void take_down(int host, const char *name)
{
	struct ifinfomsg link = { 0 };
	int state = begin(name);
	link.ifi_index = index_of(host, name);
	message(RTM_DELLINK, 0, &link, sizeof(link));
	send_all(host);
	int lock = locked();
	DO(umount2(path(NAMES, name, ""), MNT_DETACH));
	DO(unlink(path(NAMES, name, "")));
	close(lock);
	remove_state(name);
	close(state);
}

/* Until the kernel has ended the link of that name. */
static void gone(int host, const char *name)
{
	struct ifreq request = { 0 };
	strcpy(request.ifr_name, name);
	while (ioctl(host, SIOCGIFINDEX, &request) == 0)
		usleep(200);
}

static void remove_name(const char *name)
{
	DO(umount2(path(NAMES, name, ""), MNT_DETACH));
	DO(unlink(path(NAMES, name, "")));
	remove_state(name);
}

static void into_group(int host, const char *name)
{
	struct ifinfomsg link = { .ifi_index = index_of(host, name) };
	int group = GROUP;
	attribute(message(RTM_NEWLINK, 0, &link, sizeof(link)), IFLA_GROUP, &group, sizeof(group));
	send_all(host);
}

static void delete_group(int host)
{
	struct ifinfomsg link = { 0 };
	int group = GROUP;
	attribute(message(RTM_DELLINK, 0, &link, sizeof(link)), IFLA_GROUP, &group, sizeof(group));
	send_all(host);
}

static void do_it(int host, const char *verb, const char *name)
{
	if (strcmp(verb, "up") == 0)
		make(host, name);
	else if (strcmp(verb, "into-group") == 0)
		into_group(host, name);
	else if (strcmp(verb, "remove-name") == 0)
		remove_name(name);
	else if (strcmp(verb, "gone") == 0)
		gone(host, name);
	else
		take_down(host, name);
}

static void do_all(int host, const char *verb, char **words)
{
	char name[64];
	if (strcmp(words[0], "-f") != 0) {
		for (; *words; words++)
			do_it(host, verb, *words);
		return;
	}
	FILE *names = fopen(words[1], "r");
	while (names && fscanf(names, "%63s", name) == 1)
		do_it(host, verb, name);
}

int main(int count, char **words)
{
	if (count < 3)
		return 100;
	int host = connected();
	if (strcmp(words[1], "down-group") == 0) {
		do_all(host, "into-group", words + 2);
		delete_group(host);
		do_all(host, "remove-name", words + 2);
	} else if (strcmp(words[1], "down-names") == 0) {
		do_all(host, "remove-name", words + 2);
		do_all(host, "gone", words + 2);
	} else {
		do_all(host, words[1], words + 2);
	}
	return 0;
}
