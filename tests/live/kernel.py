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
