/* How long commands take, from the start of their process to its end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };

/* What they print goes nowhere. */
static int nowhere = -1;

/* In microseconds. */
static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

/* A command that fails ends it all. */
static double run(char **words)
{
	if (nowhere < 0)
		nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	double start = now();
	pid_t child = vfork();
	int status = 0;
	if (child == 0) {
		dup2(nowhere, 1);
		execvpe(words[0], words, environment);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
		fprintf(stderr, "bench: %s ended with status %#x\n", words[0], status);
		exit(1);
	}
	return now() - start;
}

static int by_size(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;
	return (a > b) - (a < b);
}

static void sort(double *of, int count)
{
	qsort(of, count, sizeof *of, by_size);
}

/* The order of a round, anew for each: none runs always behind the same one, which may leave
 * the processor's caches in a better or worse state than another. The same in each run.
 */
static void shuffle(int *order, int count)
{
	static unsigned seed = 1;
	for (int i = 0; i < count; i++)
		order[i] = i;
	for (int i = count - 1; i > 0; i--) {
		seed = seed * 1103515245 + 12345;
		int other = (seed >> 16) % (i + 1), kept = order[i];
		order[i] = order[other];
		order[other] = kept;
	}
}
