# SPDX-License-Identifier: MIT
"""Policy files of capabilities and Landlock, in real sandboxes: what is kept, granted and refused."""

import errno
import os
import subprocess

from kernel import landlock_abi
from sandbox import Case

NET_BIND_SERVICE, KILL, DAC_OVERRIDE, CHOWN, SYS_RESOURCE = 10, 5, 1, 0, 24
SETS = ("bounding", "permitted", "effective", "inheritable", "ambient")
# What /bin/sh and the tools of a test need to be executed at all.
TOOLS = '[[rules]]\npath = "/usr"\naccess = ["read", "execute", "readdir"]\n' \
        '[[rules]]\npath = "/dev/null"\naccess = ["read", "write"]\n' \
        '[[rules]]\npath = "/etc"\naccess = ["read"]\n'


def rule(path, *access, more=""):
    words = ", ".join(f'"{word}"' for word in access)
    return f'[[rules]]\npath = "{path}"\naccess = [{words}]\n{more}'


def keep(**sets):
    return "".join(f"[{name}]\nkeep = [{', '.join(map(repr, caps))}]\n" for name, caps in sets.items())


def everywhere(*caps):
    return keep(**{name: caps for name in SETS})


class Capabilities(Case):
    def status(self, *flags):
        text = self.good(*flags, "--", "/bin/grep", "^Cap", "/proc/self/status")
        return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines()}

    def test_the_sets_are_those_of_the_policy(self):
        policy = self.make("c.toml", keep(
            bounding=("CAP_NET_BIND_SERVICE", "CAP_KILL", "CAP_CHOWN"),
            permitted=("NET_BIND_SERVICE", "kill"), effective=("NET_BIND_SERVICE",),
            inheritable=("NET_BIND_SERVICE", "CAP_CHOWN"), ambient=("cap_net_bind_service",)))
        # capabilities(7): P'(permitted) = P'(ambient) where a file adds nothing, so P'(effective) too.
        self.assertEqual(self.status("--caps-policy", policy), {
            "CapInh": 1 << NET_BIND_SERVICE | 1 << CHOWN, "CapPrm": 1 << NET_BIND_SERVICE,
            "CapEff": 1 << NET_BIND_SERVICE, "CapAmb": 1 << NET_BIND_SERVICE,
            "CapBnd": 1 << NET_BIND_SERVICE | 1 << KILL | 1 << CHOWN})

    def test_a_policy_of_nothing_is_as_none(self):
        nothing = self.make("c.toml", "bounding.keep = []\n")
        for flags in ((), ("--caps-policy", nothing)):
            self.assertEqual(set(self.status(*flags).values()), {0})

    def test_every_harmless_capability_can_be_kept_at_once(self):
        caps = [c for c in range(41) if c not in (12, 19, 21, 22, 31)]
        policy = self.make("c.toml", "".join(f"{name}.keep = {caps}\n" for name in SETS))
        self.assertEqual(set(self.status("--caps-policy", policy).values()),
                         {sum(1 << c for c in caps)})

    def serve(self, *flags):
        """An http server on port 80, asked by a client beside it in the sandbox."""
        self.make("work/page.txt", "through port 80\n")
        return self.nucleus(*flags, "--workspace", self.dir / "work", "--workspace-mode", "bind-ro",
                            "--", "/bin/bash", "-c",
                            "python3 -m http.server --bind 127.0.0.1 80 >/dev/null 2>/tmp/said & "
                            "for i in $(seq 2000); do kill -0 $! 2>/dev/null || { wait $!; "
                            "tail -1 /tmp/said; exit 3; }; "
                            "exec 3<>/dev/tcp/127.0.0.1/80 && break; sleep 0.05; done 2>/dev/null; "
                            "printf 'GET /page.txt HTTP/1.0\\r\\n\\r\\n' >&3; tail -1 <&3")

    def test_port_80_is_for_who_keeps_the_capability(self):
        policy = self.make("c.toml", everywhere("CAP_NET_BIND_SERVICE"))
        r = self.serve("--caps-policy", policy)
        self.assertEqual((r.returncode, r.stdout), (0, "through port 80\n"), r.stderr)
        r = self.serve()
        self.assertEqual(r.returncode, 3, r.stdout)
        self.assertIn("Permission denied", r.stdout)
        # In the bounding set alone it is a bound, not a right.
        bound = self.make("bound.toml", keep(bounding=("CAP_NET_BIND_SERVICE",)))
        self.assertEqual(self.serve("--caps-policy", bound).returncode, 3)

    def test_the_network_is_still_the_sandboxs_own(self):
        policy = self.make("c.toml", everywhere("CAP_NET_BIND_SERVICE", "CAP_NET_RAW"))
        for flags in ((), ("--caps-policy", policy)):
            self.assertEqual(self.good(*flags, "--", "/bin/sh", "-c",
                                       "cut -d: -f1 /proc/self/net/dev | tail -n +3").split(), ["lo"])
        outside = os.readlink("/proc/self/ns/net")
        self.assertNotEqual(self.good("--caps-policy", policy, "--", "/bin/readlink",
                                      "/proc/self/ns/net").strip(), outside)

    def test_what_would_undo_the_sandbox_is_refused(self):
        for cap in ("NET_ADMIN", "SYS_PTRACE", "SYS_ADMIN", "SYS_BOOT", "SETFCAP"):
            policy = self.make("c.toml", f"[bounding]\nkeep = ['{cap}']\n")
            r = self.nucleus("--caps-policy", policy, "--", "/bin/true")
            if self.mode == "agent":
                self.assertEqual(r.returncode, 0, r.stderr)
                self.assertIn(f"CAP_{cap} is kept", r.stderr)
            else:
                self.assertEqual(r.returncode, 125)
                self.assertIn(f"mode strict-agent refuses CAP_{cap}", r.stderr)
                self.assertIn(f"{policy}:2:9", r.stderr)

    def test_files_of_others_stay_closed(self):
        """CAP_DAC_OVERRIDE and its kin: over files whose owner is in the sandbox, and no others."""
        closed = self.make("work/closed", "mine\n", 0o000)
        policy = self.make("c.toml", everywhere("DAC_OVERRIDE", "DAC_READ_SEARCH", "CHOWN", "FOWNER"))
        flags = ("--caps-policy", policy, "--workspace", self.dir / "work")
        self.assertEqual(self.good(*flags, "--", "/bin/cat", "/workspace/closed"), "mine\n")
        closed.chmod(0o600)
        if os.geteuid() == 0:
            foreign = self.make("work/foreign", "not mine\n", 0o600)
            os.chown(foreign, 54321, 54321)
            r = self.nucleus(*flags, "--", "/bin/sh", "-c",
                             "cat /workspace/foreign || chmod 666 /workspace/foreign || "
                             "chown 1000 /workspace/foreign || echo closed")
            self.assertEqual(r.stdout, "closed\n", r.stderr)
            self.assertEqual(foreign.stat().st_mode & 0o777, 0o600)
        r = self.nucleus(*flags, "--", "/bin/sh", "-c",
                         "cat /proc/1/environ /proc/kcore 2>/dev/null || echo closed")
        self.assertEqual(r.stdout, "closed\n")

    def test_init_and_limits_are_out_of_reach(self):
        policy = self.make("c.toml", everywhere("KILL", "SYS_RESOURCE", "SYS_NICE", "SETUID", "SETGID",
                                                "SETPCAP", "SYS_CHROOT", "DAC_OVERRIDE"))
        out = self.work("--caps-policy", policy, "--", "/usr/bin/python3", "-c", """
import os, resource, signal
def tell(name, f):
    try:
        f()
        print(name, 'done')
    except OSError as e:
        print(name, e.strerror)
    except ValueError as e:
        print(name, e)
for s in (signal.SIGKILL, signal.SIGSTOP):  # what it can be sent else, it passes on
    try:
        os.kill(1, s)
    except PermissionError:
        pass
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
tell('files', lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1)))
tell('processes', lambda: resource.setrlimit(resource.RLIMIT_NPROC, (10**6, 10**6)))
tell('oom', lambda: open('/proc/self/oom_score_adj', 'w').write('-1000'))
tell('environ', lambda: open('/proc/1/environ').read())
tell('mem', lambda: open('/proc/1/mem', 'rb').read(1))
print('alive')
""")
        lines = dict(line.split(" ", 1) for line in out.splitlines() if " " in line)
        self.assertNotIn("done", lines.values(), out)
        self.assertEqual(set(lines), {"files", "processes", "oom", "environ", "mem"})
        self.assertTrue(out.endswith("alive\n"), out)

    def test_explain_says_over_what(self):
        policy = self.make("c.toml", everywhere("CAP_NET_BIND_SERVICE"))
        r = subprocess.run([self.nucleus_path, "explain", "--mode", self.mode, "--caps-policy",
                            str(policy)], text=True, capture_output=True, check=False)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("capabilities kept\n  CAP_NET_BIND_SERVICE: bind ports below 1024", r.stdout)
        self.assertIn("its network namespace, and none of the others" if os.geteuid() == 0
                      else "its other namespaces and what is mounted in them", r.stdout)


