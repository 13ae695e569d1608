/* SPDX-License-Identifier: MIT */
/* Links and files by which a program would decide what the next start is granted. */
#include <sys/stat.h>

#include "compile.h"
#include "fake_world.h"
#include "../run_suite.h"

/* ---- what compile makes of it, on a host that is made up ------------------------------------------ */

static struct {
	const char *path; /* that was asked for last */
	bool links_only;
	int asked, answer;
	bool replaced;
} walked;

static int look_indirectly(struct nuc_world *w, const char *path, bool follow, struct nuc_look *ret)
{
	int r = fake_look(w, path, follow, ret);

	if (r == 0)
		ret->indirect = follow;
	return r;
}

static int walk_as_told(struct nuc_world *w, const char *path, const struct nuc_file_id *writable, size_t n,
			bool links_only, struct nuc_file_id *ret_end, char **ret_name)
{
	struct nuc_look l;

	ck_assert_uint_ge(n, 1);
	ck_assert_int_eq(fake_look(w, "/home/me/project", true, &l), 0);
	ck_assert_uint_eq(writable[0].dev, l.dev);
	ck_assert_uint_eq(writable[0].ino, l.ino);
	walked.asked++;
	walked.path = path;
	walked.links_only = links_only;
	if (walked.answer > 0)
		*ret_name = strdup("/home/me/project/link");
	*ret_end = (struct nuc_file_id){ 1, 1 };
	if (fake_look(w, path, true, &l) == 0 && !walked.replaced)
		*ret_end = (struct nuc_file_id){ l.dev, l.ino };
	return walked.answer;
}

struct wish {
	const char *key, *value;
};

static int compile(const char *mode, const struct wish wishes[4], struct nuc_plan **ret, nucleus_error **ret_err)
{
	struct nuc_world w = fake_world(false);
	nucleus_policy *policy;
	int r;

	w.look = look_indirectly;
	w.walk = walk_as_told;
	ck_assert_int_eq(nucleus_policy_new(&policy), 0);
	ck_assert_int_eq(nucleus_policy_set(policy, "mode", mode, NULL), 0);
	for (size_t i = 0; i < 4 && wishes[i].key; i++) {
		r = !strcmp(wishes[i].key, "volumes")
			    ? nucleus_policy_add(policy, wishes[i].key, wishes[i].value, NULL)
			    : nucleus_policy_set(policy, wishes[i].key, wishes[i].value, NULL);
		ck_assert_int_eq(r, 0);
	}
	walked.asked = 0;
	r = nuc_compile(policy, &w, ret, ret_err);
	nucleus_policy_free(policy);
	return r;
}

#define WORKSPACE { "workspace.path", "/home/me/project" }

static const struct {
	struct wish wishes[4];
	const char *origin, *hint; /* NULL: nothing is asked, for nothing could have been chosen */
	bool links_only;
} cases[] = {
	{ { WORKSPACE }, "workspace.path", "name the path itself", true },
	{ { WORKSPACE, { "workspace.mode", "copy-in-out" } }, "workspace.path", "name the path itself", true },
	{ { { "volumes", "/home/me/project:/p:rw" } }, "volumes", "name the path itself", true },
	{ { WORKSPACE, { "workspace.mode", "bind-ro" } }, NULL, NULL, false },
	{ { { "context.path", "/home/me/project" }, { "volumes", "/home/me/data:/data:ro" } }, NULL, NULL, false },
	{ { { "volumes", "/home/me/project:/p:ro" }, { "security.caps-policy", "/c" } }, NULL, NULL, false },
};

START_TEST(what_a_program_chose_is_refused_or_told)
{
	static const char *const modes[] = { "agent", "strict-agent" };

	for (size_t m = 0; m < NUC_ARRAY_SIZE(modes); m++) {
		for (int answer = 0; answer < 2; answer++) {
			nucleus_error *err = NULL;
			struct nuc_plan *plan = NULL;
			bool bad = cases[_i].origin && answer;
			int r;

			fake_policy_files[NUC_FILE_CAPS] = "bounding.keep = []\n";
			walked.answer = answer;
			r = compile(modes[m], cases[_i].wishes, &plan, &err);
			ck_assert_int_eq(!walked.asked, !cases[_i].origin);
			if (bad && m == 1) {
				ck_assert_int_eq(r, -EPERM);
				ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), "mode strict-agent refuses"));
				ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), "/home/me/project/link"));
				ck_assert_ptr_nonnull(strstr(nucleus_error_hint(err), cases[_i].hint));
				ck_assert_str_eq(nucleus_error_origin(err), "api");
			} else {
				ck_assert_msg(r == 0, "%s", err ? nucleus_error_message(err) : "");
				ck_assert_int_eq(!plan->warnings.len, !bad);
				if (bad)
					ck_assert_ptr_nonnull(strstr(nuc_plan_data(plan, plan->warnings.at),
								     cases[_i].hint));
			}
			nucleus_error_free(err);
			free(plan);
		}
	}
}
END_TEST

