# SPDX-License-Identifier: MIT
"""nucleus why is asked, and then it is tried: answer and reality must agree, to the errno."""

import errno
import json
import os
import pathlib
import socket
import subprocess

from kernel import landlock_abi
from sandbox import PATIENCE, Case

PROBE = (pathlib.Path(__file__).parent / "why_probe.py").read_text(encoding="utf-8")

# What every sandbox has, has not, or hides.
ROOT_PATHS = """
    / /etc /etc/passwd /etc/group /etc/hosts /etc/resolv.conf /etc/nsswitch.conf /etc/shadow /etc/gshadow
    /etc/sudoers /etc/ssh /etc/machine-id /etc/ld.so.cache /etc/alternatives /etc/ssl/certs
    /etc/ssl/private /etc/no-such-file /etc/passwd/below /etc/os-release /etc/localtime /etc/../etc/group
    /bin /bin/sh /lib /usr /usr/bin /usr/bin/env /usr/share /usr/no-such-file /usr/local/bin
    /root /home /home/agent /home/agent/x /boot /opt /srv /mnt /media /run /run/docker.sock /var
    /var/empty /var/log /var/tmp /var/tmp/x /var/lib
    /tmp /tmp/x /dev /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/mem
    /dev/kmsg /dev/sda /dev/vda /dev/shm /dev/shm/x /dev/pts /dev/ptmx /dev/fd /dev/x
    /proc /proc/cpuinfo /proc/meminfo /proc/kcore /proc/keys /proc/kmsg /proc/kallsyms /proc/modules
    /proc/interrupts /proc/timer_list /proc/sysrq-trigger /proc/acpi /proc/bus /proc/irq /proc/fs
    /proc/mounts /proc/net/dev /proc/partitions /proc/pagetypeinfo /proc/self /proc/self/status
    /proc/self/maps /proc/self/environ /proc/self/cmdline /proc/self/mem /proc/self/oom_score_adj
    /proc/self/uid_map /proc/self/root /proc/self/cwd /proc/self/fd /proc/self/ns /proc/self/task
    /proc/self/attr /proc/self/attr/current /proc/self/no-such-file /proc/1 /proc/1/environ
    /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches
    /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/random/boot_id
    /sys /sys/devices/system/cpu /sys/devices/system/cpu/online /sys/kernel /sys/class /sys/fs/cgroup
""".split()
# Programs may have made these: the answer is then about the file that they made.
MADE = "/opt/t/x", "/tmp/x", "/home/agent/x", "/var/tmp/x", "/dev/shm/x"
OPERATIONS = "open", "write", "create", "remove"
PROGRAMS = """
    /usr/bin/true /bin/true true sh no-such-program /etc/passwd /etc/alternatives /usr /tmp/x /dev/null
    /usr/no-such-program /usr/share/dict /usr/bin/env/x
""".split()


