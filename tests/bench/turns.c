/* How long each of some contestants takes to do one and the same, in turns: ROUNDS, PAUSE
 * and ASKED:LABEL=COMMANDS in, a table out. COMMANDS are split at blanks, `;` stands
 * between two of them. What stands before `?` prepares, and what stands behind `!` takes
 * away again what was made: neither is timed. What was taken away ends in the kernel
 * some time later, and a socket of what prepares is released some time later:
 * PAUSE is how many milliseconds each is given.
 * The first contestant is ours, which the others are compared with: ASKED is how many
 * times as long as ours they are to take at least; with 0 nothing is asked. Where
 * MEDIANS is in the environment, the medians are appended to that file, in microseconds.
 */
#include "turns.h"

#define MOST 16
#define WORDS 256

static char *contestants[MOST][WORDS];
static int pause_ms;

static int is(const char *word, const char *mark)
{
	return word && strcmp(word, mark) == 0;
}

/* Where a part of a contestant's commands begins, if it has that part. */
static char **behind(char **words, const char *mark)
{
	while (*words && !is(*words, mark))
		words++;
	return *words ? words + 1 : NULL;
}

/* One part, up to the next. */
static double part(char **words)
{
	double took = 0;
	while (*words && !is(*words, "?") && !is(*words, "!")) {
		char *command[WORDS];
		int place = 0;
		for (; *words && !is(*words, "?") && !is(*words, "!") && !is(*words, ";"); words++)
			command[place++] = *words;
		command[place] = NULL;
		took += run(command);
		if (is(*words, ";"))
			words++;
	}
	return took;
}

static double once(char **words)
{
	char **timed = behind(words, "?"), **last = behind(words, "!");
	if (timed) {
		part(words);
		usleep(pause_ms * 1000);
	}
	double took = part(timed ? timed : words);
	if (last)
		part(last);
	usleep(pause_ms * 1000);
	return took;
}

int main(int count, char **words)
{
	static double *took[MOST];
	double asked[MOST];
	int rounds = count > 1 ? atoi(words[1]) : 0, all = count - 3;
	if (rounds < 1 || all < 1 || all > MOST) {
		fprintf(stderr, "turns: expected ROUNDS, PAUSE and 1 to %d ASKED:LABEL=COMMANDS\n", MOST);
		return 100;
	}
	pause_ms = atoi(words[2]);
	for (int i = 0; i < all; i++) {
		char *label = words[i + 3], *command = strchr(label, '=');
		int place = 0;
		*command++ = '\0';
		asked[i] = strtod(label, &label);
		words[i + 3] = label + 1;
		for (char *word = strtok(command, " \t\n"); word && place < WORDS - 1; word = strtok(NULL, " \t\n"))
			contestants[i][place++] = word;
		took[i] = malloc(rounds * sizeof(double));
		/* to warm up */
		if (rounds > 2)
			once(contestants[i]);
	}
	for (int round = 0; round < rounds; round++) {
		int order[MOST];
		shuffle(order, all);
		for (int k = 0; k < all; k++) {
			int i = order[k];
			took[i][round] = once(contestants[i]);
		}
	}
	for (int i = 0; i < all; i++)
		sort(took[i], rounds);

	const char *path = getenv("MEDIANS");
	FILE *medians = path ? fopen(path, "a") : NULL;
	double ours = took[0][rounds / 2];
	printf("%-48s %9s %9s %9s %8s %8s\n", "microseconds, whole processes", "median", "quarter", "3 quart.", "to ours", "asked");
	for (int i = 0; i < all; i++) {
		double median = took[i][rounds / 2];
		printf("%-48s %9.0f %9.0f %9.0f", words[i + 3], median, took[i][rounds / 4],
			took[i][rounds * 3 / 4]);
		if (i > 0)
			printf(" %8.2f", median / ours);
		if (asked[i] > 0)
			printf(" %8.2f  %s", asked[i], median / ours < asked[i] ? "not met" : "met");
		printf("\n");
		if (medians)
			fprintf(medians, "%.0f\n", median);
	}
	return 0;
}
