/* SPDX-License-Identifier: MIT */
/* nucleus why: what would refuse something, and what would allow it; nothing is run. */
#include "cli.h"

struct answers {
	char **texts;
	size_t n;
	bool refused;
};

static void answers_done(struct answers *all)
{
	while (all->n)
		nucleus_free(all->texts[--all->n]);
	free(all->texts);
}
#define _cleanup_answers_ _cleanup_(answers_done)

/* Before one is printed: a question that is none is not to cut a list short. */
static int ask_all(const struct cli_args *args, const nucleus_sandbox *sandbox, struct answers *ret)
{
	ret->texts = calloc(args->n_operands, sizeof(*ret->texts));
	if (!ret->texts)
		return cli_fail(-ENOMEM, NULL, "out of memory");
	for (size_t i = 0; i < args->n_operands; i++) {
		_cleanup_error_ nucleus_error *error = NULL;
		int answer = nucleus_sandbox_why(sandbox, args->operands[i],
						 args->format ? args->format : "text",
						 &ret->texts[i], &error);

		if (answer < 0)
			return cli_fail_library(answer, error);
		ret->refused |= !answer;
		ret->n++;
	}
	return 0;
}

int cli_why(const struct cli_args *args)
{
	_cleanup_sandbox_ nucleus_sandbox *sandbox = NULL;
	_cleanup_answers_ struct answers all = { 0 };
	int r;

	if (!args->n_operands)
		return cli_fail(-EINVAL, "nucleus why [OPTIONS] open:/PATH | connect:HOST:PORT | syscall:NAME...",
				"nothing is asked");
	r = cli_args_sandbox(args, &sandbox);
	if (!r)
		r = ask_all(args, sandbox, &all);
	for (size_t i = 0; !r && i < all.n; i++)
		r = cli_print(all.texts[i]);
	return r ? r : all.refused ? EXIT_FAILURE : EXIT_SUCCESS;
}
