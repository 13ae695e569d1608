#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What Landlock itself says in the kernel's audit log, told as certain, once, and of nobody else.

    audit.py --nucleus PATH [--only WORD]

As root, in the test machine (tests/vm) with its newest kernel: it switches auditing on for the whole machine.
One line per case, and at the end "N passed, N failed".
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))

import edges  # noqa: E402
from sandbox import Case  # noqa: E402

NETLINK_AUDIT, AUDIT_SET, NLM_F_REQUEST, NLM_F_ACK, ENABLED = 9, 1001, 1, 4, 1
POLICY = "".join(f'[[rules]]\npath = "{path}"\naccess = [{access}]\n' for path, access in (
    ("/usr", '"read", "execute", "readdir"'), ("/dev/null", '"read", "write"'),
    ("/workspace", '"read", "readdir"')))
PROGRAM = """
import os, socket
def tried(f, *a):
    try:
        f(*a)
    except PermissionError:
        return
    os._exit(9)
tried(open, "/etc/{name}")
tried(open, "/etc/{name}")
tried(os.execv, "/workspace/tool", ["tool"])
tried(os.mkdir, "/workspace/made")
tried(socket.socket().connect, ("127.0.0.1", {port}))
tried(socket.socket().bind, ("127.0.0.1", 8081))
"""


def switch(on):
    with open("/proc/cmdline", encoding="utf-8") as f:
        if "random.trust_cpu=on cgroup_no_v1=all" not in f.read():
            sys.exit("audit.py: only in the test machine (tests/vm)")
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as s:
        s.bind((0, 0))
        s.send(struct.pack("=IHHII", 56, AUDIT_SET, NLM_F_REQUEST | NLM_F_ACK, 1, 0) +
               struct.pack("=10I", ENABLED, on, *[0] * 8))
        error = struct.unpack_from("=i", s.recv(9000), 16)[0]
    if error:
        sys.exit(f"audit.py: auditing cannot be switched: {os.strerror(-error)}")


class Audit(Case):
    def setUp(self):
        super().setUp()
        self.directory = tempfile.mkdtemp(dir="/tmp")
        self.addCleanup(shutil.rmtree, self.directory)
        self.work = os.path.join(self.directory, "work")
        os.mkdir(self.work)
        os.chmod(self.directory, 0o755)
        os.chmod(self.work, 0o777)
        with open(os.path.join(self.work, "tool"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n")
        os.chmod(f.name, 0o755)
        self.policy = os.path.join(self.directory, "landlock.toml")
        with open(self.policy, "w", encoding="utf-8") as f:
            f.write(POLICY)
        switch(1)
        self.addCleanup(switch, 0)

    def start(self, *args, program):
        return subprocess.Popen(self.words("--quiet", "--denials", "json", "--observe", "all", "--workspace",
                                           self.work, "--workspace-exec", *args, "--", "python3", "-c", program),
                                stderr=subprocess.PIPE, text=True, env=self.environment())

    def records(self, p):
        text = p.communicate()[1]
        self.assertEqual(p.returncode, 0, text)
        return [json.loads(line) for line in text.splitlines()]

    @staticmethod
    def said(records, certainty="certain"):
        return sorted((d["operation"], d["target"]) for d in records
                      if d["layer"] == "landlock" and d["certainty"] == certainty)

    def test_a_policy_and_another_sandbox(self):
        both = [self.start("--landlock-policy", self.policy, program=PROGRAM.format(name=name, port=port))
                for name, port in (("passwd", 81), ("group", 82))]
        for p, name, port, other, other_port in ((both[0], "passwd", 81, "group", 82),
                                                 (both[1], "group", 82, "passwd", 81)):
            found = self.records(p)
            said = self.said(found)
            for wanted in (("open", f"/etc/{name}"), ("exec", "/workspace/tool"),
                           ("connect", f"127.0.0.1:{port}"), ("bind", "8081")):
                self.assertEqual(said.count(wanted), 1, (wanted, found))
                # Nor is it inferred beside.
                self.assertNotIn(wanted, self.said(found, "inferred"))
            # That it was a directory only the kernel says, and names the one that it would have been in.
            made = [d for d in found if d["operation"] == "create"]
            self.assertEqual([(d["target"], d["certainty"]) for d in made], [("/workspace", "certain")])
            self.assertIn("make-dir", made[0]["rule"])
            self.assertNotIn(f"/etc/{other}", json.dumps(found))
            self.assertNotIn(f":{other_port}", json.dumps(said))
            opened = next(d for d in found if d["target"] == f"/etc/{name}")
            self.assertEqual((opened["errno"], opened["origin"]), ("EACCES", "--landlock-policy"))
            self.assertIn("the Landlock policy does not grant read", opened["rule"])

    def test_the_layer_that_init_made(self):
        found = self.records(self.start("--connect-port", "443", program=(
            "import socket\ntry: socket.socket().connect(('127.0.0.1', 81))\nexcept PermissionError: pass")))
        self.assertEqual(self.said(found), [("connect", "127.0.0.1:81")], found)

    def test_with_auditing_off(self):
        switch(0)
        found = self.records(self.start("--landlock-policy", self.policy,
                                        program=PROGRAM.format(name="passwd", port=81)))
        self.assertEqual(self.said(found), [])
        self.assertIn(("open", "/etc/passwd"), self.said(found, "inferred"))

    def test_nothing_is_logged_unless_asked_for(self):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as log:
            log.bind((0, 1))
            log.setblocking(False)
            p = self.nucleus("--workspace", self.work, "--landlock-policy", self.policy, "--", "python3", "-c",
                             PROGRAM.format(name="passwd", port=81))
            self.assertEqual(p.returncode, 0, p.stderr)
            while True:
                try:
                    message = log.recv(9000)
                except BlockingIOError:
                    break
                self.assertNotEqual(struct.unpack_from("=H", message, 4)[0], 1423, message)


if __name__ == "__main__":
    sys.exit(edges.run_suite([Audit]))