/* Pinned or signed files are what they are wherever they lie, and nothing makes that sure of the key. */
START_TEST(policy_files_are_asked_about_unless_they_are_pinned)
{
	static const char text[] = "bounding.keep = []\n";
	char digest[65];
	const struct {
		struct wish wishes[4];
		const char *path;
	} files[] = {
		{ { WORKSPACE, { "security.caps-policy", "/c" } }, "/c" },
		{ { WORKSPACE, { "security.caps-policy", "/c" }, { "security.caps-policy-sha256", digest } }, NULL },
		{ { WORKSPACE, { "security.caps-policy", "/c" }, { "security.policy-key", "/key" } }, "/key" },
	};
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;

	nuc_sha256_hex(text, strlen(text), digest);
	fake_policy_files[NUC_FILE_CAPS] = text;
	walked.answer = 0;
	for (size_t i = 0; i < NUC_ARRAY_SIZE(files); i++) {
		walked.path = NULL;
		ck_assert_int_eq(compile("strict-agent", files[i].wishes, &plan, &err), 0);
		ck_assert_int_eq(walked.asked, 1 + !!files[i].path);
		ck_assert_int_eq(walked.links_only, !files[i].path);
		free(plan);
	}
	walked.answer = -EACCES;
	ck_assert_int_eq(compile("agent", files[0].wishes, &plan, &err), -EACCES);
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), "cannot follow /home/me/project"));
	nucleus_error_free(err);
	fake_policy_files[NUC_FILE_CAPS] = NULL;
}
END_TEST

/* Whoever exchanges links between the look and the walk: what was looked at would be bound. */
START_TEST(what_was_replaced_meanwhile_is_refused)
{
	nucleus_error *err = NULL;
	struct nuc_plan *plan = NULL;

	walked.answer = 0;
	walked.replaced = true;
	ck_assert_int_eq(compile("agent", cases[0].wishes, &plan, &err), -ESTALE);
	ck_assert_ptr_nonnull(strstr(nucleus_error_message(err), "was replaced just now"));
	nucleus_error_free(err);
	walked.replaced = false;
}
END_TEST

/* ---- the walk, on this host ------------------------------------------------------------------------ */

static char top[64];

static void make_tree(void)
{
	snprintf(top, sizeof(top), "/tmp/nucleus-walk-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chdir(top), 0);
	ck_assert_int_eq(mkdir("in", 0755) | mkdir("in/deep", 0755) | mkdir("in/deep/er", 0755), 0);
	ck_assert_int_eq(mkdir("out", 0755) | mkdir("out/dir", 0755), 0);
	ck_assert_int_eq(mknod("in/file", S_IFREG | 0644, 0) | mknod("out/file", S_IFREG | 0644, 0), 0);
	ck_assert_int_eq(symlink("../out", "in/up") | symlink("up/dir", "in/twice"), 0);
	ck_assert_int_eq(symlink("../../out", "in/deep/far"), 0);
	ck_assert_int_eq(symlink("../in", "out/into") | symlink("../in/up", "out/through"), 0);
	ck_assert_int_eq(symlink("../in/none", "out/dangling") | symlink("loop", "out/loop"), 0);
	ck_assert_int_eq(symlink("dir", "out/plain") | symlink(top, "out/absolute"), 0);
}

static void remove_tree(void)
{
	static const char *const names[] = {
		"in/up", "in/twice", "in/deep/far", "in/file", "out/into", "out/through", "out/dangling", "out/loop",
		"out/plain", "out/absolute", "out/file", "in/deep/er", "in/deep", "in", "out/dir", "out",
	};

	for (size_t i = 0; i < NUC_ARRAY_SIZE(names); i++)
		ck_assert_int_eq(remove(names[i]), 0);
	ck_assert_int_eq(chdir("/") | rmdir(top), 0);
}

static struct nuc_file_id id_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (struct nuc_file_id){ st.st_dev, st.st_ino };
}

