# SPDX-License-Identifier: MIT
"""What this kernel lacks is said, whatever kernel it is: tests/vm runs this on old ones."""

import ctypes
import os
import pathlib
import secrets
import shutil
import subprocess

from sandbox import Case

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_CREATE_RULESET_VERSION = 1
# The kernel's documentation, userspace-api/landlock: what came with which ABI.
LANDLOCK_CAME = {3: "truncation", 4: "TCP ports", 5: "device ioctls",
                 6: "signals and abstract sockets"}
TMPFS_IDMAPPED_SINCE = (6, 3)


def landlock_abi():
    return ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0,
                                     LANDLOCK_CREATE_RULESET_VERSION)


def linux():
    return tuple(int("".join(c for c in word if c.isdigit()))
                 for word in os.uname().release.split("-")[0].split(".")[:2])


def version_2_controllers():
    """Those at the top of the version 2 hierarchy: on a hybrid host version 1 has the others."""
    with open("/proc/self/mounts", encoding="utf-8") as f:
        tops = [line.split()[1] for line in f if line.split()[2] == "cgroup2"]
    return pathlib.Path(tops[0], "cgroup.controllers").read_text().split() if tops else []


class Kernel(Case):
    def explain(self, *args):
        r = subprocess.run([self.nucleus_path, "explain", "--mode", self.mode, *args], text=True,
                           capture_output=True, check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def test_explain_says_what_landlock_lacks(self):
        abi = landlock_abi()
        self.assertGreaterEqual(abi, 2, "Linux 6.1 has ABI 2")
        said = [line.strip() for line in self.explain().splitlines()
                if line.strip().startswith("Landlock ABI below")]
        lacking = {since: what for since, what in LANDLOCK_CAME.items() if abi < since}
        self.assertEqual(len(said), len(lacking), said)
        for line, (since, what) in zip(said, lacking.items()):
            self.assertTrue(line.startswith(f"Landlock ABI below {since} "), line)
            self.assertIn(what, line)

    def test_the_plan_asks_landlock_for_no_more(self):
        rules = [line for line in self.explain().splitlines() if "landlock-ruleset" in line]
        self.assertEqual(len(rules), 1, rules)
        abi = landlock_abi()
        for since, word in ((3, "truncate"), (5, "ioctl-dev")):
            self.assertEqual(word in rules[0], abi >= since, rules[0])
        self.assertEqual("scoped -" in rules[0], abi < 6, rules[0])

    def test_a_limit_is_enforced_or_missed_aloud(self):
        """By control group where it can be had; if not, refused, or in mode agent an rlimit and a word."""
        r = self.nucleus("--memory", "64M", "--", "sh", "-c",
                         "cat /sys/fs/cgroup/memory.max || ulimit -d")
        if r.returncode == 0 and r.stdout == f"{64 << 20}\n":
            self.assertEqual(r.stderr, "")
            self.assertIn("memory", version_2_controllers(), "no group could enforce that")
        elif self.mode == "strict-agent":
            self.assertEqual((r.returncode, r.stdout), (125, ""), r.stderr)
            self.assertIn("mode strict-agent requires limit by control group: limits.memory", r.stderr)
        else:
            self.assertEqual((r.returncode, r.stdout), (0, "65536\n"))
            self.assertIn("warning: limit by control group is not enforced: limits.memory", r.stderr)
            self.assertIn("limits.memory", self.explain("--memory", "64M"))
        if os.geteuid() == 0 and "memory" in version_2_controllers():
            self.assertEqual(r.stdout, f"{64 << 20}\n", "root has what the kernel has")

    def test_a_workspace_on_a_tmpfs(self):
        """Root's needs an idmapped mount: before Linux 6.3 a refusal, or a warning in mode agent."""
        place = pathlib.Path("/dev/shm") / f"nucleus-live-{secrets.token_hex(8)}"
        place.mkdir(mode=0o755)
        self.addCleanup(shutil.rmtree, place)
        r = self.nucleus("--workspace", place, "--", "sh", "-c", "echo mine >file")
        if os.geteuid() != 0 or linux() >= TMPFS_IDMAPPED_SINCE:
            self.assertEqual((r.returncode, r.stderr), (0, ""))
            self.assertEqual((place / "file").stat().st_uid, os.geteuid())
        elif self.mode == "strict-agent":
            self.assertEqual(r.returncode, 125, r.stderr)
            self.assertIn("mode strict-agent requires idmapped mounts", r.stderr)
            self.assertFalse((place / "file").exists())
        else:
            self.assertIn("warning: idmapped mounts is not enforced", r.stderr)
            # The files are root's, as which nobody runs inside: unusable, never opened to others.
            self.assertNotEqual(r.returncode, 0)
            self.assertFalse((place / "file").exists())
            self.assertIn("idmapped", self.explain("--workspace", str(place)))


CASES = (Kernel,)
