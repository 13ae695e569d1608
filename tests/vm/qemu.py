# SPDX-License-Identifier: MIT
"""One QEMU: its command line, its line to the guest, and its end, which is sure to come."""

import ctypes
import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import time

QEMU = "qemu-system-x86_64"
PR_SET_PDEATHSIG = 1
CONSOLE_TAIL = 64 << 10

libc = ctypes.CDLL(None, use_errno=True)

# README.md says why each of these words is there.
KERNEL_WORDS = ("console=ttyS0 quiet loglevel=4 panic=-1 oops=panic mitigations=off nokaslr "
                "nowatchdog tsc=reliable no_timer_check random.trust_cpu=on "
                "cgroup_no_v1=all psi=1")
SYSTEMD_WORDS = ("nucleus.systemd systemd.unit=vm.target systemd.show_status=no "
                 "systemd.firstboot=no systemd.journald.forward_to_console=no")


class Ended(Exception):
    """The machine has ended, or its time has, before it was done."""


def words(hardware, kernel, initrd, ram, *, share, systemd):
    """The same for the machine that is snapshotted and for those that are restored."""
    accelerator = {"kvm": ("kvm", "host"), "tcg": ("tcg,thread=%s,tb-size=256" % (
        "single" if hardware.cpus == 1 else "multi"), "max,-cx16,-erms")}[hardware.accelerator]
    return [
        QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "q35,memory-backend=ram,vmport=off", "-accel", accelerator[0],
        "-cpu", accelerator[1], "-smp", str(hardware.cpus), "-m", f"{hardware.memory}M",
        "-object", f"memory-backend-file,id=ram,size={hardware.memory}M,mem-path={ram},"
                   f"share={'on' if share else 'off'}",
        "-kernel", kernel, "-initrd", initrd,
        "-append", f"{KERNEL_WORDS} {SYSTEMD_WORDS if systemd else ''}",
        "-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
        "-device", "virtio-serial-pci,max_ports=2",
        "-device", "virtio-blk-pci,drive=disk",
    ]


class Machine:
    def __init__(self, command, disk, state=None):
        """`disk` and `state` are open files, which need no names; restored is what has a state."""
        sockets = [socket.socketpair() for _ in range(3)]
        self.port, self.console, self.monitor = (s[0] for s in sockets)
        theirs = [s[1] for s in sockets]
        command = [
            *command,
            "-drive", f"if=none,id=disk,file=/proc/self/fd/{disk.fileno()},format=raw,cache=unsafe",
            "-chardev", f"socket,id=port,fd={theirs[0].fileno()}",
            "-device", "virtserialport,chardev=port,name=nucleus.vm",
            "-chardev", f"socket,id=console,fd={theirs[1].fileno()}", "-serial", "chardev:console",
            "-chardev", f"socket,id=monitor,fd={theirs[2].fileno()}",
            "-mon", "chardev=monitor,mode=control"]
        parent = os.getpid()

        def die_with_us():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        passed = [s.fileno() for s in theirs] + [disk.fileno()]
        if state:
            command += ["-incoming", "defer"]
            passed.append(state.fileno())
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs[1], stderr=theirs[1],
            pass_fds=passed, preexec_fn=die_with_us, start_new_session=True)
        for s in theirs:
            s.close()
        self.tail = b""
        self.frames = b""
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.port, selectors.EVENT_READ)
        self.selector.register(self.console, selectors.EVENT_READ)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for s in (self.port, self.console, self.monitor):
            s.close()
        self.selector.close()

    def frame(self, deadline):
        """The guest's next word: a letter, and data."""
        while True:
            if len(self.frames) >= 5:
                kind, size = struct.unpack_from("<cI", self.frames)
                if len(self.frames) >= 5 + size:
                    data, self.frames = self.frames[5:5 + size], self.frames[5 + size:]
                    return kind.decode(), data
            self.read(deadline)

    def read(self, deadline):
        left = deadline - time.monotonic()
        ready = self.selector.select(left) if left > 0 else ()
        if not ready:
            raise TimeoutError
        for key, _ in ready:
            data = self.received(key.fileobj)
            if key.fileobj is self.port:
                self.frames += data
            else:
                self.tail = (self.tail + data)[-CONSOLE_TAIL:]
            if not data:
                self.selector.unregister(key.fileobj)
        if self.port not in (k.fileobj for k in self.selector.get_map().values()):
            # Its last words may still be in the other socket.
            self.console.settimeout(1)
            while data := self.received(self.console):
                self.tail = (self.tail + data)[-CONSOLE_TAIL:]
            raise Ended

    @staticmethod
    def received(sock):
        try:
            return sock.recv(1 << 18)
        except OSError:
            return b""

    def send_job(self, strings):
        data = b"".join(s.encode(errors="surrogateescape") + b"\0" for s in strings)
        self.port.sendall(struct.pack("<I", len(data)) + data)

    # ---- the monitor ------------------------------------------------------------------------------

    def say(self, command, **arguments):
        if not hasattr(self, "lines"):
            self.monitor.settimeout(60)
            self.lines = self.monitor.makefile("r", encoding="utf-8")
            self.lines.readline()
            self.say("qmp_capabilities")
        request = json.dumps({"execute": command, "arguments": arguments})
        self.monitor.sendall(request.encode() + b"\n")
        while True:
            line = self.lines.readline()
            if not line:
                raise Ended
            answer = json.loads(line)
            if "error" in answer:
                raise OSError(f"QEMU: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def leave_out_ram(self):
        """The RAM is a file of its own: not in the stream of the snapshot."""
        self.say("migrate-set-capabilities",
                 capabilities=[{"capability": "x-ignore-shared", "state": True}])

    def restore(self, state):
        self.leave_out_ram()
        self.say("migrate-incoming", uri=f"fd:{state.fileno()}")

    def save(self, path):
        """Stops the machine, and writes all but its RAM to a file.

        The stop is the migration's own: what is restored then runs at once.
        """
        self.leave_out_ram()
        self.say("migrate", uri=f"exec:cat >{path}")
        while (status := self.say("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.02)
        if status == "failed":
            raise OSError("QEMU could not save its state")
        self.say("quit")
        self.process.wait(60)
