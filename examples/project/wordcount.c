/* SPDX-License-Identifier: MIT */
/* Counts the words of standard input. */
#include <ctype.h>
#include <stdio.h>

int main(void)
{
	int c, words = 0, inside = 0;

	while ((c = getchar()) != EOF) {
		if (isspace(c))
			inside = 0;
		else if (!inside++)
			words++;
	}
	printf("%d\n", words);
	return 0;
}
