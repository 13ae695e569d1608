#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Limits in what systemd starts: services with Delegate=yes, a user's session, a user's own manager.

    systemd.py --nucleus PATH [--only WORD]

As root, on a machine whose PID 1 is systemd, with a manager of user 12345 (tests/vm --systemd). One
line per case, and at the end "N passed, N failed".
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

import edges  # noqa: E402
from sandbox import Case, PATIENCE  # noqa: E402

REFUSED = 125
USER = 12345
LIMITED = ("--memory", "64M", "--", "cat", "/sys/fs/cgroup/memory.max")
LIMIT = f"{64 << 20}\n"


class Systemd(Case):
    def setUp(self):
        super().setUp()
        self.before = edges.groups()

    def nothing_is_left(self):
        self.assertEqual(edges.groups(), self.before, "control groups are left")
        super().nothing_is_left()

    def unit(self, properties, *command, user=None, **how):
        """Runs a command as a transient service of the system's, or of the user's manager."""
        words = ["systemd-run", "--quiet", "--pipe", "--wait", "--collect",
                 *(f"--property={p}" for p in properties)]
        if user == "manager":
            words = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env",
                     f"XDG_RUNTIME_DIR=/run/user/{USER}", words[0], "--user", *words[1:]]
        elif user == "session":
            words += [f"--uid={USER}", f"--setenv=XDG_RUNTIME_DIR=/run/user/{USER}"]
        return subprocess.run([*words, *command], capture_output=True, text=True, check=False,
                              timeout=PATIENCE, **({} if "input" in how else
                                                   {"stdin": subprocess.DEVNULL}), **how)

    def assert_ran(self, r, out):
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, out, ""))

    def test_a_service_with_delegate(self):
        self.assert_ran(self.unit(["Delegate=yes"], *self.words(*LIMITED)), LIMIT)

    def test_a_service_of_a_user_with_delegate(self):
        self.assert_ran(self.unit(["Delegate=yes", f"User={USER}"], *self.words(*LIMITED)), LIMIT)

    def test_a_unit_of_the_users_manager(self):
        self.assert_ran(self.unit(["Delegate=yes"], *self.words(*LIMITED), user="manager"), LIMIT)
        # Without Delegate= the nearest mark is that of the whole manager, which was delegated.
        self.assert_ran(self.unit([], *self.words(*LIMITED), user="manager"), LIMIT)

    def test_a_service_shared_with_other_processes(self):
        """They are not moved, and the service's own bounds are not left."""
        words = self.words(*LIMITED)
        r = self.unit(["Delegate=yes"], "sh", "-c", '"$@"; echo "ended with $?"', "sh", *words)
        self.assertEqual(r.stdout, f"ended with {REFUSED}\n")
        self.assertIn("processes live in the group", r.stderr)
        self.assertIn("DelegateSubgroup=", r.stderr)

    def test_a_users_shell_gets_a_scope(self):
        """In a place that is not the user's, as a login session's scope: nothing was delegated there."""
        script = """exec 5< <(printf 'SECRET=mellon') 6>"$1"; shift
                    "$@" --env-fd 5 --status-fd 6 --memory 64M -- sh -c \
                        'echo "$SECRET"; cat; cat /sys/fs/cgroup/memory.max; exit 3'"""
        self.dir.chmod(0o777)
        status = self.dir / "status"
        # The words after a unit's command are the shell's: no dollar sign of theirs is systemd's.
        r = self.unit([], "bash", "-c", script.replace("$", "$$"), "bash", str(status), *self.words(),
                      user="session", input="stdin\n")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (3, f"mellon\nstdin\n{LIMIT}", ""))
        outcome = json.loads(status.read_text())
        self.assertEqual((outcome["outcome"], outcome["code"]), ("exited", 3))
        self.assertGreater(outcome["memory_peak_bytes"], 0)

    def test_a_document_from_a_pipe_is_read_in_the_scope_too(self):
        document = 'mode = "strict-agent"\n[limits]\npids = 20\n'
        words = [self.nucleus_path, "run", "--config-fd", "0", "--env", self.mark, "--", "cat",
                 "/sys/fs/cgroup/pids.max"]
        self.assert_ran(self.unit([], *words, user="session", input=document), "20\n")

    def test_explain_and_run_agree_about_the_plan(self):
        policy = ["-m", "strict-agent", "--memory", "64M"]
        r = self.unit([], self.nucleus_path, "explain", "--hash", *policy, user="session")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assert_ran(self.unit([], self.nucleus_path, "run", *policy, "--require-plan",
                                  r.stdout.strip(), "--", "echo", "ran", user="session"), "ran\n")

    def test_without_a_limit_there_is_no_scope(self):
        r = self.unit([], "sh", "-c", "cat /proc/self/cgroup; exec \"$@\"".replace("$", "$$"), "sh",
                      *self.words("--env-pass", "NUCLEUS_SCOPE", "--", "sh", "-c",
                                  "echo scope:${NUCLEUS_SCOPE-none}".replace("$", "$$")),
                      user="session")
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        self.assertIn("scope:none", r.stdout)

    def test_a_user_without_a_manager_is_told(self):
        r = self.unit([], "setpriv", "--reuid=23456", "--regid=23456", "--clear-groups",
                      *self.words(*LIMITED))
        self.assertEqual((r.returncode, r.stdout), (REFUSED, ""))
        self.assertIn("no cgroup is delegated to this user", r.stderr)
        self.assertIn("systemd-run --user --scope -p Delegate=yes", r.stderr)

    def test_root_in_a_plain_service(self):
        """Not delegated: root's own place is the top, and the service's group stays as it is."""
        self.assert_ran(self.unit([], *self.words(*LIMITED)), LIMIT)


def main():
    if not os.path.isdir("/run/systemd/system"):
        sys.exit("systemd.py: PID 1 is not systemd: run this in the test machine, with --systemd")
    return edges.run_suite([Systemd])


if __name__ == "__main__":
    sys.exit(main())
