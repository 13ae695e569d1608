# SPDX-License-Identifier: MIT
"""What the attacks aim at: victims outside the sandbox, and whether they are as they were."""

import ctypes
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

MARK = "NUCLEUS-VICTIM"
LEAKED = (50, 51, 52)  # descriptors that the caller forgot to close
PASSED = 53  # a socket that it passes on purpose, to some
IPC_CREAT, IPC_RMID = 0o1000, 0

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def snapshot(directory):
    """Every file below a directory: what it is, what is in it."""
    found = {}
    for folder, dirs, files in os.walk(directory):
        for name in dirs + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            content = None
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    content = f.read()
            elif stat.S_ISLNK(st.st_mode):
                content = os.readlink(path)
            found[path] = (st.st_mode, st.st_uid, st.st_nlink, st.st_mtime_ns, content)
    return found


class Host:
    """A directory with everything in it, processes, sockets, shared memory; all of it ours."""

    def __init__(self, attack_program):
        self.secret = f"{MARK}-{secrets.token_hex(8)}"
        self.run_id = secrets.token_hex(8)
        self.top = tempfile.mkdtemp(prefix="nucleus-attack-")
        os.chmod(self.top, 0o755)
        self.closing = []
        self.make_files(attack_program)
        self.make_process()
        self.make_sockets()
        self.make_ipc()
        self.leak_descriptors()
        self.mounts = self.read_mounts()
        self.hostname = socket.gethostname()
        self.frozen = {d: snapshot(self.path(d)) for d in self.FROZEN}

    FROZEN = ("victim", "context", "volume", "privileged", "attack")

    def path(self, *names):
        return os.path.join(self.top, *names)

    def write(self, text, *names, mode=0o644):
        path = self.path(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def make_files(self, attack_program):
        self.victim = self.write(f"{self.secret}\n", "victim", "secret")
        self.ssh_key = self.write(f"{self.secret}\n", "victim", "home", ".ssh", "id_ed25519")
        self.write("the context\n" * 600, "context", "file")
        shutil.copy("/usr/bin/true", self.path("context", "program"))
        self.write("the volume\n", "volume", "file")
        self.write("", "attack", "only-in-a-sandbox")
        self.program = self.path("attack", "attack")
        shutil.copy(attack_program, self.program)
        os.chmod(self.program, 0o755)
        self.make_privileged()
        # Behind stderr is a file that somebody else wrote to before.
        self.log = self.write(f"{self.secret}\n", "log")

    def make_privileged(self):
        for name in ("setuid", "setgid", "filecaps"):
            os.makedirs(self.path("privileged"), exist_ok=True)
            shutil.copy(self.program, self.path("privileged", name))
        os.chmod(self.path("privileged", "setuid"), 0o4755)
        os.chmod(self.path("privileged", "setgid"), 0o2755)
        if os.geteuid() == 0:
            # VFS_CAP_REVISION_2, effective: cap_dac_override, cap_net_raw, cap_sys_admin
            words = (0x02000001, 1 << 1 | 1 << 13 | 1 << 21, 0, 0, 0)
            caps = b"".join(w.to_bytes(4, "little") for w in words)
            os.setxattr(self.path("privileged", "filecaps"), "security.capability", caps)

    def fresh_workspace(self):
        """A new one for each sandbox, so that one act's remains do not help or hinder another."""
        shutil.rmtree(self.path("workspace"), ignore_errors=True)
        shutil.rmtree(self.path("scratch"), ignore_errors=True)
        os.mkdir(self.path("scratch"))
        self.write("mine\n", "workspace", "mine")
        os.symlink(self.victim, self.path("workspace", "planted-link"))

    def make_process(self):
        self.process = subprocess.Popen(
            [self.secret, "3600"], executable="/usr/bin/sleep", start_new_session=True,
            env={"ATTACK_CALLER_SECRET": self.secret})
        self.closing.append(self.end_process)

    def end_process(self):
        self.process.kill()
        self.process.wait()

    def make_sockets(self):
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.tcp6 = socket.create_server(("::1", self.port), family=socket.AF_INET6)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.abstract_name = f"nucleus-attack-{self.run_id}"
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind("\0" + self.abstract_name)
        self.socket_path = self.path("victim", "socket")
        self.pathname = socket.socket(socket.AF_UNIX)
        self.pathname.bind(self.socket_path)
        for s in (self.abstract, self.pathname):
            s.listen()
        for s in (self.tcp, self.tcp6, self.udp, self.abstract, self.pathname):
            s.setblocking(False)
            self.closing.append(s.close)

    def make_ipc(self):
        self.shm_key = int.from_bytes(os.urandom(4), "little") & 0x7FFFFFFF | 1
        self.shm_id = check(libc.shmget(self.shm_key, 4096, IPC_CREAT | 0o666))
        self.closing.append(lambda: libc.shmctl(self.shm_id, IPC_RMID, None))
        self.shm = libc.shmat(self.shm_id, None, 0)
        ctypes.memmove(self.shm, self.secret.encode(), len(self.secret))
        self.queue_name = f"/nucleus-attack-{self.run_id}"
        queue = check(libc.mq_open(self.queue_name.encode(), os.O_CREAT | os.O_RDWR, 0o666, None))
        self.closing.append(lambda: os.close(queue))
        self.closing.append(lambda: libc.mq_unlink(self.queue_name.encode()))

    def leak_descriptors(self):
        for fd, path, flags in zip(LEAKED, ("/", self.victim, self.path("victim")),
                                   (os.O_RDONLY, os.O_RDWR, os.O_RDONLY)):
            opened = os.open(path, flags)
            os.dup2(opened, fd, inheritable=True)
            os.close(opened)
        ours, theirs = socket.socketpair()
        os.dup2(theirs.detach(), PASSED, inheritable=True)
        self.passed_peer = ours

    @staticmethod
    def read_mounts():
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            return f.read()

    @staticmethod
    def perf_level():
        with open("/proc/sys/kernel/perf_event_paranoid", encoding="utf-8") as f:
            return f.read().strip()

    def environment(self):
        """What the attack program is told: where its victims are, never what is in them."""
        return {
            "NUCLEUS_ATTACK": "1",
            "ATTACK_RUN": self.run_id,
            "ATTACK_VICTIM": self.victim,
            "ATTACK_VICTIM_DIR": self.path("victim"),
            "ATTACK_SSH_KEY": self.ssh_key,
            "ATTACK_HOST_PID": str(self.process.pid),
            "ATTACK_HOSTNAME": self.hostname,
            "ATTACK_PORT": str(self.port),
            "ATTACK_ABSTRACT": self.abstract_name,
            "ATTACK_SOCKET": self.socket_path,
            "ATTACK_SHM_KEY": str(self.shm_key),
            "ATTACK_SHM_ID": str(self.shm_id),
            "ATTACK_MQ": self.queue_name,
            "ATTACK_PERF_LEVEL": self.perf_level(),
        }

    # ---- afterwards ------------------------------------------------------------------------------

    def processes_of_run(self):
        """Processes of the host that came from a sandbox of this run."""
        found = []
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if f"ATTACK_RUN={self.run_id}".encode() in f.read():
                        found.append(int(pid))
            except OSError:
                continue
        return found

    def damage(self, output="", setid_is_refused=True):
        """Everything that is not as it was, in words."""
        wrong = []
        for directory, before in self.frozen.items():
            if snapshot(self.path(directory)) != before:
                wrong.append(f"{directory} was changed")
        with open(self.log, encoding="utf-8") as f:
            if not f.readline().startswith(self.secret):
                wrong.append("the file behind stderr lost what was in it")
        if self.process.poll() is not None:
            wrong.append(f"the host's process ended with {self.process.returncode}")
        else:
            with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as f:
                state = f.read().rpartition(")")[2].split()[0]
            if state not in "SRD":
                wrong.append(f"the host's process is in state {state}")
        wrong += self.connections()
        if ctypes.string_at(self.shm, len(self.secret)) != self.secret.encode():
            wrong.append("the host's shared memory was changed")
        if self.read_mounts() != self.mounts:
            wrong.append("the host's mounts are others")
        if socket.gethostname() != self.hostname:
            wrong.append("the host's name is another")
        if self.secret in output:
            wrong.append("the secret was read")
        left = self.processes_of_run()
        if left:
            wrong.append(f"processes are left: {left}")
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        wrong += self.planted(setid_is_refused)
        return wrong

    def connections(self):
        wrong = []
        for name, listener in (("127.0.0.1", self.tcp), ("::1", self.tcp6),
                               ("abstract socket", self.abstract), ("socket", self.pathname)):
            try:
                listener.accept()[0].close()
                wrong.append(f"the host's listener on {name} was connected to")
            except BlockingIOError:
                pass
        try:
            self.udp.recv(64)
            wrong.append("the host's UDP socket was sent to")
        except BlockingIOError:
            pass
        return wrong

    def planted(self, setid_is_refused):
        """Files of a workspace that would give privileges to who runs them outside."""
        wrong = []
        for directory in ("workspace", "scratch"):
            for path, (mode, uid, _, _, content) in snapshot(self.path(directory)).items():
                name = os.path.relpath(path, self.top)
                if uid != os.geteuid():
                    wrong.append(f"{name} belongs to {uid}, not to the caller")
                if setid_is_refused and stat.S_ISREG(mode) and mode & 0o6000:
                    wrong.append(f"{name} is setuid or setgid: {stat.filemode(mode)}")
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                    wrong.append(f"{name} is a device, pipe or socket")
                if stat.S_ISREG(mode) and os.listxattr(path):
                    wrong.append(f"{name} has extended attributes {os.listxattr(path)}")
                if isinstance(content, bytes) and self.secret.encode() in content:
                    wrong.append(f"{name} holds the secret")
        return wrong

    def close(self):
        for end in reversed(self.closing):
            end()
        for fd in (*LEAKED, PASSED):
            os.close(fd)
        self.passed_peer.close()
        shutil.rmtree(self.top)
