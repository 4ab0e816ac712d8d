/* How long `rc-service SERVICE start` takes with the hook and without, in turns: ROUNDS
 * in, the two medians and their difference out. It runs in the test-bed's host, where
 * /etc/rc.conf.d/netns.conf is an empty file as old as the hook, and /hook is the hook:
 * OpenRC must not see a new file, and read all its scripts anew.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOOK "/etc/rc.conf.d/netns.conf"
#define MOST 10000

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double run(char *verb)
{
	double start = now();
	pid_t child = fork();
	int status = 0;
	if (child == 0) {
		execlp("rc-service", "rc-service", "-q", "nothing", verb, NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
		fprintf(stderr, "hook: rc-service nothing %s ended with status %#x\n", verb, status);
		exit(1);
	}
	return now() - start;
}

static int by_size(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;
	return (difference > 0) - (difference < 0);
}

static double median(double *of, int count)
{
	qsort(of, count, sizeof *of, by_size);
	return of[count / 2];
}

int main(int count, char **words)
{
	static double with[MOST], without[MOST];
	int rounds = count > 1 ? atoi(words[1]) : 100;

	for (int round = -1; round < rounds && round < MOST; round++) {
		double took[2];
		for (int hook = 0; hook < 2; hook++) {
			if (hook && mount("/hook", HOOK, NULL, MS_BIND, NULL) != 0) {
				perror("hook: mount");
				return 1;
			}
			took[hook] = run("start");
			run("stop");
			if (hook)
				umount2(HOOK, MNT_DETACH);
		}
		/* the first round warms up */
		if (round >= 0) {
			without[round] = took[0];
			with[round] = took[1];
		}
	}
	double a = median(without, rounds), b = median(with, rounds);
	printf("rc-service start of a service without netns=: %.2f ms, with the hook %.2f ms (+%.2f ms)\n",
		a, b, b - a);
	return 0;
}
