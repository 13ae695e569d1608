/* SPDX-License-Identifier: MIT */
/* Reading a file that decides about security: what it is, who may write it, all of it, once. */
#pragma once

#include "base.h"

struct nuc_strict {
	const char *path;
	const char *origin;	/* of errors: the option that named it; NULL: none */
	size_t max;		/* bytes */
	/*
	 * Whether nobody but root and the caller may have been able to write it: then file and
	 * every directory and link on its (absolute) path must belong to one of them, and must not
	 * be writable by group or others. In a directory with the sticky bit others may only add.
	 */
	bool guarded;
};

/*
 * A descriptor, open for reading, of a regular file of at most `max` bytes. -EPERM where others
 * may write, -EISDIR, -EFBIG, -EINVAL for what is no regular file, or the errno of open; all with an error
 * that says what is there.
 */
int nuc_strict_open(const struct nuc_strict *s, nucleus_error **ret_err);
/*
 * The whole of such a file, in one pass over one descriptor, with a NUL behind its bytes. -EAGAIN if
 * it has been written to meanwhile, as far as size and times tell: that bytes are the right ones, only
 * a digest or a signature of these very bytes can say.
 */
int nuc_strict_read(const struct nuc_strict *s, char **ret, size_t *ret_len,
		    nucleus_error **ret_err);

/* For nuc_strict_open(): the last link is followed, and every step is checked. */
int nuc_guarded_open(const struct nuc_strict *s, nucleus_error **ret_err);
/* "cannot open PATH: No such file or directory (ENOENT)". */
int nuc_strict_fail(const struct nuc_strict *s, int code, const char *what,
		    nucleus_error **ret_err);