class Landlock(Case):
    def policy(self, text, name="l.toml"):
        return ("--landlock-policy", self.make(name, text))

    def tell(self, text, script, *flags):
        """A shell script under a policy, on a workspace; each line `name: command` says how it ended."""
        lines = "\n".join(f"({command}) >/dev/null 2>&1 && echo '{name} yes' || echo '{name} no'"
                          for name, command in script.items())
        (self.dir / "work").mkdir(exist_ok=True)
        out = self.work(*self.policy(text), "--workspace", self.dir / "work", "--workspace-exec",
                        *flags, "--", "/bin/sh", "-c", lines)
        return {name: verdict == "yes" for name, verdict in
                (line.rsplit(" ", 1) for line in out.splitlines())}

    def test_each_right_alone(self):
        """A directory with a file in it: what each word of a policy lets a program do there."""
        self.make("work/d/file", "text\n", 0o666)
        self.make("work/d/program", "#!/bin/sh\n", 0o755)
        script = {
            "read": "read line </workspace/d/file",
            "write": "echo more >>/workspace/d/file",
            "execute": "/usr/bin/env -i /usr/bin/dash -c '. /dev/null; exec /workspace/d/program'",
            "readdir": "ls /workspace/d",
            "create": "mkdir /workspace/d/new",
            "remove": "rmdir /workspace/d/old",
        }
        # A script is read by its interpreter, and a right to execute it alone is of no use.
        grants = {word: {word} for word in script} | {"all": set(script)}
        for word, expected in grants.items():
            with self.subTest(word):
                for name, there in (("new", False), ("old", True)):
                    path = self.dir / "work/d" / name
                    if path.is_dir() != there:
                        (path.mkdir if there else path.rmdir)()
                access = ("read", "execute") if word == "execute" else (word,)
                if word == "execute":
                    expected = {"read", "execute"}
                got = self.tell(TOOLS + rule("/workspace/d", *access), script)
                self.assertEqual({name for name, yes in got.items() if yes}, expected)

    def test_file_directory_and_symlink(self):
        self.make("work/d/in/file", "text\n", 0o666)
        self.make("work/file", "text\n", 0o666)
        self.make("work/sibling", "text\n", 0o666)
        (self.dir / "work/link").symlink_to("d/in")
        (self.dir / "work/absolute").symlink_to("/workspace/file")
        script = {
            "in": "read line </workspace/d/in/file",
            "file": "read line </workspace/file",
            "sibling": "read line </workspace/sibling",
            "list": "ls /workspace",
            "append": "echo >>/workspace/file",
        }
        for path, words, expected in (
                ("/workspace/file", ("read",), {"file"}),
                # Rights of directories on a file are not what the writer could have meant: they are nothing.
                ("/workspace/file", ("read", "create", "readdir"), {"file"}),
                ("/workspace/file", ("all",), {"file", "append"}),
                ("/workspace/d", ("read",), {"in"}),
                ("/workspace/link", ("read",), {"in"}),
                ("/workspace/absolute", ("read",), {"file"}),
                ("/workspace", ("read",), {"in", "file", "sibling"}),
                ("/workspace", ("readdir",), {"list"}),
                ("/workspace/d/in/", ("read", "readdir"), {"in"})):
            with self.subTest(f"{path} {words}"):
                got = self.tell(TOOLS + rule(path, *words), script)
                self.assertEqual({name for name, yes in got.items() if yes}, expected)

    def test_overlapping_rules_are_the_union(self):
        self.make("work/d/file", "text\n", 0o666)
        self.make("work/e", "text\n", 0o666)
        (self.dir / "work/link").symlink_to("d")
        script = {
            "read d": "read line </workspace/d/file", "write d": "echo >>/workspace/d/file",
            "read e": "read line </workspace/e", "write e": "echo >>/workspace/e",
        }
        got = self.tell(TOOLS + rule("/workspace", "read") + rule("/workspace/d", "write") +
                        rule("/workspace/d", "write") + rule("/workspace/link", "write"), script)
        self.assertEqual(got, {"read d": True, "write d": True, "read e": True, "write e": False})

    def test_it_can_only_take_away(self):
        """A policy of everything gives nothing that the sandbox's own rules and mounts refuse."""
        script = {
            "usr": "echo >/usr/new", "etc": "echo >>/etc/passwd", "proc": "echo 1 >/proc/sys/kernel/x",
            "home": "echo >/home/agent/new", "signal": "kill -0 1",
        }
        everything = rule("/", "all") + "[scope]\nsignal = false\nabstract_unix_socket = false\n"
        got = self.tell(everything, script)
        self.assertEqual({name for name in ("usr", "etc", "proc", "home") if got[name]}, {"home"})
        self.assertEqual(self.tell(rule("/", "read", "execute"), script)["home"], False)

    def test_init_is_out_of_its_domain(self):
        """landlock(7): signals to processes outside of the domain are refused; init is outside."""
        if landlock_abi() < 6:
            return
        script = {"signal": "kill -s CONT 1"}
        self.assertEqual(self.tell(TOOLS, script), {"signal": False})

    def test_ports(self):
        server = ("import socket, sys\nfor p in map(int, sys.argv[1:]):\n"
                  "  try:\n    s = socket.create_server(('127.0.0.1', p))\n    print('bind', p)\n"
                  "  except PermissionError:\n    print('no bind', p)\n    continue\n"
                  "  try:\n    socket.create_connection(('127.0.0.1', p))\n    print('connect', p)\n"
                  "  except PermissionError:\n    print('no connect', p)\n")
        restricted = landlock_abi() >= 4
        for net, expected in (
                ("", "no bind 8080\nno bind 8081\n"),
                ("[[net]]\nbind = [8080]\n", "bind 8080\nno connect 8080\nno bind 8081\n"),
                ("[[net]]\nbind = [8080]\n[[net]]\nbind = [8081]\nconnect = [8080]\n",
                 "bind 8080\nconnect 8080\nbind 8081\nno connect 8081\n")):
            with self.subTest(net):
                r = self.nucleus(*self.policy(TOOLS + net), "--", "/usr/bin/python3", "-c", server,
                                 "8080", "8081")
                if restricted:
                    self.assertEqual((r.returncode, r.stdout), (0, expected), r.stderr)
                elif net and self.mode == "strict-agent":
                    self.assertEqual(r.returncode, 125)
                    self.assertIn("port rules need Landlock ABI 4", r.stderr)
                else:
                    self.assertEqual(r.stdout.count("no "), 0, r.stderr)

    def test_fast_open_is_no_way_past_the_ports(self):
        """TCP Fast Open connects in sendto(2), which Landlock does not see. Where it has no ports, too."""
        text = ("import socket\nserver = socket.create_server(('127.0.0.1', 8080))\n"
                "for flags in (0x20000000, 0x20000040):\n  for send in (lambda s, *to: s.sendto(b'x', flags, *to),\n"
                "               lambda s, *to: s.sendmsg([b'x'], [], flags, *to)):\n"
                "    try:\n      send(socket.socket(), ('127.0.0.1', 8080))\n      print('connected')\n"
                "    except OSError as e:\n      print(e.errno)\n"
                "with socket.socket(type=socket.SOCK_DGRAM) as s:\n"
                "  s.sendto(b'x', ('127.0.0.1', 9))\n")
        flags = [()]
        if landlock_abi() >= 4:
            flags += [("--bind-port", "8080", "--connect-port", "443"),
                      self.policy(TOOLS + "[[net]]\nbind = [8080]\nconnect = [443]\n")]
        for words in flags:
            with self.subTest(words):
                self.assertEqual(self.good(*words, "--", "/usr/bin/python3", "-c", text), f"{errno.EOPNOTSUPP}\n" * 4)

    def test_a_missing_path(self):
        text = TOOLS + rule("/workspace/none", "all")
        (self.dir / "work").mkdir()
        flags = ("--workspace", self.dir / "work")
        r = self.nucleus(*self.policy(text), *flags, "--", "/bin/true")
        if self.mode == "strict-agent":
            self.assertEqual(r.returncode, 125)
            self.assertIn("/workspace/none does not exist in the sandbox", r.stderr)
            self.assertIn(f"{self.dir}/l.toml:{text.count(chr(10)) - 1}:8", r.stderr)
        else:
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertIn("/workspace/none does not exist", r.stderr)
        optional = TOOLS + rule("/workspace/none", "all", more="optional = true\n")
        self.good(*self.policy(optional), *flags, "--", "/bin/true")
        # In a file system that the kernel fills only the launch can tell.
        r = self.nucleus(*self.policy(TOOLS + rule("/proc/none", "read")), "--", "/bin/true")
        self.assertEqual(r.returncode, 125)
        self.assertIn("optional = true", r.stderr)
        self.good(*self.policy(TOOLS + rule("/proc/none", "read", more="optional = true\n")), "--",
                  "/bin/true")

    def test_a_program_that_may_not_be_executed(self):
        r = self.nucleus(*self.policy(rule("/etc", "read")), "--", "/bin/true")
        self.assertEqual(r.returncode, 126, r.stderr)
        self.assertIn(f"Landlock policy {self.dir}/l.toml grants execute with read nowhere", r.stderr)
        r = self.nucleus(*self.policy(rule("/dev/null", "read", "execute")), "--", "/bin/true")
        self.assertIn("grants execute with read at and below /dev/null", r.stderr)

    def test_a_kernel_below_min_abi(self):
        r = self.nucleus(*self.policy(f"min_abi = {landlock_abi() + 1}\n" + TOOLS), "--", "/bin/true")
        self.assertEqual(r.returncode, 125)
        self.assertIn(f"needs ABI {landlock_abi() + 1}", r.stderr)
        self.assertIn(f"{self.dir}/l.toml:1:11", r.stderr)
        self.good(*self.policy(f"min_abi = {landlock_abi()}\n" + TOOLS), "--", "/bin/true")

    def test_a_copied_workspace(self):
        self.make("work/d/file", "text\n", 0o666)
        (self.dir / "work/link").symlink_to("d")
        got = self.tell(TOOLS + rule("/workspace/link", "read"),
                        {"in": "read line </workspace/d/file", "list": "ls /workspace/d"},
                        "--workspace-mode", "copy-in-out")
        self.assertEqual(got, {"in": True, "list": False})


CASES = (Capabilities, Landlock)
