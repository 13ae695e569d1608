# SPDX-License-Identifier: MIT
"""The well-behaved neighbour of an attack: a program that does the same piece of work over and over.

It is measured alone, and beside the attack. Both are done by one process, so that nothing but the
attack differs. Where it competes for a processor, the time that it takes is its processor time by its
share: that ratio does not depend on how busy the machine is that the test machine is emulated on.
"""

import collections
import os
import select
import shutil
import statistics
import subprocess

from sandbox import PATIENCE

PROGRAMS = ("hostile", "neighbour")

Round = collections.namedtuple("Round", "wall cpu")


class Failed(AssertionError):
    pass


def install(nucleus, directory):
    """Copies the programs to where sandboxes see them as /attack."""
    built = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(nucleus))), "tests", "limits")
    directory.mkdir()
    for name in PROGRAMS:
        shutil.copy(os.path.join(built, name), directory)
    # Without this file the hostile one does nothing (tests/attack/guard.c).
    (directory / "only-in-a-sandbox").touch()


class Lines:
    """A process's lines, with patience: a test that hangs is a failure that says so."""

    def __init__(self, words, env, **how):
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, bufsize=0,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
        self.rest = b""

    def line(self, what):
        """The next line; None at the end."""
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise Failed(f"{what}: no answer within {PATIENCE} s")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def close(self):
        """Ends it, if it still runs; gives what it said on stderr."""
        if self.process.poll() is None:
            self.process.terminate()
        said = self.process.communicate(timeout=PATIENCE)[1].decode()
        return said


class Neighbour(Lines):
    def __init__(self, name, words, env):
        super().__init__(words, env)
        self.name = name
        self.rounds(2)  # what is done for the first time takes longer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()

    def round(self):
        self.process.stdin.write(b"\n")
        answer = self.line(self.name)
        if answer is None:
            raise Failed(f"{self.name} ended: {self.process.stderr.read().decode()}")
        words = answer.split()
        if words[0] != "ok":
            raise Failed(f"{self.name}: {answer}")
        return Round(int(words[1]), int(words[2]))

    def rounds(self, n):
        return [self.round() for _ in range(n)]


def waiting(rounds):
    """How many times longer it took than it had a processor."""
    return statistics.median(r.wall / r.cpu for r in rounds)