static const struct {
	const char *path;
	int links, names;  /* of links only, and of all names */
	const char *where; /* below the top; as a file is told it is where the tree is first met */
} ways[] = {
	{ "out/file", 0, 0, NULL },
	{ "out/none", -ENOENT, 0, NULL },
	{ "out/none/none", -ENOENT, -ENOENT, NULL },
	{ "out/file/none", -ENOTDIR, -ENOTDIR, NULL },
	{ "out/loop", -ELOOP, -ELOOP, NULL },
	{ "out/plain", 0, 0, NULL },
	{ "out/plain/../file", 0, 0, NULL },
	{ "out/absolute/out/dir", 0, 0, NULL },
	/* By its names, there or not there yet; and the tree itself. */
	{ "in", 0, 1, "in" },
	{ "in/file", 0, 1, "in/file" },
	{ "in/none", -ENOENT, 1, "in/none" },
	{ "in/deep/er/", 0, 1, "in/deep" },
	{ "out/into/file", 0, 1, "in/file" },
	{ "out/dangling", -ENOENT, 1, "in/none" },
	{ "in/../out/file", 0, 0, NULL },
	{ "in/deep/../../out/file", 0, 1, "in/deep" },
	{ "in/deep/er/../../../out/file", 0, 1, "in/deep" },
	/* By links in it, wherever they lead, and however one gets there. */
	{ "in/up", 1, 1, "in/up" },
	{ "in/up/file", 1, 1, "in/up" },
	{ "in/twice", 1, 1, "in/twice" },
	{ "out/through/file", 1, 1, "in/up" },
	{ "out/into/up/file", 1, 1, "in/up" },
	{ "out/absolute/in/up", 1, 1, "in/up" },
	{ "out/../in/./up//file", 1, 1, "in/up" },
	{ "in/deep/far/file", 1, 1, "in/deep" },
	{ "in/deep/../up/file", 1, 1, "in/deep" },
	{ "/proc/self/cwd/in/up", 1, 1, "in/up" },
	{ "/proc/self/cwd/out/file", 0, 0, NULL },
};

START_TEST(each_name_on_the_way_is_asked_for)
{
	struct nuc_file_id in, end;

	make_tree();
	in = id_of("in");
	for (size_t i = 0; i < NUC_ARRAY_SIZE(ways); i++) {
		for (int k = 0; k < 4; k++) {
			const bool links_only = k & 1, absolute = k & 2;
			const char *written = ways[i].path, *where = ways[i].where ? ways[i].where : "";
			_cleanup_free_ char *path = nuc_strf("%s%s%s", absolute && *written != '/' ? top : "",
							     absolute && *written != '/' ? "/" : "", written);
			_cleanup_free_ char *name = NULL, *want = nuc_strf("%s/%s", top, where);
			int r = nuc_walk(path, &in, 1, links_only, &end, &name);

			ck_assert_msg(r == (links_only ? ways[i].links : ways[i].names), "%s: %d", path, r);
			/* Of links the very one, which may be further on. */
			if (r > 0 && !links_only)
				ck_assert_str_eq(name, want);
			if (r > 0 && links_only)
				ck_assert_ptr_nonnull(strstr(name, "/in/"));
			if (r == 0 && access(path, F_OK) == 0) {
				ck_assert_uint_eq(end.dev, id_of(path).dev);
				ck_assert_uint_eq(end.ino, id_of(path).ino);
			}
			/* Where nothing can be written nothing was chosen. */
			ck_assert_int_le(nuc_walk(path, NULL, 0, links_only, &end, &name), 0);
		}
	}
	remove_tree();
}
END_TEST

/* A file that is bound for writing is written, whatever its directory is; and one of several trees is enough. */
START_TEST(a_file_and_one_of_several)
{
	_cleanup_free_ char *name = NULL, *other = NULL;
	struct nuc_file_id writable[3], end;

	make_tree();
	writable[0] = id_of("out/dir");
	writable[1] = id_of("in/deep");
	writable[2] = id_of("out/file");
	ck_assert_int_eq(nuc_walk("out/file", writable, 2, false, &end, &name), 0);
	ck_assert_int_eq(nuc_walk("out/file", writable, 3, false, &end, &name), 1);
	ck_assert_int_eq(nuc_walk("out/file", writable, 3, true, &end, &other), 0);
	ck_assert_int_eq(nuc_walk("in/deep/far/file", writable, 3, true, &end, &other), 1);
	remove_tree();
}
END_TEST

START_TEST(what_is_no_path_is_refused)
{
	_cleanup_free_ char *name = NULL, *longer = malloc(5000);
	struct nuc_file_id end;

	memset(longer, 'a', 4999);
	longer[4999] = '\0';
	ck_assert_int_eq(nuc_walk("", NULL, 0, true, &end, &name), -ENOENT);
	ck_assert_int_eq(nuc_walk(longer, NULL, 0, true, &end, &name), -ENAMETOOLONG);
	longer[300] = '\0';
	ck_assert_int_eq(nuc_walk(longer, NULL, 0, true, &end, &name), -ENAMETOOLONG);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("chosen");
	TCase *t = tcase_create("chosen");

	tcase_add_loop_test(t, what_a_program_chose_is_refused_or_told, 0, NUC_ARRAY_SIZE(cases));
	tcase_add_test(t, policy_files_are_asked_about_unless_they_are_pinned);
	tcase_add_test(t, what_was_replaced_meanwhile_is_refused);
	tcase_add_test(t, each_name_on_the_way_is_asked_for);
	tcase_add_test(t, a_file_and_one_of_several);
	tcase_add_test(t, what_is_no_path_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
