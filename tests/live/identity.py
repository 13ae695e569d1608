# SPDX-License-Identifier: MIT
"""Who the program is, where it is, and what keeps it there."""

import os
import socket
import subprocess

from sandbox import Case, processes_with

NAMESPACES = ("user", "pid", "mnt", "net", "uts", "ipc", "cgroup", "time")
ENVIRONMENT = {
    "HOME": "/home/agent",
    "LANG": "C.UTF-8",
    "LOGNAME": "agent",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "USER": "agent",
}


def fields(text):
    """The lines of /proc/PID/status and the like."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key: value.strip() for key, value in pairs}


class Identity(Case):
    def test_user(self):
        self.assertEqual(self.good("--", "id"),
                         "uid=1000(agent) gid=1000(agent) groups=1000(agent)\n")
        self.assertEqual(self.good("--", "whoami"), "agent\n")

    def test_another_user(self):
        self.assertEqual(self.good("--user", "web:33", "--group", "www:34", "--", "sh", "-c",
                                   "id; echo ~; touch ~/x; stat -c %U:%G ~/x"),
                         "uid=33(web) gid=34(www) groups=34(www)\n/home/web\nweb:www\n")

    def test_user_zero_has_no_power(self):
        status = fields(self.good("--user", "root:0", "--group", "root:0", "--", "cat",
                                  "/proc/self/status"))
        for caps in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(status[caps], "0" * 16, caps)
        self.assertEqual(self.script(
            "! chown 1 ~ 2>/dev/null; ! mount -t tmpfs x /tmp 2>/dev/null; "
            "! touch /etc/x 2>/dev/null; ! cat /etc/shadow 2>/dev/null; id -u",
            "--user", "0", "--group", "0"), "0\n")

    def test_host_name(self):
        self.assertEqual(self.good("--", "uname", "-n"), "sandbox\n")
        self.assertEqual(self.good("--hostname", "other.example", "--", "uname", "-n"),
                         "other.example\n")
        self.assertEqual(self.good("--", "getent", "hosts", "localhost").split()[-1], "localhost")
        self.assertNotIn(socket.gethostname(), self.good("--", "cat", "/etc/hosts"))

    def test_directory(self):
        workspace = self.make_dir("workspace")
        self.assertEqual(self.good("--", "pwd"), "/home/agent\n")
        self.assertEqual(self.good("--workspace", workspace, "--", "pwd"), "/workspace\n")
        self.assertEqual(self.good("--workspace", workspace, "--cwd", "/usr/lib", "--", "pwd"),
                         "/usr/lib\n")

    def environment_inside(self, *flags, **how):
        """Without the mark that the other cases carry."""
        command = [self.nucleus_path, "run", "--mode", self.mode, *flags, "--", "env", "-0"]
        r = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60,
                           stdin=subprocess.DEVNULL, **how)
        return dict(v.split("=", 1) for v in r.stdout.split("\0") if v)

    def test_environment(self):
        outside = self.environment(SECRET="s", LD_PRELOAD="", PYTHONPATH="/x", SHELL="/bin/x")
        self.assertEqual(self.environment_inside(env=outside), ENVIRONMENT)
        self.assertEqual(self.environment_inside("--env", "A=b=c", "--env", "EMPTY=", env=outside),
                         dict(ENVIRONMENT, A="b=c", EMPTY=""))
        self.assertEqual(self.environment_inside("--env-pass", "SECRET", "--env-pass", "UNSET",
                                                 env=outside), dict(ENVIRONMENT, SECRET="s"))
        self.assertEqual(self.environment_inside("--env", "PATH=/usr/bin", "--env", "HOME=/tmp"),
                         dict(ENVIRONMENT, PATH="/usr/bin", HOME="/tmp"))

    def test_environment_by_descriptor(self):
        reader, writer = os.pipe()
        os.write(writer, b"TOKEN=t0k\nen\0OTHER=o\0")
        os.close(writer)
        try:
            inside = self.environment_inside("--env-fd", str(reader), pass_fds=[reader])
        finally:
            os.close(reader)
        self.assertEqual(inside, dict(ENVIRONMENT, TOKEN="t0k\nen", OTHER="o"))

    def test_umask(self):
        before = os.umask(0o077)
        try:
            self.assertEqual(self.good("--", "sh", "-c", "umask"), "0022\n")
        finally:
            os.umask(before)

    def test_etc(self):
        names = set(self.good("--", "ls", "/etc").split())
        self.assertLessEqual({"passwd", "group", "hosts", "nsswitch.conf", "resolv.conf"}, names)
        self.assertFalse(names & {"shadow", "gshadow", "sudoers", "ssh", "machine-id", "hostname"})
        users = self.good("--", "cat", "/etc/passwd").splitlines()
        self.assertEqual([u.split(":")[0] for u in users], ["root", "agent", "nobody"])
        self.assertEqual(self.good("--", "getent", "passwd", "agent"),
                         "agent:x:1000:1000:agent:/home/agent:/bin/bash\n")
        self.assertEqual(self.good("--", "getent", "group", "agent"), "agent:x:1000:\n")

    def test_dev(self):
        names = set(self.good("--", "ls", "/dev").split())
        self.assertEqual(names, {"fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr",
                                 "stdin", "stdout", "tty", "urandom", "zero"})
        self.script("head -c 10 /dev/urandom >/dev/null; ! echo x >/dev/full 2>/dev/null; "
                    "test -z \"$(cat /dev/null)\"")
        if os.geteuid() != 0:
            # By root's sandboxes it cannot be opened again: a pipe of root's is not the workload's.
            self.script("echo x >/dev/stdout; echo x >/dev/stderr")

    def test_root(self):
        names = set(self.good("--", "ls", "/").split())
        self.assertFalse(names & {"root", "boot", "mnt", "media", "srv", "opt", "workspace"})
        self.assertEqual(self.good("--", "ls", "-A", "/home"), "agent\n")
        self.assertEqual(self.good("--", "ls", "-A", "/home/agent", "/tmp", "/dev/shm").split(),
                         ["/dev/shm:", "/home/agent:", "/tmp:"])


class Isolation(Case):
    def test_namespaces(self):
        out = self.good("--", "sh", "-c", "for n in $0 $@; do readlink /proc/self/ns/$n; done",
                        *NAMESPACES)
        inside = dict(zip(NAMESPACES, out.split()))
        for name in NAMESPACES:
            self.assertNotEqual(inside[name], os.readlink(f"/proc/self/ns/{name}"), name)
            self.assertTrue(inside[name].startswith(name), inside)
        again = self.good("--", "sh", "-c", "for n in $0 $@; do readlink /proc/self/ns/$n; done",
                          *NAMESPACES).split()
        self.assertEqual(len(again), 8)

    def test_status(self):
        status = fields(self.good("--", "cat", "/proc/self/status"))
        for caps in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(status[caps], "0" * 16, caps)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(status["Uid"].split(), ["1000"] * 4)
        self.assertEqual(status["Gid"].split(), ["1000"] * 4)
        # The parent is PID 1, which is not shown.
        self.assertEqual(status["PPid"], "1")
        self.assertNotEqual(status["Pid"], "1")

    def test_user_outside_is_unprivileged(self):
        with self.start("--", "sh", "-c", "echo ready; read answer") as p:
            p.stdout.readline()
            inside = processes_with(self.mark)
            uids = set()
            for pid in inside:
                with open(f"/proc/{pid}/status", encoding="utf-8") as f:
                    uids.update(fields(f.read())["Uid"].split())
            p.communicate("go\n", timeout=60)
        self.assertTrue(inside)
        self.assertNotIn("0", uids)
        if os.geteuid() != 0:
            self.assertEqual(uids, {str(os.geteuid())})

    def test_mounts(self):
        """Every mount is nosuid; what may be written may not be run; devices are only in /dev."""
        workspace = self.make_dir("workspace")
        out = self.good("--workspace", workspace, "--", "cat", "/proc/self/mountinfo")
        for line in out.splitlines():
            words = line.split()
            where, options = words[4], words[5].split(",")
            self.assertIn("nosuid", options, line)
            if "rw" in options and not where.startswith("/dev/"):
                self.assertIn("noexec", options, line)
            if "nodev" not in options:
                self.assertIn(where.split("/")[1], ("dev", "proc"), line)
            self.assertNotIn("shared:", line)

    def test_network_is_loopback(self):
        out = self.script("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; "
                          "test -z \"$(tail -n +2 /proc/net/route)\"")
        self.assertEqual(out, "lo\n")
        self.assertIn("ok", self.script("""python3 - <<'E'
import socket
s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname())
s.accept()[0].sendall(b"ok"); print(c.recv(2).decode())
E"""))

    def test_eight_sandboxes_at_once(self):
        workspace = self.make_dir("workspace")
        processes = [self.start("--workspace", workspace, "--", "sh", "-c",
                                f"echo {i} >/tmp/me; echo {i} >mine{i}; echo ready; read answer; "
                                "cat /tmp/me") for i in range(8)]
        for p in processes:
            p.stdout.readline()
        for i, p in enumerate(processes):
            out, err = p.communicate("go\n", timeout=60)
            self.assertEqual((p.returncode, out, err), (0, f"{i}\n", ""))
        self.assertEqual(len(list(workspace.iterdir())), 8)


CASES = (Identity, Isolation)
