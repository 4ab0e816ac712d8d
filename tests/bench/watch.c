/* How soon `netns-setup watch` has mended what happened, seen from beside it: prints the
 * median of the times from the event to the repair, in milliseconds, and whether it is at
 * most 10.
 *   watch link LINK ROUNDS            in the namespace: LINK goes down and up, and its
 *                                     default route comes back; from the event that it is up
 *   watch storm PID SECONDS           in the namespace: 1,000 times a second an address is added
 *                                     or deleted that is not in the settings; how much of a
 *                                     processor the process PID takes
 *   watch file ROUNDS COMMAND...      on the host: /etc/resolv.conf is replaced by rename,
 *                                     and COMMAND (netns-exec NAME watch service) sees its
 *                                     own again; from before the rename
 * SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double times[10000];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int less(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print(const char *what, int rounds)
{
	qsort(times, rounds, sizeof *times, less);
	printf("  %-46s %7.2f %7.2f %7.2f   %s\n", what, times[rounds / 2], times[rounds * 9 / 10],
	       times[rounds - 1], times[rounds / 2] <= 10 ? "met" : "not met");
}

/* Wait longer than a watch pauses after a repair, whose own events it also receives. */
static void rest(void)
{
	usleep(700000);
}

static int routes(const char *link, int rounds)
{
	struct sockaddr_nl self = {.nl_family = AF_NETLINK,
				   .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE};
	int events = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int requests = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	unsigned number = if_nametoindex(link);
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} both[2];
	char buffer[65536];

	if (!number || events < 0 || requests < 0 || bind(events, (void *)&self, sizeof self))
		fail(link);
	memset(both, 0, sizeof both);
	for (int i = 0; i < 2; i++) {
		both[i].head.nlmsg_len = sizeof both[i];
		both[i].head.nlmsg_type = RTM_NEWLINK;
		both[i].head.nlmsg_flags = NLM_F_REQUEST;
		both[i].link.ifi_index = number;
		both[i].link.ifi_change = IFF_UP;
		both[i].link.ifi_flags = i ? IFF_UP : 0;
	}
	for (int round = 0; round < rounds; round++) {
		double up = 0, back = 0;

		rest();
		while (recv(events, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
			;
		if (send(requests, both, sizeof both, 0) != sizeof both)
			fail("send");
		while (!back) {
			int length = recv(events, buffer, sizeof buffer, 0);
			struct nlmsghdr *head = (void *)buffer;

			if (length < 0)
				fail("recv");
			for (; NLMSG_OK(head, length); head = NLMSG_NEXT(head, length)) {
				struct ifinfomsg *of = NLMSG_DATA(head);
				struct rtmsg *route = NLMSG_DATA(head);

				if (head->nlmsg_type == RTM_NEWLINK && of->ifi_index == (int)number &&
				    of->ifi_flags & IFF_UP && !up)
					up = now();
				if (head->nlmsg_type == RTM_NEWROUTE && !route->rtm_dst_len &&
				    route->rtm_type == RTN_UNICAST && up)
					back = now();
			}
		}
		times[round] = back - up;
	}
	print("a link is up: its routes are back", rounds);
	return 0;
}

/* The processor time of a process and of its threads, in seconds. */
static double used(const char *pid)
{
	char path[64], line[1024], *after;
	unsigned long user, system;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	file = fopen(path, "r");
	if (!file || !fgets(line, sizeof line, file))
		fail(path);
	fclose(file);
	after = strrchr(line, ')');
	if (!after || sscanf(after, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			     &system) != 2)
		fail(path);
	return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

static int storm(const char *pid, int seconds)
{
	int requests = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr head;
		struct ifaddrmsg address;
		struct rtattr attribute;
		unsigned char ip[4];
	} change = {
		.head = {.nlmsg_len = sizeof change},
		.address = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1},
		.attribute = {.rta_len = RTA_LENGTH(4), .rta_type = IFA_LOCAL},
		.ip = {198, 51, 100, 7},
	};
	double start, before;
	int made = 0;

	if (requests < 0)
		fail("socket");
	rest();
	before = used(pid);
	start = now();
	while (made < seconds * 1000) {
		while (made < now() - start) {
			int adds = made++ % 2 == 0;

			change.head.nlmsg_type = adds ? RTM_NEWADDR : RTM_DELADDR;
			change.head.nlmsg_flags = NLM_F_REQUEST | (adds ? NLM_F_CREATE | NLM_F_EXCL : 0);
			if (send(requests, &change, sizeof change, 0) != sizeof change)
				fail("send");
		}
		usleep(500);
	}
	before = (used(pid) - before) * 1e5 / (now() - start);
	printf("  %-46s %5.1f %% of a processor   %s (asked: 5 at most)\n",
	       "1,000 changes of others a second", before, before <= 5 ? "met" : "not met");
	return 0;
}

/* Runs in the namespace: for each byte that it reads, waits until the bind mount of
   /etc/resolv.conf is restored, and writes the time. */
static int service(void)
{
	struct pollfd mounts = {.fd = open("/proc/self/mountinfo", O_RDONLY), .events = POLLPRI};
	struct stat own, seen;
	char byte;

	if (mounts.fd < 0 || stat("/etc/resolv.conf", &own))
		fail("/etc/resolv.conf");
	while (poll(&mounts, 1, 0) > 0)
		;
	if (write(1, "!", 1) != 1)
		fail("write");
	while (read(0, &byte, 1) == 1) {
		double healed;

		do {
			if (poll(&mounts, 1, 10000) != 1)
				fail("it was not bound again");
		} while (stat("/etc/resolv.conf", &seen) || seen.st_ino != own.st_ino ||
			 seen.st_dev != own.st_dev);
		healed = now();
		if (write(1, &healed, sizeof healed) != sizeof healed)
			fail("write");
	}
	return 0;
}

static int file(int rounds, char **command)
{
	int to[2], from[2];
	char byte;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		fail("pipe2");
	if (!fork()) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		execvp(*command, command);
		fail(*command);
	}
	close(from[1]);
	if (read(from[0], &byte, 1) != 1)
		fail("the service");
	for (int round = 0; round < rounds; round++) {
		double start, healed;
		int new;

		rest();
		new = open("/etc/resolv.conf.new", O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (new < 0 || close(new) || write(to[1], "?", 1) != 1)
			fail("/etc/resolv.conf.new");
		start = now();
		if (rename("/etc/resolv.conf.new", "/etc/resolv.conf"))
			fail("rename");
		if (read(from[0], &healed, sizeof healed) != sizeof healed)
			fail("the service");
		times[round] = healed - start;
	}
	print("/etc/resolv.conf is renamed: it is bound again", rounds);
	return 0;
}

int main(int count, char **words)
{
	if (count == 4 && !strcmp(words[1], "link"))
		return routes(words[2], atoi(words[3]));
	if (count == 4 && !strcmp(words[1], "storm"))
		return storm(words[2], atoi(words[3]));
	if (count > 3 && !strcmp(words[1], "file"))
		return file(atoi(words[2]), words + 3);
	if (count == 2 && !strcmp(words[1], "service"))
		return service();
	fprintf(stderr, "watch: see its head\n");
	return 1;
}
