# SPDX-License-Identifier: MIT
"""What the tests of the command line share. Nothing here starts a sandbox."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

NUCLEUS = os.environ["NUCLEUS_CLI"]
SOURCE = pathlib.Path(os.environ["NUCLEUS_SOURCE"])
MAN = pathlib.Path(os.environ["NUCLEUS_MAN"])

COMMANDS = ["run", "explain", "why", "doctor", "cleanup", "policy schema", "policy show", "policy check",
            "policy diff", "policy hash", "policy keygen", "policy sign", "policy verify",
            "policy generate", "seccomp generate", "version", "help"]


def option_rows():
    """The option table's rows, read from its source: what the program prints is held against it."""
    text = (SOURCE / "lib/policy/options.def").read_text()
    string = r'\s*"([^"]*)",'
    rows = re.findall(r"^NUC_OPTION\((\w+),%s\s*(\w+),%s" % (string * 3, string), text, re.M)
    return [dict(zip(("id", "key", "flag", "short", "type", "values"), row)) for row in rows]


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)

    def nucleus(self, *args, **kwargs):
        return subprocess.run([NUCLEUS, *args], capture_output=True, text=True, timeout=60,
                              errors="surrogateescape",
                              stdin=kwargs.pop("stdin", subprocess.DEVNULL), **kwargs)

    def good(self, *args, **kwargs):
        r = self.nucleus(*args, **kwargs)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(r.stderr, "")
        return r.stdout

    def refused(self, *args, status=125, **kwargs):
        r = self.nucleus(*args, **kwargs)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertEqual(r.stdout, "")
        self.assertTrue(r.stderr.startswith("nucleus: error: "), r.stderr)
        return r.stderr

    def file(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return str(path)


def main():
    """Ends with the line that tests/run.sh adds up."""
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    # unittest counts them, and tests/run.sh takes them for failures.
    idle = len(result.skipped) + len(result.expectedFailures)
    print("%d passed, %d failed" % (result.testsRun - bad - idle, bad), flush=True)
    return 1 if bad or idle or result.testsRun == 0 else 0
