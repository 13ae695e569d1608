#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Limits by control group, each at its edge: what is one over fails, what is one under works.

    edges.py --nucleus PATH [--only WORD]

For a machine whose cgroup hierarchy is version 2 and delegated to the user: the test machine
(tests/vm). One line per case, and at the end "N passed, N failed".
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

import run  # noqa: E402
from sandbox import PATIENCE, Case, wait_until  # noqa: E402

OOM, REFUSED, TIMED_OUT = 137, 125, 124
ROUNDS = 5
TRIES = 3
# What cannot wait or fail the kernel charges past a limit, a few pages at a time (mm/memcontrol.c).
FORCED = 1 << 20


def mount_of_v2():
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            left, _, right = line.partition(" - ")
            if right.startswith("cgroup2 "):
                return left.split()[4]
    raise AssertionError("no cgroup version 2 hierarchy is mounted: run this in the test machine")


def groups():
    """The groups of sandboxes, and the directories that hold them, wherever they are."""
    found = []
    for folder, dirs, _ in os.walk(mount_of_v2()):
        found += [os.path.join(folder, d) for d in dirs
                  if d == "nucleus" or os.path.basename(folder) == "nucleus"]
    return sorted(found)


def built(nucleus, name):
    """A program of this folder, beside the nucleus that is tested."""
    build = os.path.dirname(os.path.dirname(os.path.realpath(nucleus)))
    return os.path.join(build, "tests", "limits", name)


