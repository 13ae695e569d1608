#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The project's test machine: runs commands on other kernels. See README.md; vm.sh is its front."""

import argparse
import collections
import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

import cpio
import debian
import qemu

HERE = os.path.dirname(os.path.realpath(__file__))
GUEST_SOURCES = ("init.c", "root.c", "run.c", "port.c", "util.c")
USERS = {"root": 0, "user": 12345}
DISK_SIZE = 2 << 30
BOOT_LIMIT = 180  # seconds
TRIAL_LIMIT = 20
KEEP_UNUSED = 6 * 3600  # a changed machine leaves those of before it
FAILED = 125

Hardware = collections.namedtuple("Hardware", "accelerator cpus memory")


def say(message):
    print(f"vm: {message}", file=sys.stderr, flush=True)


def cache():
    path = os.environ.get("NUCLEUS_VM_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nucleus-vm")
    os.makedirs(path, exist_ok=True)
    return os.path.realpath(path)


@contextlib.contextmanager
def lock(name):
    """One at a time makes what the others then find."""
    with open(os.path.join(cache(), f"{name}.lock"), "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


# ---- what the cache has ----------------------------------------------------------------------------


def kernel(name, refresh=False):
    directory = os.path.join(cache(), f"kernel-{name}")
    with lock("fetch"):
        if refresh or not debian.is_current(directory, debian.RECIPE):
            debian.fetch_kernel(name, directory, say)
    return directory


def system(refresh=False):
    directory = os.path.join(cache(), "system")
    with lock("fetch"):
        if refresh or not debian.is_current(directory, debian.system_recipe()):
            debian.fetch_system(directory, say)
    return directory


def read(path):
    with open(path, "rb") as f:
        return f.read()


def snapshot_key(release, hardware, systemd):
    """Of all that a snapshot is made from."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(f"{HERE}/*.[ch]") + glob.glob(f"{HERE}/*.py")):
        if os.path.basename(path) not in ("suites.py", "selftest.py"):
            digest.update(read(path))
    emulator = os.stat(shutil.which(qemu.QEMU) or sys.exit("vm: qemu-system-x86 is missing: "
                                                           "sh tests/setup-debian.sh vm"))
    digest.update(repr((release, hardware, systemd, emulator.st_size, emulator.st_mtime)).encode())
    return digest.hexdigest()[:16]


def write_initrd(path, kernel_directory, systemd):
    """The guest's program and the modules, and what boots systemd."""
    with tempfile.TemporaryDirectory(prefix="nucleus-vm-") as scratch:
        program = os.path.join(scratch, "init")
        subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Os", "-static",
                        "-o", program, *(f"{HERE}/{name}" for name in GUEST_SOURCES)], check=True)
        code = read(program)
    with open(path, "wb") as f:
        if systemd:
            with open(os.path.join(system(), "system.cpio"), "rb") as image:
                shutil.copyfileobj(image, f)
        archive = cpio.Archive(f)
        archive.add("init", stat.S_IFREG | 0o755, code)
        archive.add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        debian.add_modules(archive, kernel_directory)
        if systemd:
            archive.add("image/usr/lib/nucleus-vm-init", stat.S_IFREG | 0o755, code)
        archive.close()


def disk_template():
    """An empty ext4. Every machine gets a copy, of what is not a hole."""
    path = os.path.join(cache(), "disk.ext4")
    with lock("disk"):
        if not os.path.exists(path):
            with open(path + ".new", "wb") as f:
                f.truncate(DISK_SIZE)
            debian.output("/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-F",
                          "-E", "root_owner=0:0", path + ".new")
            os.rename(path + ".new", path)
    return path