class Why(Case):
    def ask(self, flags, queries):
        r = subprocess.run([self.nucleus_path, "why", "--json", "--mode", self.mode, *map(str, flags), *queries],
                           capture_output=True, text=True, check=False, timeout=PATIENCE,
                           stdin=subprocess.DEVNULL, env=self.environment())
        self.assertIn(r.returncode, (0, 1), r.stderr)
        answers = [json.loads(line) for line in r.stdout.splitlines()]
        self.assertEqual([a["query"] for a in answers], queries)
        self.assertEqual(r.returncode, 0 if all(a["allowed"] for a in answers) else 1)
        return answers

    def disagreement(self, answer, seen):
        """What an answer and reality differ in, or None."""
        if answer["query"].startswith("syscall:") and answer["allowed"]:
            # Allowed calls fail as they like, but not as those that are refused.
            # fchmod: of standard input, which is the caller's.
            ok = seen not in ("SIGSYS", errno.ENOSYS) and (
                seen != errno.EPERM or answer["query"].startswith("syscall:91("))
        elif answer["allowed"]:
            ok = seen in (0, "no listener")
        elif answer["kills"]:
            ok = seen == "SIGSYS"
        elif answer["errno"] is None:
            ok = seen in (0, "name")
        else:
            ok = seen == getattr(errno, answer["errno"])
        if ok:
            return None
        seen = errno.errorcode.get(seen, seen)
        told = "allowed" if answer["allowed"] else f"{answer['layer']} {answer['errno']}"
        return f"{answer['query']}: tried: {seen}; told: {told} ({answer['rule']})"

    def agree(self, count, queries, *flags):
        """Asks, then tries; exactly so many cases."""
        self.assertEqual(len(queries), count)
        self.assertEqual(len(set(queries)), count)
        answers = self.ask(flags, queries)
        out = self.work(*flags, "--", "/usr/bin/python3", "-c", PROBE,
                        input=json.dumps({"make": MADE, "queries": queries}))
        results = json.loads(out)
        self.assertEqual(len(results), count)
        wrong = [d for d in map(self.disagreement, answers, results) if d]
        self.assertEqual(wrong, [], f"{len(wrong)} of {count} differ:\n" + "\n".join(wrong))
        return answers

    # ---- files ---------------------------------------------------------------------------------------

    def test_the_root(self):
        directories = [path for path in ROOT_PATHS if path not in MADE]
        queries = [f"list:{path}" for path in directories]
        queries += [f"{op}:{path}" for op in OPERATIONS for path in ROOT_PATHS]
        queries += [f"exec:{p}" for p in PROGRAMS]
        answers = self.agree(len(directories) + len(ROOT_PATHS) * 4 + len(PROGRAMS),
                             queries)
        self.assertGreaterEqual(len(answers), 450)
        layers = {a["layer"] for a in answers if not a["allowed"]}
        self.assertEqual(layers & {"root file system", "mount", "mask"},
                         {"root file system", "mount", "mask"})

    def test_questions_that_are_none(self):
        """All are read before the first is answered, and each is told what is wrong with it."""
        for query, message, hint in (
                ("syscall:exceve", "there is no system call exceve", "did you mean execve?"),
                ("syscall:read(1,x)", "six numbers", "syscall:NAME"),
                ("bind:99999", "99999 is not between 0 and 65535", "bind:PORT"),
                ("bind:http", "http is not the number of a port", "bind:PORT"),
                ("connect:1.1.1.1:70000", "70000 is not between", "HOST:PORT"),
                ("connect:nowhere", "is wanted, not nowhere", "HOST:PORT"),
                ("open:etc", "a path inside begins with a slash", "open:/PATH"),
                ("open:", "nothing stands behind the colon", "open:/PATH"),
                ("opne:/etc", "not a question: opne:/etc", "did you mean open:?"),
                ("/etc", "not a question: /etc", "open:/PATH")):
            r = subprocess.run([self.nucleus_path, "why", "open:/etc/passwd", query], check=False,
                               capture_output=True, text=True, timeout=PATIENCE, env=self.environment())
            self.assertEqual((r.returncode, r.stdout), (125, ""), query)
            self.assertIn(message, r.stderr)
            self.assertIn(hint, r.stderr)

    def test_what_only_a_process_knows_is_not_promised(self):
        answer, = self.ask((), ["exec:/proc/self/exe"])
        self.assertEqual((answer["allowed"], answer["certainty"]), (True, "inferred"))

    # ---- what is given -------------------------------------------------------------------------------

    def tree(self, name):
        """A directory with one of everything; gives the names in it."""
        top = self.make_dir(name)
        self.make(f"{name}/file", "text")
        self.make(f"{name}/private", "text", 0o600)
        self.make(f"{name}/shut", "text", 0o000)
        self.make(f"{name}/program", "#!/bin/sh\nexit 0\n", 0o755)
        self.make(f"{name}/lost", "#!/no/such/interpreter\n", 0o755)
        self.make(f"{name}/plain", "#!/bin/sh\n", 0o644)
        self.make(f"{name}/dir/inner", "text")
        self.make_dir(f"{name}/sealed").chmod(0o555)
        closed = self.make_dir(f"{name}/closed")
        closed.chmod(0o000)
        self.addCleanup(lambda: closed.exists() and closed.chmod(0o755))
        for link, target in (("link", "file"), ("in", "dir/inner"), ("out", "/etc/passwd"),
                             ("secret", "/etc/shadow"), ("ring", "ring"), ("nowhere", "nothing"),
                             ("up", "../etc/passwd")):
            os.symlink(target, top / link)
        return top

    NAMES = """. file private shut program lost plain dir dir/inner dir/new sealed sealed/new closed
               closed/new link in out secret ring nowhere up new new/below file/below in/below""".split()

    def in_tree(self, place):
        """Removal comes last, of what is below before what it is in: what is gone cannot be tried."""
        names = self.NAMES[1:]
        return [f"{op}:{place}" for op in ("open", "write", "exec")] + [
            f"{op}:{place}/{name}" for op in ("open", "write", "exec", "create", "remove")
            for name in (reversed(names) if op == "remove" else names)]

    def tree_agrees(self, place, flag, form, *more):
        self.agree(123, self.in_tree(place), flag, form.format(self.tree("tree")), *more)

    def test_workspace(self):
        self.tree_agrees("/workspace", "--workspace", "{}")

    def test_workspace_exec(self):
        self.tree_agrees("/workspace", "--workspace", "{}", "--workspace-exec")

    def test_workspace_read_only(self):
        self.tree_agrees("/workspace", "--workspace", "{}", "--workspace-mode", "bind-ro")

    def test_workspace_copied(self):
        # The caller copies what it may read.
        top = self.tree("tree")
        for name in "shut", "closed":
            (top / name).chmod(0o755)
        self.agree(123, self.in_tree("/workspace"), "--workspace", top, "--workspace-mode", "copy-in-out")

    def test_context(self):
        self.tree_agrees("/context", "--context", "{}")

    def test_volume_read_only(self):
        self.tree_agrees("/data", "--volume", "{}:/data:ro")

    def test_volume_writable(self):
        self.tree_agrees("/data", "--volume", "{}:/data:rw")

    def test_volume_executable(self):
        self.tree_agrees("/data", "--volume", "{}:/data:rw,exec")

    def test_volumes_in_one_another(self):
        a, b = self.tree("a"), self.tree("b")
        queries = [f"{op}:{p}" for op in OPERATIONS for p in
                   ("/srv", "/srv/a", "/srv/a/file", "/srv/a/dir", "/srv/a/dir/file", "/srv/a/dir/new",
                    "/srv/a/new", "/etc/given", "/opt", "/opt/t", "/opt/t/x", "/opt/x")]
        self.agree(48, queries, "--volume", f"{a}:/srv/a:ro", "--volume", f"{b}:/srv/a/dir:rw",
                   "--volume", f"{a}/file:/etc/given:ro", "--tmpfs", "/opt/t")

    def test_sockets(self):
        top = self.make_dir("sockets")
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(top / "s"))
            (top / "s").chmod(0o666)
            s.listen()
            self.make("sockets/file")
            self.agree(3, ["connect:/data/s", "connect:/data/file", "connect:/data/none"],
                       "--volume", f"{top}:/data:ro")

    # ---- the network ---------------------------------------------------------------------------------

    ENDPOINTS = """127.0.0.1:9 127.1.2.3:9 0.0.0.0:9 [::1]:9 localhost:9 sandbox:9 192.0.2.1:443
                   10.0.0.1:80 8.8.8.8:53 [2001:db8::1]:443 example.org:80 metadata.internal:80
                   169.254.169.254:80 127.0.0.1:443 127.0.0.1:8080""".split()
    PORTS = "0 1 22 80 443 1023 1024 5432 8080 65535".split()

    def test_network(self):
        self.agree(25, [f"connect:{e}" for e in self.ENDPOINTS] + [f"bind:{p}" for p in self.PORTS])

    def ports_are_refused(self, *flags):
        """A strict mode does not start where the kernel cannot restrict ports (Landlock ABI 4, Linux 6.7)."""
        if self.mode == "agent" or landlock_abi() >= 4:
            return False
        r = self.nucleus(*flags, "--", "/usr/bin/true")
        self.assertEqual(r.returncode, 125)
        self.assertIn("port rules need Landlock ABI 4", r.stderr)
        return True

    def test_ports(self):
        if self.ports_are_refused("--connect-port", "443", "--bind-port", "8080"):
            return
        self.agree(25, [f"connect:{e}" for e in self.ENDPOINTS] + [f"bind:{p}" for p in self.PORTS],
                   "--connect-port", "443", "--bind-port", "8080", "--bind-port", "80")

    # ---- policy files --------------------------------------------------------------------------------

    RULES = (("/usr", "read", "execute", "readdir"), ("/etc", "read"), ("/dev/null", "read", "write"),
             ("/workspace/dir", "read", "readdir", "write", "create", "remove"),
             ("/workspace/file", "read", "write"),
             ("/workspace/program", "read", "execute"), ("/workspace/plain", "all"),
             ("/workspace/in", "write"), ("/workspace/sealed", "all"), ("/workspace/closed", "readdir"))

    def policy(self, rules, more=""):
        text = "".join(f'[[rules]]\npath = "{path}"\naccess = {list(access)}\n'
                       for path, *access in rules)
        return self.make("policy.toml", text + more)

    def test_landlock_policy_of_a_workspace(self):
        self.tree_agrees("/workspace", "--workspace", "{}", "--workspace-exec", "--landlock-policy",
                         self.policy(self.RULES))

    def test_landlock_policy_of_the_root(self):
        queries = [f"{op}:{path}" for op in OPERATIONS for path in ROOT_PATHS]
        answers = self.agree(len(ROOT_PATHS) * 4, queries, "--landlock-policy",
                             self.policy((*self.RULES[:3], ("/tmp", "all"), ("/proc", "readdir"),
                                          ("/home/agent", "all"), ("/dev/shm", "all"))))
        self.assertIn("landlock", {a["layer"] for a in answers})

    def test_programs_under_a_landlock_policy(self):
        """The kernel opens a program to read it, too: execute alone does not run it."""
        place = self.tree("tree")
        for name in ("program", "lost", "plain"):
            (place / name).chmod(0o755)
        for access in (("execute",), ("read",), ("read", "execute")):
            rules = [(f"/workspace/{name}", *access) for name in ("program", "lost", "plain")]
            self.agree(3, [f"exec:/workspace/{name}" for name in ("program", "lost", "plain")],
                       "--workspace", place, "--workspace-exec", "--landlock-policy",
                       self.policy((*self.RULES[:3], *rules)))

    def test_ports_of_policies(self):
        caps = self.make("caps.toml", "".join(
            f"[{name}]\nkeep = ['CAP_NET_BIND_SERVICE']\n"
            for name in ("bounding", "permitted", "effective", "inheritable", "ambient")))
        queries = [f"connect:{e}" for e in self.ENDPOINTS] + [f"bind:{p}" for p in self.PORTS]
        self.agree(25, queries, "--caps-policy", caps)
        nets = ["", "[[net]]\nbind = [80, 8080]\nconnect = [443, 9]\n"]
        for net in nets[:2 if landlock_abi() >= 4 else 1]:
            self.agree(25, queries, "--landlock-policy", self.policy(self.RULES[:3], net))
            self.agree(25, queries, "--caps-policy", caps, "--landlock-policy",
                       self.policy(self.RULES[:3], net))

    # ---- system calls --------------------------------------------------------------------------------

    def test_every_number(self):
        # Of uretprobe and uprobe filters are not asked (seccomp_uprobe_exception() of Linux 6.14).
        numbers = [nr for nr in range(470) if nr not in (335, 336)]
        # Both modes have the same filter.
        args = ("0", "-1") if self.mode == "strict-agent" else ("0",)
        queries = [f"syscall:{nr}({','.join([arg] * 6)})" for nr in numbers for arg in args]
        answers = self.agree(468 * len(args), queries)
        # Of 110 calls and the sockets, those that take such arguments.
        self.assertGreater(sum(a["allowed"] for a in answers), 90 * len(args))
        self.assertEqual(sum(a["kills"] for a in answers), 12 * len(args))

    # ---- policy files ---------------------------------------------------------------------------------

    LANDLOCK = """
        min_abi = 1
        [[rules]]
        path = "/usr"
        access = ["read", "readdir", "execute"]
        [[rules]]
        path = "/lib64"
        access = ["read", "execute"]
        optional = true
        [[rules]]
        path = "/etc"
        access = ["read"]
        [[rules]]
        path = "/dev"
        access = ["read", "write"]
        [[rules]]
        path = "/proc"
        access = ["read"]
        [[rules]]
        path = "/workspace"
        access = ["read"]
        [[rules]]
        path = "/workspace/dir"
        access = ["all"]
        [[rules]]
        path = "/var/tmp"
        access = ["all"]
        [[rules]]
        path = "/home/agent"
        access = ["read", "write", "create", "remove"]
        [[rules]]
        path = "/dev/shm"
        access = ["read", "write", "create", "remove"]
        [[rules]]
        path = "/workspace/plain"
        access = ["write"]
        [[net]]
        connect = [443]
        bind = [8080, 80]
    """

    def test_landlock_policy(self):
        policy = self.make("policy.toml", self.LANDLOCK)
        if self.ports_are_refused("--landlock-policy", policy):
            return
        queries = self.in_tree("/workspace") + [f"{op}:{path}" for op in OPERATIONS for path in ROOT_PATHS]
        queries += [f"connect:{e}" for e in self.ENDPOINTS] + [f"bind:{p}" for p in self.PORTS]
        queries += [f"exec:{p}" for p in PROGRAMS]
        answers = self.agree(len(ROOT_PATHS) * 4 + 123 + 25 + len(PROGRAMS), queries, "--workspace",
                             self.tree("tree"), "--workspace-exec", "--landlock-policy", policy)
        rules = [a for a in answers if not a["allowed"] and a["rule"].startswith("the Landlock policy")]
        self.assertGreater(len(rules), 20)
        self.assertEqual({a["origin"] for a in rules}, {"--landlock-policy"})

    def test_capabilities_policy(self):
        policy = self.make("caps.toml", "".join(
            f'[{s}]\nkeep = ["NET_BIND_SERVICE"]\n'
            for s in ("bounding", "permitted", "effective", "inheritable", "ambient")))
        queries = [f"bind:{p}" for p in self.PORTS] + ["open:/etc/shadow", "open:/workspace/shut",
                                                      "open:/workspace/closed/new", "write:/usr"]
        answers = self.agree(14, queries, "--caps-policy", policy, "--workspace", self.tree("tree"))
        self.assertTrue(all(a["allowed"] for a in answers[:10]))

    def test_profile(self):
        """A profile that allows what the list does not, and the other way round."""
        # What python needs, and a few more; args on one that is not on the list.
        names = """read write close openat newfstatat fstat lseek mmap mprotect munmap brk rt_sigaction
                   rt_sigprocmask rt_sigreturn ioctl pread64 access faccessat2 getdents64 getcwd dup dup2
                   pipe2 fcntl clone vfork execve wait4 exit exit_group kill getpid gettid getppid
                   getuid geteuid getgid getegid futex arch_prctl set_tid_address set_robust_list rseq
                   prlimit64 getrandom sysinfo readlink statx setitimer sched_getaffinity poll socket
                   connect bind sched_yield getpriority times mincore uname sigaltstack""".split()
        profile = self.make("profile.json", json.dumps({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 95,
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                {"names": names, "action": "SCMP_ACT_ALLOW"},
                {"names": ["kcmp"], "action": "SCMP_ACT_ALLOW",
                 "args": [{"index": 2, "value": 1, "op": "SCMP_CMP_LT"}]},
                {"names": ["ptrace"], "action": "SCMP_ACT_KILL_PROCESS"},
                {"names": ["umask"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}))
        # Without pause and its like: here they are refused, and nobody can wait for that.
        numbers = [nr for nr in range(470) if nr not in (335, 336, 34, 270, 271)]
        queries = [f"syscall:{nr}(0,0,0,0,0,0)" for nr in numbers]
        queries += ["syscall:312(0,0,1,0,0,0)", "syscall:312(-1,-1,-1,-1,-1,-1)"]
        answers = self.agree(467, queries, "--seccomp-profile", profile)
        self.assertEqual(sum(a["kills"] for a in answers), 1)
        self.assertEqual({a["origin"] for a in answers if not a["allowed"] and a["layer"] == "seccomp"},
                         {str(profile)})

    # ---- with a layer off: the others stand -----------------------------------------------------------

    # Not pivot_root: newer kernels look at its paths first (EFAULT of none).
    PRIVILEGED = {"sethostname": 170, "setdomainname": 171, "swapon": 167, "swapoff": 168,
                  "reboot": 169, "acct": 163, "vhangup": 153, "move_mount": 429}

    def test_without_filter(self):
        queries = [f"syscall:{nr}(0,0,0,0,0,0)" for nr in self.PRIVILEGED.values()]
        if self.mode != "agent":
            r = self.nucleus("--seccomp", "off", "--", "/usr/bin/true")
            self.assertEqual(r.returncode, 125)
            return
        answers = self.agree(8, queries, "--seccomp", "off")
        self.assertEqual({a["layer"] for a in answers}, {"capabilities"})

    def test_without_landlock(self):
        if self.mode != "agent":
            r = self.nucleus("--landlock", "off", "--", "/usr/bin/true")
            self.assertEqual(r.returncode, 125)
            return
        queries = [f"{op}:{path}" for op in OPERATIONS for path in ROOT_PATHS]
        answers = self.agree(len(ROOT_PATHS) * 4, queries, "--landlock", "off")
        self.assertNotIn("landlock", {a["layer"] for a in answers})
        self.tree_agrees("/workspace", "--workspace", "{}", "--landlock", "off")


CASES = (Why,)
