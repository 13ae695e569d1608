#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where groups may be made: delegated, occupied, read-only, not there; and who is moved.

    places.py --nucleus PATH [--only WORD]

As root, on a machine whose cgroup hierarchy is version 2 (tests/vm); makes places for an unprivileged
user as a service manager does. One line per case, and at the end "N passed, N failed".
"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

import edges  # noqa: E402
from sandbox import Case, PATIENCE, wait_until  # noqa: E402

REFUSED = 125
USER = 12345
NEW_CGROUP, NEW_MOUNT = 0x02000000, 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 32, 4096, 1 << 14, 1 << 18, 2
FILES = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def private_mounts():
    """The calling process has mounts of its own from now on."""
    libc = edges.libc()
    assert libc.unshare(NEW_MOUNT) == 0
    assert libc.mount(b"none", b"/", None, MS_PRIVATE | MS_REC, None) == 0
    return libc


class Places(Case):
    def setUp(self):
        super().setUp()
        self.top = edges.mount_of_v2()
        self.place = os.path.join(self.top, "place")
        os.mkdir(self.place)
        self.addCleanup(self.remove_places)

    def remove_places(self):
        """Deepest first. A sandbox that still runs would make this fail, as it should."""
        for folder, dirs, _ in os.walk(self.place, topdown=False):
            for d in dirs:
                os.rmdir(os.path.join(folder, d))
        os.rmdir(self.place)

    # ---- what a service manager does ----------------------------------------------------------------

    @staticmethod
    def delegate(path, uid=USER, mark=True):
        os.chown(path, uid, uid)
        for name in FILES:
            os.chown(os.path.join(path, name), uid, uid)
        if mark:
            os.setxattr(path, "user.delegate", b"1")

    @staticmethod
    def enable(path, controllers="+cpu +memory +pids"):
        write(os.path.join(path, "cgroup.subtree_control"), controllers)

    def group(self, name):
        path = os.path.join(self.place, name)
        os.makedirs(path)
        return path

    def run_in(self, group, *args, uid=USER, before=None):
        """nucleus run, by a user whose process lives in a group."""
        def settle():
            write(os.path.join(group, "cgroup.procs"), "0")
            if before:
                before()
            if uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
        return subprocess.run(self.words(*args), capture_output=True,
                              text=True, timeout=PATIENCE, check=False, preexec_fn=settle,
                              stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "HOME": "/"})

    def assert_ran(self, r, out=""):
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, out, ""))

    def assert_refused(self, r, words):
        self.assertEqual((r.returncode, r.stdout), (REFUSED, ""), r.stderr)
        self.assertIn(words, r.stderr)
        self.assertIn("hint: ", r.stderr)

    LIMITED = ("--memory", "64M", "--", "cat", "/sys/fs/cgroup/memory.max")
    LIMIT = f"{64 << 20}\n"

    # ---- places -------------------------------------------------------------------------------------

    def test_a_marked_group_above(self):
        """The nearest mark counts: what lies above is the manager's, also where it may be written."""
        self.enable(self.place)
        self.delegate(self.place, mark=False)
        unit = self.group("unit")
        self.delegate(unit)
        leaf = self.group("unit/leaf")
        self.delegate(leaf, mark=False)
        self.assert_ran(self.run_in(leaf, *self.LIMITED), self.LIMIT)
        self.assertEqual(read(os.path.join(unit, "cgroup.subtree_control")).split(),
                         ["cpu", "memory", "pids"])

    def test_without_a_mark_the_topmost_that_may_be_written(self):
        self.enable(self.place)
        unit = self.group("unit")
        self.delegate(unit, mark=False)
        leaf = self.group("unit/a")
        self.delegate(leaf, mark=False)
        self.assert_ran(self.run_in(leaf, *self.LIMITED), self.LIMIT)
        self.assertIn("memory", read(os.path.join(unit, "cgroup.subtree_control")))
        self.assertEqual(read(os.path.join(leaf, "cgroup.subtree_control")).strip(), "")

    def test_a_mark_of_another_user_is_not_ours(self):
        """Root in a user's own tree does not put its groups where that user may write to them."""
        self.enable(self.place)
        unit = self.group("unit")
        self.delegate(unit)
        leaf = self.group("unit/leaf")
        script = f"find {self.place} -path '*nucleus*' | wc -l"
        r = self.run_in(leaf, *self.LIMITED, uid=0)
        self.assert_ran(r, self.LIMIT)
        self.assertEqual(subprocess.run(["sh", "-c", script], capture_output=True, text=True,
                                        check=True).stdout, "0\n")
        self.assertEqual(read(os.path.join(unit, "cgroup.subtree_control")).strip(), "")

    def test_nothing_is_delegated(self):
        self.enable(self.place)
        unit = self.group("unit")
        self.assert_refused(self.run_in(unit, *self.LIMITED), "no cgroup is delegated to this user")
        # Without a limit there is nothing to refuse.
        self.assert_ran(self.run_in(unit, "--", "echo", "ran"), "ran\n")

    def test_mode_agent_says_what_it_does_instead(self):
        unit = self.group("unit")
        r = self.run_in(unit, "--mode", "agent", "--memory", "64M", "--pids", "30", "--cpus", "1", "--",
                        "sh", "-c", "ulimit -d; ulimit -p")
        self.assertEqual((r.returncode, r.stdout), (0, "65536\n30\n"))
        for words in ("limits.memory (memory.max): no cgroup is delegated to this user; each process "
                      "may have so much data instead (RLIMIT_DATA)",
                      "the user may have so many processes instead (RLIMIT_NPROC)",
                      "limits.cpus (cpu.max): no cgroup is delegated to this user"):
            self.assertIn(words, r.stderr)

    def test_controllers_that_were_not_delegated(self):
        self.enable(self.place, "+pids")
        unit = self.group("unit")
        self.delegate(unit)
        leaf = self.group("unit/leaf")
        self.delegate(leaf, mark=False)
        self.assert_refused(self.run_in(leaf, *self.LIMITED),
                            "limits.memory (memory.max): groups of this user have no such controller")
        self.assert_ran(self.run_in(leaf, "--pids", "7", "--", "cat", "/sys/fs/cgroup/pids.max"), "7\n")

    def test_read_only(self):
        def remount():
            flags = MS_RDONLY | MS_REMOUNT | MS_BIND
            assert private_mounts().mount(None, self.top.encode(), None, flags, None) == 0

        unit = self.group("unit")
        r = self.run_in(unit, *self.LIMITED, uid=0, before=remount)
        self.assert_refused(r, "the cgroup hierarchy is mounted read-only")

    def test_not_mounted(self):
        def hide():
            assert private_mounts().umount2(self.top.encode(), MNT_DETACH) == 0

        unit = self.group("unit")
        for uid in (0, USER):
            r = self.run_in(unit, *self.LIMITED, uid=uid, before=hide)
            self.assert_refused(r, "no cgroup version 2 hierarchy is mounted")

    def test_outside_of_its_cgroup_namespace(self):
        """As after `nsenter --cgroup`: the namespace is of another group than the process."""
        elsewhere = self.group("elsewhere")
        unit = self.group("unit")

        def live_elsewhere():
            write(os.path.join(elsewhere, "cgroup.procs"), "0")
            assert edges.libc().unshare(NEW_CGROUP) == 0

        with subprocess.Popen(["sleep", "600"], preexec_fn=live_elsewhere) as other:
            try:
                with open(f"/proc/{other.pid}/ns/cgroup", "rb") as namespace:
                    fd = namespace.fileno()

                    def enter():
                        assert edges.libc().setns(fd, NEW_CGROUP) == 0

                    r = self.run_in(unit, *self.LIMITED, uid=0, before=enter)
            finally:
                other.kill()
        self.assert_refused(r, "outside of the mounted hierarchy")

    def test_a_namespace_in_which_the_place_is_the_root(self):
        """As in a container: the hierarchy, seen from inside, begins with the delegated group."""
        def contain():
            libc = private_mounts()
            assert libc.unshare(NEW_CGROUP) == 0
            assert libc.umount2(self.top.encode(), MNT_DETACH) == 0
            assert libc.mount(b"none", self.top.encode(), b"cgroup2", 0, None) == 0
            write(os.path.join(self.top, "leaf", "cgroup.procs"), "0")

        self.enable(self.place)
        for uid in (0, USER):
            unit = self.group(f"unit{uid}")
            self.delegate(unit, mark=False)
            self.delegate(self.group(f"unit{uid}/leaf"), mark=False)
            self.assert_ran(self.run_in(unit, *self.LIMITED, uid=uid, before=contain), self.LIMIT)

    # ---- who is in the way ----------------------------------------------------------------------------

    def test_alone_in_the_delegated_group_it_moves_itself(self):
        self.enable(self.place)
        unit = self.group("unit")
        self.delegate(unit)
        self.assert_ran(self.run_in(unit, *self.LIMITED), self.LIMIT)
        caller = os.path.join(unit, "nucleus-caller")
        self.assertTrue(os.path.isdir(caller))
        # From there it need not move again.
        self.assert_ran(self.run_in(caller, *self.LIMITED), self.LIMIT)
        self.assertFalse(os.path.exists(os.path.join(caller, "nucleus-caller")))
        self.assertFalse(os.path.exists(os.path.join(unit, "nucleus")))

    def test_nobody_else_is_moved(self):
        self.enable(self.place)
        unit = self.group("unit")
        self.delegate(unit)

        def occupy():
            write(os.path.join(unit, "cgroup.procs"), "0")

        with subprocess.Popen(["sleep", "600"], preexec_fn=occupy) as other:
            try:
                self.assert_refused(self.run_in(unit, *self.LIMITED), "processes live in the group")
                self.assertEqual(read(os.path.join(unit, "cgroup.procs")).split(), [str(other.pid)])
                self.assertFalse(os.path.exists(os.path.join(unit, "nucleus-caller")))
                # What needs no controllers is not hindered.
                self.assert_ran(self.run_in(unit, "--cgroup", "--", "cat", "/proc/self/cgroup"),
                                "0::/\n")
            finally:
                other.kill()

    def test_in_a_unit_of_its_own_with_its_controllers_handed_out(self):
        """DelegateSubgroup= of systemd 254: the processes live in a child already."""
        self.enable(self.place)
        unit = self.group("unit")
        self.delegate(unit)
        child = self.group("unit/main")
        self.delegate(child, mark=False)
        self.enable(unit)
        self.assert_ran(self.run_in(child, *self.LIMITED), self.LIMIT)
        self.assertFalse(os.path.exists(os.path.join(unit, "nucleus-caller")))

    def test_limits_above_hold_too(self):
        """A sandbox may not have more than the place: the kernel's smaller bound counts."""
        self.enable(self.place)
        unit = self.group("unit")
        write(os.path.join(unit, "memory.max"), str(24 << 20))
        write(os.path.join(unit, "memory.swap.max"), "0")
        self.delegate(unit)
        leaf = self.group("unit/leaf")
        self.delegate(leaf, mark=False)
        r = self.run_in(leaf, "--memory", "256M", "--", "tail", "/dev/zero")
        # Not its own limit was reached: that is not what its outcome says.
        self.assertEqual((r.returncode, r.stderr), (137, ""))

    def test_the_callers_own_limits_are_not_left(self):
        """A sandbox with a limit would be beside the caller's group, and have more than without."""
        self.enable(self.place, "+cpu +memory +pids +cpuset")
        for name, value in (("memory.max", "64M"), ("memory.high", "64M"), ("cpu.max", "50000 100000"),
                            ("cpuset.cpus", "0")):
            unit = self.group(f"unit-{name}")
            self.assert_ran(self.run_in(unit, *self.LIMITED, uid=0), self.LIMIT)
            write(os.path.join(unit, name), value)
            self.assert_refused(self.run_in(unit, *self.LIMITED, uid=0),
                                "the caller's group has limits of its own")
        # Delegated, it has them around it.
        self.delegate(unit, mark=True)
        self.assert_ran(self.run_in(unit, *self.LIMITED), self.LIMIT)

    def test_swap(self):
        """None unless it is granted: of 48 MiB 32 stay in memory, and the rest has 32 of swap, or not."""
        self.make_dir("bin")
        shutil.copy(edges.built(self.nucleus_path, "hog"), self.dir / "bin")
        swap = self.dir / "swap"
        with open(swap, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 128 << 20)
        swap.chmod(0o600)
        subprocess.run(["mkswap", str(swap)], check=True, capture_output=True)
        subprocess.run(["swapon", str(swap)], check=True)
        self.addCleanup(subprocess.run, ["swapoff", str(swap)], check=True)
        flags = ("--memory", "32M", "--volume", f"{self.dir}/bin:/hog:ro", "--stats", "json")
        for granted, size, status in (((), 48, 137), (("--swap", "32M"), 48, 0),
                                      (("--swap", "32M"), 80, 137)):
            with self.subTest(granted=granted, size=size):
                r = self.nucleus(*flags, *granted, "--", "/hog/hog", "memory", size)
                self.assertEqual((r.returncode, r.stdout), (status, "" if status else "lived\n"))

    def test_swap_is_off_where_proc_does_not_tell_of_it(self):
        def hide_all_but_processes():
            assert private_mounts().mount(b"proc", b"/proc", b"proc", 0, b"subset=pid") == 0

        self.enable(self.place)
        unit = self.group("unit")
        self.assert_ran(self.run_in(unit, "--memory", "64M", "--", "cat",
                                    "/sys/fs/cgroup/memory.swap.max", uid=0,
                                    before=hide_all_but_processes), "0\n")

    def test_the_bounds_of_groups_above(self):
        self.enable(self.place)
        unit = self.group("unit")
        self.delegate(unit)
        leaf = self.group("unit/leaf")
        self.delegate(leaf, mark=False)
        write(os.path.join(unit, "cgroup.max.descendants"), "2")
        r = self.run_in(leaf, *self.LIMITED)
        self.assert_refused(r, "the limit of groups is reached")

    def test_a_frozen_orphan_is_ended_by_cleanup(self):
        """The caller is gone, and the sandbox's init cannot see it."""
        self.enable(self.place)
        p = self.start("--memory", "64M", "--", "sh", "-c",
                       "echo ready; sleep 600")
        self.assertEqual(p.stdout.readline(), "ready\n")
        group = [g for g in edges.groups() if os.path.basename(g).startswith(f"{p.pid}-")][0]
        write(os.path.join(group, "cgroup.freeze"), "1")
        events = os.path.join(group, "cgroup.events")
        wait_until(lambda: "frozen 1" in read(events), "the freeze")
        p.kill()
        p.wait(timeout=PATIENCE)
        self.assertIn("populated 1", read(events))
        r = subprocess.run([self.nucleus_path, "cleanup"], capture_output=True, text=True, check=True)
        self.assertEqual(r.stdout, "1 control group removed\n")
        self.assertFalse(os.path.exists(group))
        p.communicate(timeout=PATIENCE)


def main():
    if os.geteuid() != 0:
        sys.exit("places.py: this makes places for others: run it as root")
    return edges.run_suite([Places])


if __name__ == "__main__":
    sys.exit(main())