class Limits(Case):
    def setUp(self):
        super().setUp()
        self.make_dir("bin")
        shutil.copy(built(self.nucleus_path, "hog"), self.dir / "bin")
        self.before = groups()

    def nothing_is_left(self):
        self.assertEqual(groups(), self.before, "control groups are left")
        super().nothing_is_left()

    def hog(self, *args, flags=()):
        """Its outcome as --status-fd has it, what it printed, and what was said."""
        reader, writer = os.pipe()
        with os.fdopen(reader, encoding="utf-8") as status:
            try:
                r = self.nucleus("--status-fd", writer, "--volume", f"{self.dir}/bin:/hog:ro", *flags,
                                 "--", "/hog/hog", *args, pass_fds=[writer])
            finally:
                os.close(writer)
            outcome = json.loads(status.read())
        self.assertEqual(outcome["exit_status"], r.returncode)
        return outcome, r.stdout.strip(), r.stderr

    def start_hog(self, *args, flags=()):
        return self.start("--volume", f"{self.dir}/bin:/hog:ro", *flags, "--", "/hog/hog", *args)

    def group_of(self, process):
        """The directory of the group that a running nucleus has made."""
        def own():
            return [g for g in groups() if os.path.basename(g).startswith(f"{process.pid}-")]
        wait_until(own, "the group", PATIENCE)
        self.assertEqual(len(own()), 1)
        return own()[0]

    @staticmethod
    def cpu_time(group):
        with open(os.path.join(group, "cpu.stat"), encoding="utf-8") as f:
            return int(f.readline().split()[1])

    # ---- memory ----------------------------------------------------------------------------------

    def test_memory_below_the_limit_lives(self):
        outcome, out, said = self.hog("memory", 31, flags=["--memory", "32M"])
        self.assertEqual((outcome["outcome"], out, said), ("exited", "lived", ""))
        self.assertEqual(outcome["oom_kills"], 0)
        self.assertGreater(outcome["memory_peak_bytes"], 31 << 20)
        self.assertLessEqual(outcome["memory_peak_bytes"], (32 << 20) + FORCED)

    def test_memory_above_the_limit_ends_all(self):
        outcome, out, said = self.hog("memory", 64, flags=["--memory", "32M"])
        self.assertEqual((outcome["outcome"], outcome["code"], outcome["exit_status"], out),
                         ("oom", signal.SIGKILL, OOM, ""))
        self.assertIn("limits.memory", said)
        self.assertEqual([(d["layer"], d["operation"], d["certainty"]) for d in outcome["denials"]],
                         [("cgroup", "memory", "certain")])
        self.assertIn(f"limits.memory = {32 << 20} was reached", outcome["denials"][0]["rule"])
        self.assertIn("--memory", outcome["denials"][0]["fix"])
        self.assertEqual(outcome["denials"][0]["origin"], "--memory")
        self.assertGreater(outcome["oom_kills"], 0)
        # The kernel charges in batches: it is full but for the last of them.
        self.assertGreater(outcome["memory_peak_bytes"], 31 << 20)
        self.assertLessEqual(outcome["memory_peak_bytes"], (32 << 20) + FORCED)

    def test_out_of_memory_ends_the_bystanders_in_it_too(self):
        # The kernel ends them one after the other: the shell may still see the first one's end, but not the last's.
        script = "(trap '' TERM HUP; sleep 60) & /hog/hog memory 64; wait; echo survived"
        r = self.nucleus("--memory", "32M", "--volume", f"{self.dir}/bin:/hog:ro", "--", "sh", "-c",
                         script)
        self.assertEqual((r.returncode, r.stdout), (OOM, ""))

    def test_files_in_memory_count(self):
        for place in ("/tmp", "/dev/shm", "/home/agent"):
            with self.subTest(place):
                sizes = ["--tmp-size", "128M", "--shm-size", "128M", "--home-size", "128M"]
                outcome, out, _ = self.hog("file", f"{place}/f", 64, flags=["--memory", "32M", *sizes])
                self.assertEqual((outcome["outcome"], out), ("oom", ""))
                outcome, out, _ = self.hog("file", f"{place}/f", 20, flags=["--memory", "32M", *sizes])
                self.assertEqual((outcome["outcome"], out), ("exited", "lived"))

    def test_page_cache_is_given_back(self):
        workspace = self.make_dir("work")
        outcome, out, _ = self.hog("file", "/workspace/f", 96,
                                   flags=["--memory", "32M", "--workspace", workspace])
        self.assertEqual((outcome["outcome"], out), ("exited", "lived"))
        self.assertEqual((workspace / "f").stat().st_size, 96 << 20)
        self.assertLessEqual(outcome["memory_peak_bytes"], (32 << 20) + FORCED)

    def test_memory_high_slows_down_and_kills_nothing(self):
        outcome, out, _ = self.hog("file", "/tmp/f", 9, flags=["--memory-high", "8M"])
        self.assertEqual((outcome["outcome"], out), ("exited", "lived"))
        self.assertGreater(outcome["memory_high_events"], 0)
        outcome, _, _ = self.hog("file", "/tmp/f", 4, flags=["--memory-high", "8M"])
        self.assertEqual(outcome["memory_high_events"], 0)

    def test_too_little_to_start_with(self):
        """Whether the kernel can start anything in one MiB, or not, is told apart from the rest."""
        reader, writer = os.pipe()
        with os.fdopen(reader, encoding="utf-8") as status:
            r = self.nucleus("--status-fd", writer, "--memory", "1M", "--", "python3", "-c", "pass",
                             pass_fds=[writer])
            os.close(writer)
            outcome = json.loads(status.read())
        if outcome["outcome"] == "refused":
            self.assertEqual(outcome["error"]["errno"], "ENOMEM")
            self.assertEqual(outcome["error"]["hint"], "raise limits.memory")
        else:
            self.assertEqual((outcome["outcome"], r.returncode), ("oom", OOM))

    def test_out_of_memory_while_it_starts_does_not_reach_the_caller(self):
        """With copies the child lives beside its caller: a shared memory would end both."""
        words = ["x" * 110000] * 15
        copies = ("--workspace", self.make_dir("work"), "--workspace-mode", "copy-in-out")
        # Waited for, it is spared, and sees its call fail; with copies it is ended, alone.
        for flags, words_said in (((), "too long"), (copies, "raise limits.memory")):
            with self.subTest(flags):
                r = self.nucleus("--memory", "1M", *flags, "--", "true", *words)
                self.assertEqual(r.returncode, REFUSED, r.stderr)
                self.assertIn(words_said, r.stderr)

    # ---- processes -------------------------------------------------------------------------------

    def test_pids(self):
        """Init and the hog are two; the others are as many as may be, and no more."""
        for limit in (2, 3, 10):
            with self.subTest(limit):
                outcome, out, _ = self.hog("fork", 20, flags=["--pids", limit])
                self.assertEqual((outcome["outcome"], out), ("exited", str(limit - 2)))
                self.assertEqual(outcome["processes_peak"], limit)
                self.assertEqual(outcome["processes_refused"], 1)
                self.assertEqual([(d["layer"], d["operation"], d["errno"], d["count"], d["certainty"])
                                  for d in outcome["denials"]],
                                 [("cgroup", "processes", "EAGAIN", 1, "certain")])
        outcome, out, _ = self.hog("fork", 8, flags=["--pids", 10])
        self.assertEqual((out, outcome["processes_refused"]), ("8", 0))

    # ---- processors ------------------------------------------------------------------------------

    def test_cpus(self):
        """Half of a processor: of five seconds, what the group itself counts, within a tenth."""
        # What the machine stands still for is counted as the program's: once, but not each time.
        for _ in range(TRIES):
            outcome, _, _ = self.hog("spin", 5000, flags=["--cpus", "0.5"])
            share = outcome["cpu_time_us"] / outcome["wall_time_us"]
            if 0.45 <= share <= 0.55:
                break
        self.assertTrue(0.45 <= share <= 0.55, outcome)
        self.assertGreater(outcome["cpu_throttled"], 20)
        self.assertGreater(outcome["cpu_throttled_us"], 1000000)

    def test_weights(self):
        """100 and 300 on one processor: one to three, within 15 per cent."""
        hogs = [self.start_hog("spin", 600000, flags=["--cpuset", "0", "--cpu-weight", weight])
                for weight in (100, 300)]
        own = [self.group_of(h) for h in hogs]
        for group in own:
            wait_until(lambda g=group: self.cpu_time(g) > 500000, "the hog's work", PATIENCE)
        shares = []
        for _ in range(ROUNDS):
            before = [self.cpu_time(g) for g in own]
            # So much work done by both together, however fast this machine is.
            wait_until(lambda b=before: sum(map(self.cpu_time, own)) - sum(b) > 2000000, "work",
                       PATIENCE)
            used = [self.cpu_time(g) - b for g, b in zip(own, before)]
            shares.append(used[1] / used[0])
        for h in hogs:
            h.terminate()
            h.communicate(timeout=PATIENCE)
        shares.sort()
        self.assertTrue(3 / 1.15 <= shares[ROUNDS // 2] <= 3 * 1.15, shares)

    def test_cpuset(self):
        out = self.good("--cpuset", "0", "--", "sh", "-c",
                        "grep Cpus_allowed_list /proc/self/status; cat /sys/fs/cgroup/cpuset.cpus")
        self.assertEqual(out.split(), ["Cpus_allowed_list:", "0", "0"])
        r = self.nucleus("--cpuset", "4000", "--", "true")
        self.assertEqual(r.returncode, REFUSED)
        self.assertIn("not all of the processors 4000 can be had here", r.stderr)

    # ---- disks -----------------------------------------------------------------------------------

    def disk(self):
        """The disk that the tests' own files are on."""
        device = os.stat(self.dir).st_dev
        return f"{os.major(device)}:{os.minor(device)}"

    def test_io_max(self):
        workspace = self.make_dir("work")
        flags = ["--workspace", workspace]
        outcome, out, _ = self.hog("sync", "/workspace/f", 2048, flags=[
            *flags, "--io-max", f"{self.disk()}:wbps=1M"])
        self.assertEqual((outcome["outcome"], out), ("exited", "written"))
        # Two MiB at one a second; the kernel lets the first of them through within its time slice.
        self.assertGreater(outcome["wall_time_us"], 1500000)
        self.assertGreaterEqual(outcome["io_write_bytes"], 2 << 20)
        self.assertGreater(outcome["io_pressure_us"], 1000000)
        # Unbounded it takes less, unless the machine stands still for a while; but not each time.
        for _ in range(TRIES):
            free, out, _ = self.hog("sync", "/workspace/f", 2048, flags=[*flags, "--cgroup"])
            self.assertEqual(out, "written")
            if free["wall_time_us"] < outcome["wall_time_us"]:
                break
        self.assertLess(free["wall_time_us"], outcome["wall_time_us"])

    def test_io_max_of_what_is_no_disk(self):
        r = self.nucleus("--io-max", "/dev/null:wbps=1M", "--", "true")
        self.assertEqual(r.returncode, REFUSED)
        self.assertIn("/dev/null is not a block device", r.stderr)
        r = self.nucleus("--io-max", "250:250:wbps=1M", "--", "true")
        self.assertEqual(r.returncode, REFUSED)
        self.assertIn("cgroup-set io.max", r.stderr)
        self.assertIn("(--io-max)", r.stderr)

    # ---- what the sandbox sees -------------------------------------------------------------------

    def test_the_group_is_the_sandboxs_root(self):
        out = self.good("--memory", "64M", "--", "sh", "-c",
                        "cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max; "
                        "cat /sys/fs/cgroup/cgroup.procs | wc -l; ls -d /sys/fs/cgroup/*/ 2>&1 | wc -l")
        self.assertEqual(out.split()[:2], ["0::/", str(64 << 20)])

    def test_the_callers_umask_does_not_hide_the_group(self):
        out = self.good("--memory", "64M", "--", "cat", "/sys/fs/cgroup/memory.max", umask=0o077)
        self.assertEqual(out, f"{64 << 20}\n")

    def test_strangers_cannot_lock_a_group(self):
        """Whoever could hold the lock could keep an orphan from being collected."""
        p = self.start_hog("sleep", flags=["--pids", "5"])
        self.assertEqual(p.stdout.readline(), "ready\n")
        self.assertEqual(os.stat(os.path.dirname(self.group_of(p))).st_mode & 0o777, 0o700)
        p.terminate()
        p.communicate(timeout=PATIENCE)

    def test_init_is_in_the_group(self):
        p = self.start_hog("sleep", flags=["--pids", "5"])
        self.assertEqual(p.stdout.readline(), "ready\n")
        with open(os.path.join(self.group_of(p), "cgroup.procs"), encoding="utf-8") as f:
            self.assertEqual(len(f.read().split()), 2)
        p.terminate()
        p.communicate(timeout=60)

    # ---- the end ---------------------------------------------------------------------------------

    def test_a_killed_caller_leaves_a_group_that_the_next_collects(self):
        p = self.start_hog("sleep", flags=["--pids", "5"])
        self.assertEqual(p.stdout.readline(), "ready\n")
        p.kill()
        p.communicate(timeout=60)
        left = set(groups()) - set(self.before)
        self.assertTrue(left)
        other = self.start_hog("sleep", flags=["--pids", "5"])
        self.assertEqual(other.stdout.readline(), "ready\n")
        names = [os.path.basename(g) for g in set(groups()) - set(self.before)]
        self.assertFalse([n for n in names if n.startswith(f"{p.pid}-")], names)
        # And what a live caller has is not touched.
        r = subprocess.run([self.nucleus_path, "cleanup"], capture_output=True, text=True, check=True)
        self.assertEqual(r.stdout, "0 control groups removed\n")
        self.assertIsNone(other.poll())
        other.terminate()
        other.communicate(timeout=60)

    def test_cleanup(self):
        for _ in range(2):
            p = self.start_hog("sleep", flags=["--pids", "5"])
            self.assertEqual(p.stdout.readline(), "ready\n")
            p.kill()
            p.communicate(timeout=60)
        r = subprocess.run([self.nucleus_path, "cleanup"], capture_output=True, text=True, check=True)
        # The second start has collected the first one's.
        self.assertEqual((r.stdout, r.stderr), ("1 control group removed\n", ""))

    def test_only_groups_of_ours_are_collected(self):
        p = self.start_hog("sleep", flags=["--pids", "5"])
        self.assertEqual(p.stdout.readline(), "ready\n")
        parent = [g for g in set(groups()) - set(self.before) if os.path.basename(g) == "nucleus"][0]
        for name in ("mine", "1-", "1-0123456g", "x-01234567"):
            os.mkdir(os.path.join(parent, name))
        p.terminate()
        p.communicate(timeout=60)
        subprocess.run([self.nucleus_path, "cleanup"], check=True, capture_output=True)
        self.assertEqual(sorted(d for d in os.listdir(parent)
                                if os.path.isdir(os.path.join(parent, d))),
                         ["1-", "1-0123456g", "mine", "x-01234567"])
        for name in ("mine", "1-", "1-0123456g", "x-01234567"):
            os.rmdir(os.path.join(parent, name))
        subprocess.run([self.nucleus_path, "cleanup"], check=True, capture_output=True)

    def test_many_at_once(self):
        """Eight threads start and end sandboxes; they share and remove the directory of groups."""
        failures = []

        def work():
            for _ in range(6):
                r = self.nucleus("--pids", "16", "--memory", "32M", "--", "true")
                if (r.returncode, r.stderr) != (0, ""):
                    failures.append(r)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])

    def test_timeout_of_what_is_throttled(self):
        outcome, _, _ = self.hog("spin", 600000, flags=["--cpus", "0.1", "--timeout", "2s"])
        self.assertEqual(outcome["exit_status"], TIMED_OUT)

    def test_stats(self):
        r = self.nucleus("--memory", "64M", "--stats", "text", "--", "true")
        names = [line.split()[0] for line in r.stderr.splitlines()]
        for name in ("cpu-time-us", "memory-peak-bytes", "processes-peak", "io-read-bytes",
                     "cpu-pressure-us", "memory-pressure-us", "io-pressure-us", "wall-time-us"):
            self.assertIn(name, names)
        r = self.nucleus("--memory", "64M", "--stats", "json", "--", "true")
        self.assertGreater(json.loads(r.stderr)["memory_peak_bytes"], 100000)
        self.assertEqual(self.nucleus("--stats", "xml", "--", "true").returncode, REFUSED)


def libc():
    return ctypes.CDLL(None, use_errno=True)


def run_suite(cases):
    """What main() of the suites of this folder does."""
    nucleus, only = None, ""
    words = iter(sys.argv[1:])
    for word in words:
        if word == "--nucleus":
            nucleus = os.path.abspath(next(words))
        elif word == "--only":
            only = next(words)
        else:
            nucleus = None
            break
    if not nucleus:
        sys.exit("usage: SUITE.py --nucleus PATH [--only WORD]")
    os.umask(0o022)
    os.chdir("/")
    return run.run_cases(cases, ("strict-agent",), nucleus, only)


if __name__ == "__main__":
    sys.exit(run_suite([Limits]))
