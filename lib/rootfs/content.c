/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <time.h>

#include "tree_internal.h"

#define BUFFER_SIZE 131072

static int copy_by_buffer(int in, int out, off_t pos, off_t end, off_t *ret_pos)
{
	_cleanup_free_ char *buffer = malloc(BUFFER_SIZE);

	if (!buffer)
		return -ENOMEM;
	while (pos < end) {
		size_t want = end - pos < BUFFER_SIZE ? (size_t)(end - pos) : BUFFER_SIZE;
		ssize_t n = pread(in, buffer, want, pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = pwrite(out, buffer + done, (size_t)(n - done), pos + done);

			if (w < 0 && errno == EINTR)
				continue;
			if (w <= 0)
				return w < 0 ? -errno : -EIO;
			done += w;
		}
		pos += n;
	}
	*ret_pos = pos;
	return 0;
}

/* Copies [pos, end); *ret_pos is where `in` ended, if that was before. */
static int copy_range(int in, int out, off_t pos, off_t end, off_t *ret_pos)
{
	if (lseek(out, pos, SEEK_SET) < 0)
		return -errno;
	while (pos < end) {
		size_t want = end - pos < (1 << 30) ? (size_t)(end - pos) : 1 << 30;
		/*
		 * Not copy_file_range(): between a tmpfs and a disk it fails with EXDEV
		 * (kernel 5.19 on), and sendfile() is the same splice inside.
		 */
		ssize_t n = sendfile(out, in, &pos, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EINVAL || errno == ENOSYS))
			return copy_by_buffer(in, out, pos, end, ret_pos);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
	}
	*ret_pos = pos;
	return 0;
}

/*
 * Copies the content of `in` to the empty file `out`, holes as holes, up to the size that st tells.
 * -NUC_TREE_FSIZE when that is past RLIMIT_FSIZE, -NUC_TREE_SIZE past *left.
 */
static int copy_content(int in, int out, const struct stat *st, int64_t *left)
{
	off_t size = st->st_size, pos = 0;
	/* A file with all its blocks has no holes worth two more calls. */
	bool sparse = st->st_blocks < (size + 511) / 512;
	struct rlimit limit;
	int r;

	/* Writing past the limit would send SIGXFSZ, which ends most programs. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && (rlim_t)size > limit.rlim_cur)
		return -NUC_TREE_FSIZE;
	while (pos < size) {
		off_t data = pos, end = size, reached = pos;

		if (sparse) {
			data = lseek(in, pos, SEEK_DATA);
			if (data < 0 && errno == ENXIO)
				break;
			if (data < 0 && errno == EINVAL) {
				sparse = false; /* a file system that knows no holes */
				continue;
			}
			end = data < 0 ? -1 : lseek(in, data, SEEK_HOLE);
			if (end < 0)
				return -errno;
			/* It may have grown meanwhile: what it was at the look is copied. */
			if (data >= size)
				break;
			if (end > size)
				end = size;
		}
		if (end - data > *left)
			return -NUC_TREE_SIZE;
		r = copy_range(in, out, data, end, &reached);
		if (r < 0)
			return r;
		*left -= reached - data;
		if (reached < end)
			return 0; /* it was cut short meanwhile: so is the copy */
		pos = end;
	}
	if (pos < size && ftruncate(out, size) < 0)
		return -errno;
	return 0;
}

int nuc_copy_file(int from, const struct stat *st, int to_dir, const char *name,
		  const struct nuc_owner *owner, int64_t *left, struct nuc_stamp *ret)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
	_cleanup_close_ int in = nuc_reopen(from, O_RDONLY), out = -1;
	struct stat made;
	int r;

	if (in < 0)
		return in;
	out = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	out = nuc_fd_above_stdio(out);
	if (out < 0)
		return out;
	r = copy_content(in, out, st, left);
	if (r < 0)
		return r;
	if (owner->set && fchown(out, owner->uid, owner->gid) < 0)
		return -errno;
	if (fchmod(out, st->st_mode & 0777) < 0 || futimens(out, times) < 0 ||
	    fstat(out, &made) < 0)
		return -errno;
	nuc_stamp_set(ret, &made);
	return 0;
}

int nuc_copy_link(int from, const struct stat *st, int to_dir, const char *name,
		  const struct nuc_owner *owner, struct nuc_stamp *ret)
{
	const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
	char target[PATH_MAX];
	struct stat made;
	ssize_t n;

	n = readlinkat(from, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	target[n] = '\0';
	if (symlinkat(target, to_dir, name) < 0)
		return -errno;
	if (owner->set && fchownat(to_dir, name, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fstatat(to_dir, name, &made, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	nuc_stamp_set(ret, &made);
	return 0;
}

bool nuc_ctime_settled(const struct timespec *ctime)
{
	struct timespec now;
	double ahead;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	ahead = (double)(ctime->tv_sec - now.tv_sec) + (double)(ctime->tv_nsec - now.tv_nsec) / 1e9;
	/* Far ahead: the clock was set back, and what changes now gets an earlier time. */
	return ahead < 0 || ahead > 0.1;
}

void nuc_ctime_settle(const struct timespec *ctime)
{
	const struct timespec pause = { .tv_nsec = 500000 };

	while (!nuc_ctime_settled(ctime))
		nanosleep(&pause, NULL);
}
