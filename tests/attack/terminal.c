/* SPDX-License-Identifier: MIT */
/* The caller's terminal: what is typed into it would be run by the shell outside. */
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "attack.h"

#define TYPED "echo attacked\n"

static int type_into(const struct act *act)
{
	for (const char *c = TYPED; *c; c++)
		if (syscall(__NR_ioctl, 0, TIOCSTI | act->args[0], c) < 0)
			return -errno;
	return GOT_THROUGH;
}

/* TIOCL_SETSEL and TIOCL_PASTESEL: select on the screen, and paste as if it were typed. */
static int paste_into(const struct act *act)
{
	char select[] = { 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, paste = 3;

	if (syscall(__NR_ioctl, 0, TIOCLINUX | act->args[0], select) < 0)
		return -errno;
	return refused(ioctl(0, TIOCLINUX, &paste));
}

static int steal(const struct act *act)
{
	/* Stealing wants a session leader. */
	setsid();
	return refused(ioctl(0, TIOCSCTTY, (int)act->args[0]));
}

static int acquire_by_open(const struct act *act)
{
	int fd;

	setsid();
	fd = open("/proc/self/fd/0", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0 ? GOT_THROUGH : CONTAINED;
}

static int open_tty(const struct act *act)
{
	return refused(open("/dev/tty", O_RDWR | O_CLOEXEC));
}

static int foreground(const struct act *act)
{
	return refused(tcsetpgrp(0, getpgrp()));
}

static int line_discipline(const struct act *act)
{
	int discipline = 15; /* N_HDLC had CVE-2017-2636 */

	return refused(ioctl(0, TIOCSETD, &discipline));
}

static int console_output(const struct act *act)
{
	return refused(ioctl(0, TIOCCONS, 0));
}

static int hang_up(const struct act *act)
{
	return refused(ioctl(0, 0x5437 /* TIOCVHANGUP */, 0));
}

static int exclusive(const struct act *act)
{
	return refused(ioctl(0, TIOCEXCL, 0));
}

static int other_terminals(const struct act *act)
{
	char path[32];

	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/pts/%d", i);
		if (open(path, O_RDWR | O_NOCTTY | O_CLOEXEC) >= 0)
			return GOT_THROUGH;
	}
	return CONTAINED;
}

#define ON_PTY .scene = SCENE_PTY

static const struct act acts[] = {
	{ "tiocsti", "session", "type a command into the caller's terminal", type_into,
	  .by = { EPERM }, .deep = { EPERM, EIO }, ON_PTY },
	{ "tiocsti-dirty", "session",
	  "the same with garbage in the upper half of the request (CVE-2019-10063)", type_into,
	  .args = { 1L << 32 }, .by = { EPERM }, .deep = { EPERM, EIO }, ON_PTY },
	{ "tioclinux", "seccomp", "paste a command into the caller's terminal (CVE-2017-5226)",
	  paste_into, .by = { EPERM }, .deep = { EPERM, ENOTTY, EINVAL }, ON_PTY },
	{ "tioclinux-dirty", "seccomp", "the same with garbage in the upper half", paste_into,
	  .args = { 1L << 32 }, .by = { EPERM }, .deep = { EPERM, ENOTTY, EINVAL }, ON_PTY },
	{ "tiocsctty", "session", "make the caller's terminal its own", steal, .by = { EPERM },
	  .deep = { EPERM }, ON_PTY },
	{ "tiocsctty-steal", "session", "steal it by force", steal, .args = { 1 }, .by = { EPERM },
	  .deep = { EPERM }, ON_PTY },
	{ "tty-by-open", "session", "get it by opening it", acquire_by_open,
	  .by = { BY_CONTAINED, EACCES, ENXIO, EIO }, .deep = { BY_CONTAINED, EACCES, ENXIO, EIO },
	  ON_PTY },
	{ "dev-tty", "session", "open /dev/tty", open_tty, .by = { ENXIO, EACCES },
	  .deep = { ENXIO, EACCES }, ON_PTY },
	{ "tcsetpgrp", "session", "make itself the terminal's foreground", foreground,
	  .by = { ENOTTY, EPERM }, .deep = { ENOTTY, EPERM }, ON_PTY },
	{ "tiocsetd", "seccomp", "load a line discipline", line_discipline, .by = { EPERM },
	  ON_PTY },
	{ "tioccons", "seccomp", "take the console's output", console_output, .by = { EPERM },
	  .deep = { EPERM }, ON_PTY },
	{ "tiocvhangup", "seccomp", "hang the caller's terminal up", hang_up, .by = { EPERM },
	  .deep = { EPERM }, ON_PTY },
	{ "tiocexcl", "seccomp", "lock others out of the caller's terminal", exclusive,
	  .by = { EPERM }, .sole = true, ON_PTY },
	{ "other-terminals", "mount", "open the terminals of others", other_terminals,
	  .by = { BY_CONTAINED }, .deep = { BY_CONTAINED }, ON_PTY },
};

const struct act_list terminal_acts = ACT_LIST(acts);
