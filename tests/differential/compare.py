# SPDX-License-Identifier: MIT
"""Compares one of our readers with a reference: Python's reader for the same format.

What we accept the reference must accept, and it must mean the same. What the reference accepts and
we refuse must be refused for one of the reasons given.
"""

import collections
import json
import struct
import subprocess
import sys


class Comparison:
    def __init__(self, command, reference, stricter, datetime_means=None):
        """reference(text) gives the meaning, in the form of from_dump below, or None."""
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.reference, self.stricter, self.datetime_means = reference, stricter, datetime_means
        self.counts = collections.Counter()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.child.stdin.close()
        status = self.child.wait()
        for (name, what), n in sorted(self.counts.items()):
            print("%-8s %6d %s" % (name, n, what))
        if status != 0 and kind is None:
            sys.exit("FAILED: the reader ended with status %s" % status)

    def read(self, text):
        self.child.stdin.write(struct.pack("<I", len(text)) + text)
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        if not line:
            self.fail("the reader died", text)
        return line.decode()[:-1]

    def fail(self, why, text, *details):
        print("FAILED:", why, repr(text), *details, sep="\n  ")
        sys.exit(1)

    def from_dump(self, node):
        kind, value = node
        if kind == "table":
            table = {k: self.from_dump(v) for k, v in value}
            assert len(table) == len(value), "a key twice"
            return "table", table
        if kind == "array":
            return "array", [self.from_dump(v) for v in value]
        if kind == "int":
            return "int", int(value)
        if kind == "float":
            return "float", float.fromhex(value).hex()
        if kind == "datetime":
            return self.datetime_means(value)
        return kind, value

    def one(self, name, text):
        answer, theirs = self.read(text), self.reference(text)
        if not answer.startswith("!"):
            self.counts[name, "accepted"] += 1
            ours = self.from_dump(json.loads(answer))
            if theirs is None:
                self.fail("we accept what the reference refuses", text, ours)
            if ours != theirs:
                self.fail("it means something else to the reference", text, ours, theirs)
        elif theirs is None:
            self.counts[name, "refused"] += 1
        else:
            reason = next((r for r in self.stricter if r in answer), None)
            if reason is None:
                self.fail("we refuse what the reference accepts", text, answer)
            self.counts[name, "refused, stricter: " + reason] += 1

    def all_accepted(self, name, texts):
        for text in texts:
            self.one(name, text)
        if self.counts[name, "accepted"] != len(texts):
            self.fail("a valid document was refused", name)

    def mixed(self, name, texts):
        for text in texts:
            self.one(name, text)
        # A test that compares nothing would pass too.
        if not 0.02 * len(texts) < self.counts[name, "accepted"] < 0.98 * len(texts):
            self.fail("these documents are nearly all accepted, or nearly all refused", name)