@contextlib.contextmanager
def fresh_disk():
    """Without a name: there is nothing to remove, whatever happens."""
    with open(disk_template(), "rb") as template, tempfile.TemporaryFile(dir=cache()) as disk:
        disk.truncate(DISK_SIZE)
        end = 0
        while True:
            try:
                start = os.lseek(template.fileno(), end, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(template.fileno(), start, os.SEEK_HOLE)
            os.pwrite(disk.fileno(), os.pread(template.fileno(), end - start, start), start)
        yield disk


class Snapshot:
    def __init__(self, directory, kernel_directory, hardware, systemd):
        self.directory = directory
        self.kernel = kernel_directory
        self.hardware = hardware
        self.systemd = systemd

    def words(self, directory, share):
        return qemu.words(self.hardware, f"{self.kernel}/vmlinux", f"{directory}/initrd",
                          f"{directory}/ram", share=share, systemd=self.systemd)

    def make(self):
        building = f"{self.directory}.new"
        shutil.rmtree(building, ignore_errors=True)
        os.makedirs(building)
        write_initrd(f"{building}/initrd", self.kernel, self.systemd)
        started = time.monotonic()
        with fresh_disk() as disk, qemu.Machine(self.words(building, True), disk) as machine:
            try:
                while machine.frame(started + BOOT_LIMIT)[0] != "r":
                    pass
                # Whatever is still busy after the boot shall not be so in every machine.
                time.sleep(3 if self.systemd else 0.5)
                machine.save(f"{building}/state")
            except (TimeoutError, qemu.Ended):
                shutil.rmtree(building)
                sys.stderr.write(machine.tail.decode(errors="replace"))
                sys.exit(f"vm: kernel {os.path.basename(self.kernel)} did not boot")
        os.rename(building, self.directory)
        say(f"snapshot of {os.path.basename(self.kernel)}{' with systemd' if self.systemd else ''}, "
            f"{self.hardware.memory} MB: {time.monotonic() - started:.1f} s")


def snapshot(name, hardware, systemd):
    kernel_directory = kernel(name)
    release = read(f"{kernel_directory}/release").decode()
    key = snapshot_key(release, hardware, systemd)
    directory = os.path.join(cache(), "snapshots", key)
    result = Snapshot(directory, kernel_directory, hardware, systemd)
    with lock("snapshot"):
        if not os.path.exists(f"{directory}/state"):
            remove_unused()
            result.make()
        os.utime(directory)
    return result


def remove_unused():
    for old in glob.glob(os.path.join(cache(), "snapshots", "*")):
        if os.stat(old).st_mtime < time.time() - KEEP_UNUSED:
            shutil.rmtree(old, ignore_errors=True)


def accelerator():
    """KVM where it boots a kernel; a device file alone promises nothing."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot = os.stat("/proc/1").st_mtime_ns
    note = os.path.join(cache(), f"kvm-{boot}-{os.geteuid()}")
    with lock("kvm"):
        if not os.path.exists(note):
            works = kvm_works()
            with open(note, "w", encoding="utf-8") as f:
                f.write("kvm" if works else "tcg")
            say("KVM works" if works else "KVM does not work here: emulation")
        return read(note).decode()


def kvm_works():
    directory = kernel("old")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="kvm-trial-") as scratch:
        write_initrd(f"{scratch}/initrd", directory, False)
        command = qemu.words(Hardware("kvm", 1, 512), f"{directory}/vmlinux", f"{scratch}/initrd",
                             f"{scratch}/ram", share=False, systemd=False)
        with fresh_disk() as disk, qemu.Machine(command, disk) as machine:
            try:
                return machine.frame(time.monotonic() + TRIAL_LIMIT)[0] == "r"
            except (TimeoutError, qemu.Ended):
                return False


# ---- running ---------------------------------------------------------------------------------------


def job(args, kernel_directory):
    cwd = args.cwd or os.getcwd()
    parts = cwd.split("/")
    keep = "/".join(parts[:3]) if parts[1] == "tmp" and len(parts) > 2 and parts[2] else ""
    now = time.time_ns()
    return [f"t{now // 10**9}.{now % 10**9:09}", f"r{os.urandom(64).hex()}", f"k{keep}",
            f"m{kernel_directory}/lib/modules", f"d{cwd}", f"u{USERS[args.user]}",
            *(f"e{e}" for e in args.env), *(f"a{a}" for a in args.command)]


def run_once(args, shot, deadline):
    """The command's status, or None if the machine ended without one."""
    with open(f"{shot.directory}/state", "rb") as state, fresh_disk() as disk:
        with qemu.Machine(shot.words(shot.directory, False), disk, state) as machine:
            try:
                machine.restore(state)
                machine.send_job(job(args, shot.kernel))
                while True:
                    kind, data = machine.frame(deadline)
                    if kind == "s":
                        return data[0]
                    if kind == "o":
                        sys.stdout.buffer.write(data)
                        sys.stdout.buffer.flush()
            except TimeoutError:
                say(f"not done after {args.timeout} s; the console's last lines:")
                status = FAILED
            except qemu.Ended:
                say("the machine ended without a status; the console's last lines:")
                status = None
            lines = machine.tail.decode(errors="replace").splitlines()[-40:]
            print("\n".join(lines), file=sys.stderr, flush=True)
            return status


def run(args):
    shot = snapshot(args.kernel, Hardware(accelerator(), args.cpus, args.memory), args.systemd)
    deadline = time.monotonic() + args.timeout
    status = run_once(args, shot, deadline)
    if status is None:
        say("once more")
        status = run_once(args, shot, deadline)
    return FAILED if status is None else status


def prepare(args):
    names = (args.kernel,) if args.kernel_given else tuple(debian.SUITES)
    for name in names:
        kernel(name, args.refresh)
    system(args.refresh)
    for name in names:
        for systemd in (False, True):
            snapshot(name, Hardware(accelerator(), args.cpus, args.memory), systemd)
    return 0


def main():
    parser = argparse.ArgumentParser(prog="vm.sh", description="Runs a command on another kernel.")
    parser.add_argument("--kernel", choices=tuple(debian.SUITES))
    parser.add_argument("--systemd", action="store_true", help="systemd is the first process")
    parser.add_argument("--user", choices=tuple(USERS), default="root")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    parser.add_argument("--memory", type=int, default=1024, metavar="MB")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--cwd", metavar="DIR")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--prepare", action="store_true", help="fetch and snapshot only")
    parser.add_argument("--refresh", action="store_true", help="with --prepare: fetch anew")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    args.kernel_given = args.kernel is not None
    args.kernel = args.kernel or "new"
    args.command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not args.prepare and not args.command:
        parser.error("no command")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    try:
        return prepare(args) if args.prepare else run(args)
    except (debian.Error, OSError, subprocess.SubprocessError) as e:
        say(e)
        return FAILED
    except KeyboardInterrupt:
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
