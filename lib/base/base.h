/* SPDX-License-Identifier: MIT */
/* base: what every other folder stands on: clean-up, the error record, strings, descriptors. */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nucleus/nucleus.h>

#define NUC_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NUC_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* ---- clean-up: release what a scope owns when it is left, on every path --------------------- */

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void nuc_freep(void *p)
{
	free(*(void **)p);
}

static inline void nuc_closep(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		close(*fd);
		errno = saved;
	}
}

static inline void nuc_error_freep(nucleus_error **e)
{
	nucleus_error_free(*e);
}

#define _cleanup_free_ _cleanup_(nuc_freep)
#define _cleanup_close_ _cleanup_(nuc_closep)
#define _cleanup_error_ _cleanup_(nuc_error_freep)

/* Hands ownership on: the variable is left empty, so that its clean-up does nothing. */
#define NUC_TAKE_PTR(p)                                                                            \
	({                                                                                         \
		__typeof__(p) *_pp = &(p);                                                         \
		__typeof__(p) _v = *_pp;                                                           \
		*_pp = NULL;                                                                       \
		_v;                                                                                \
	})
#define NUC_TAKE_FD(fd)                                                                            \
	({                                                                                         \
		int *_pfd = &(fd);                                                                 \
		int _v = *_pfd;                                                                    \
		*_pfd = -1;                                                                        \
		_v;                                                                                \
	})

/* ---- the error record ----------------------------------------------------------------------- */

/* Where an error belongs. `origin` (file:line:col or flag) and `hint` may be NULL; all is copied. */
struct nuc_where {
	const char *stage;
	const char *layer;
	const char *origin;
	const char *hint;
};

/*
 * Fills *ret (if ret is not NULL) with a new record and returns `code`, a negative errno, so that
 * a failing function says `return nuc_fail(ret_err, -EINVAL, &where, "...", ...)`. If there is no
 * memory for the record, a static one that says so is given instead.
 */
int nuc_fail(nucleus_error **ret, int code, const struct nuc_where *where, const char *fmt, ...)
	NUC_PRINTF(4, 5);

/* "ENOENT" for 2 or -2; "E?" for what has no name. */
const char *nuc_errno_name(int code);

/* ---- strings ---------------------------------------------------------------------------------- */

/* A string that grows. Once out of memory it stays `failed`, and take() gives -ENOMEM. */
struct nuc_buf {
	char *s;
	size_t len, size;
	bool failed;
};

/* Room for `len` more bytes and a NUL; false, and `failed`, without memory. */
bool nuc_buf_reserve(struct nuc_buf *b, size_t len);
void nuc_buf_add(struct nuc_buf *b, const void *bytes, size_t len);
void nuc_buf_puts(struct nuc_buf *b, const char *s);
/* No argument may be of the buffer itself. */
void nuc_buf_printf(struct nuc_buf *b, const char *fmt, ...) NUC_PRINTF(2, 3);
/* Gives the string (NUL-terminated, never NULL on success) away; the buffer is empty again. */
int nuc_buf_take(struct nuc_buf *b, char **ret);
/* Adds a program's words: what is not harmless becomes \xHH, and with `backslash` a backslash two. */
void nuc_buf_escaped(struct nuc_buf *b, const char *s, size_t len, bool backslash);
void nuc_buf_free(struct nuc_buf *b);
#define _cleanup_buf_ _cleanup_(nuc_buf_free)

/* printf into a new string; NULL when there is no memory. */
char *nuc_strf(const char *fmt, ...) NUC_PRINTF(1, 2);

/* What programs named may move a terminal: '?' for each byte of what is no printable UTF-8. NULL is allowed. */
void nuc_tame(char *s);
/* Whether the bytes are valid UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool nuc_utf8_valid(const char *s, size_t len);
/*
 * One character of a program's words: how long it is (1 where it is none), what it is, and whether it acts on no
 * terminal, hides no text and turns none around.
 */
size_t nuc_text_char(const char *s, size_t len, uint32_t *ret, bool *ret_harmless);

/* The candidate nearest to `word` if it is near enough to be a typing error, or NULL. */
const char *nuc_nearest(const char *word, const char *(*candidate)(size_t i, void *arg), void *arg);

/* SHA-256 as 64 lower-case hexadecimal digits and a NUL. */
void nuc_sha256_hex(const void *bytes, size_t len, char ret[65]);

/* What follows the line that `line` stands in: the next one, or the text's end. */
const char *nuc_next_line(const char *line);

/* For qsort() of char * elements, by bytes. */
int nuc_compare_strings(const void *a, const void *b);

/* ---- descriptors ------------------------------------------------------------------------------- */

/* Moves a descriptor that fell on 0, 1 or 2 (the caller had them closed) above them; -errno. */
int nuc_fd_above_stdio(int fd);

/*
 * Reads a whole file of at most `max` bytes, in one pass over one descriptor. Gives a string with a
 * NUL behind its `*ret_len` bytes. -EFBIG when there is more than `max`.
 */
int nuc_read_fd(int fd, size_t max, char **ret, size_t *ret_len);
/* The same by path, from a directory or AT_FDCWD, for small files of /proc and /sys; follows links. */
int nuc_read_at(int dir, const char *path, size_t max, char **ret, size_t *ret_len);
int nuc_read_file(const char *path, size_t max, char **ret, size_t *ret_len);

/*
 * The number of a namespace of the calling thread, by its name in /proc/thread-self/ns ("pid_for_children"): no two
 * that exist have the same (namespaces(7)). 0 where it is not known.
 */
uint64_t nuc_namespace_of_thread(const char *name);

/* ---- time -------------------------------------------------------------------------------------- */

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t nuc_now_ns(void);

static inline int64_t nuc_now_ms(void)
{
	return nuc_now_ns() / 1000000;
}

/* ---- user namespaces, for idmapped mounts ------------------------------------------------------- */

/*
 * A descriptor of a new user namespace with these maps ("inside outside count", user_namespaces(7)).
 * Needs CAP_SETUID and CAP_SETGID. No process of it remains. Costs the same in a caller of any size.
 */
int nuc_userns_new(const char *uid_map, const char *gid_map);

#define NUC_ID_MAP_SIZE 40 /* of a map of one range, three numbers of 32 bits */

/* User namespaces by their maps, each made once. All zero: none. */
struct nuc_usernses {
	struct {
		char uid_map[NUC_ID_MAP_SIZE], gid_map[NUC_ID_MAP_SIZE];
		int fd;
	} of[16];
	size_t n;
};
/* The one with these maps, made if need be: a descriptor of the set's, or -errno. */
int nuc_usernses_find(struct nuc_usernses *u, const char *uid_map, const char *gid_map);
/* The same, and from then on the caller's. */
int nuc_usernses_take(struct nuc_usernses *u, const char *uid_map, const char *gid_map);
void nuc_usernses_done(struct nuc_usernses *u);
/* Whether the tree that `fd` (O_PATH) stands for can be idmapped through `userns`. 0 or -errno. */
int nuc_try_idmap(int fd, int userns);
