/* SPDX-License-Identifier: MIT */
/*
 * counts NAME POLICY.toml POLICY.json: does one thing with fixed input, on a host that is made up, inside of
 * counts_measured(). counts.py has valgrind count the instructions of that.
 */
#include <jansson.h>
#include <sys/mman.h>

#include "../unit/fake_world.h"

static const char *text[2]; /* TOML, JSON */
static nucleus_policy *policy;
static struct nuc_plan *plan;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "counts: %s\n", what);
	exit(1);
}

static nucleus_policy *read_policy(int which)
{
	static const char *const names[] = { "policy.toml", "policy.json" };
	_cleanup_close_ int fd = memfd_create(names[which], MFD_CLOEXEC);
	nucleus_error *e = NULL;
	nucleus_policy *p;
	int r;

	need(fd >= 0 && write(fd, text[which], strlen(text[which])) == (ssize_t)strlen(text[which]) &&
		     lseek(fd, 0, SEEK_SET) == 0, "memfd");
	need(nucleus_policy_new(&p) == 0, "memory");
	r = nucleus_policy_load_fd(p, fd, names[which], &e);
	need(r == 0, e ? nucleus_error_message(e) : "load");
	return p;
}

static struct nuc_plan *compile_policy(void)
{
	struct nuc_world w = fake_world(true);
	nucleus_error *e = NULL;
	struct nuc_plan *p;
	int r = nuc_compile(policy, &w, &p, &e);

	need(r == 0, e ? nucleus_error_message(e) : "compile");
	return p;
}

/* ---- what is counted: all that it makes is freed ------------------------------------------------------ */

static void read_toml(void)
{
	nucleus_policy_free(read_policy(0));
}

static void read_json(void)
{
	nucleus_policy_free(read_policy(1));
}

static void compile(void)
{
	free(compile_policy());
}

static void compile_twice(void)
{
	compile();
	compile();
}

static void verify(void)
{
	need(nuc_verify(plan, plan->size, NULL) == 0, "verify");
}

static void explain_text(void)
{
	_cleanup_free_ char *words = NULL;

	need(nuc_explain_text(plan, &words) == 0, "explain");
}

static void explain_json(void)
{
	_cleanup_free_ char *words = NULL;

	need(nuc_explain_json(plan, &words) == 0, "explain");
}

static const struct {
	const char *name;
	void (*run)(void);
} things[] = {
	{ "read-toml", read_toml },	  { "read-json", read_json },	    { "compile", compile },
	{ "verify", verify },		  { "explain-text", explain_text }, { "explain-json", explain_json },
	/* For the check of the check. */
	{ "compile-twice", compile_twice },
};

/* valgrind knows it by its name. */
void counts_measured(void (*run)(void));
__attribute__((noinline)) void counts_measured(void (*run)(void))
{
	run();
	__asm__ volatile(""); /* not a jump to it: that would be another function */
}

int main(int argc, char **argv)
{
	char *bytes[2] = { NULL, NULL };
	size_t len;

	need(argc == 4, "usage: counts NAME POLICY.toml POLICY.json");
	/* Else its hash tables differ from run to run. */
	json_object_seed(1);
	for (int i = 0; i < 2; i++) {
		need(nuc_read_file(argv[2 + i], 1 << 20, &bytes[i], &len) == 0, argv[2 + i]);
		text[i] = bytes[i];
	}
	policy = read_policy(0);
	plan = compile_policy();
	for (size_t i = 0; i < NUC_ARRAY_SIZE(things); i++) {
		if (strcmp(argv[1], things[i].name) != 0)
			continue;
		/* What is done once in a process is not counted: the first memory, names looked up. */
		things[i].run();
		counts_measured(things[i].run);
		free(plan);
		nucleus_policy_free(policy);
		free(bytes[0]);
		free(bytes[1]);
		return 0;
	}
	need(false, "no such thing");
}
