/* How long each of some commands takes, from its start to its end, in turns: ROUNDS and
 * LABEL=COMMAND... in, a table out. The first is what all the others end in: their added
 * time is what they take longer than it. The second is ours, which they are compared with.
 * LABEL can begin with N: and then the added time is to be N times ours at least.
 * COMMAND is split at blanks. A command that fails ends it all.
 */
#include "turns.h"

#define MOST 16

int main(int count, char **words)
{
	static char *commands[MOST][32];
	static double *took[MOST], asked[MOST];
	int rounds = count > 1 ? atoi(words[1]) : 0, all = count - 2;
	if (rounds < 1 || all < 3 || all > MOST) {
		fprintf(stderr, "measure: expected ROUNDS and 3 to %d LABEL=COMMAND\n", MOST);
		return 100;
	}
	for (int i = 0; i < all; i++) {
		char *command = strchr(words[i + 2], '='), *behind;
		int place = 0;
		asked[i] = strtod(words[i + 2], &behind);
		if (*behind == ':')
			words[i + 2] = behind + 1;
		else
			asked[i] = 0;
		*command++ = '\0';
		for (char *word = strtok(command, " "); word && place < 31; word = strtok(NULL, " "))
			commands[i][place++] = word;
		took[i] = malloc(rounds * sizeof(double));
		run(commands[i]);
	}
	for (int round = 0; round < rounds; round++) {
		int order[MOST];
		shuffle(order, all);
		for (int k = 0; k < all; k++) {
			int i = order[k];
			took[i][round] = run(commands[i]);
		}
	}
	for (int i = 0; i < all; i++)
		sort(took[i], rounds);

	double direct = took[0][rounds / 2], ours = took[1][rounds / 2] - direct;
	printf("%-34s %8s %8s %8s %8s %8s %8s\n", "microseconds, whole process", "median", "quarter", "3 quart.", "added", "to ours", "asked");
	for (int i = 0; i < all; i++) {
		double median = took[i][rounds / 2];
		printf("%-34s %8.0f %8.0f %8.0f %8.0f", words[i + 2], median, took[i][rounds / 4],
			took[i][rounds * 3 / 4], median - direct);
		double ratio = (median - direct) / ours;
		if (i > 0)
			printf(" %8.2f", ratio);
		if (asked[i] > 0)
			printf(" %8.2f  %s", asked[i], ratio < asked[i] ? "not met" : "met");
		printf("\n");
	}
	printf("netns-exec to C, the same calls: %.2f\n", ours / (took[2][rounds / 2] - direct));
	return 0;
}
