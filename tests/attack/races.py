# SPDX-License-Identifier: MIT
"""Paths that change under nucleus's feet, and trees that come back from a sandbox hostile."""

import contextlib
import ctypes
import errno
import os
import shutil
import stat
import subprocess
import sys
import time

from patience import rounds

ITERATIONS = rounds(500)


def library_of(nucleus):
    build = os.path.dirname(os.path.dirname(os.path.realpath(nucleus)))
    path = os.path.join(build, "lib", "libnucleus.so")
    if not os.path.exists(path):
        raise FileNotFoundError(path)
    return [os.path.realpath(path)]


def rebuild(path, who):
    """A directory that says which it is."""
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    with open(os.path.join(path, "who"), "w", encoding="utf-8") as f:
        f.write(who)


# ---- between the policy and the start, one step at a time ---------------------------------------

OPTIONS = {
    "workspace": (("workspace.path", "{}"),),
    "workspace-copy": (("workspace.path", "{}"), ("workspace.mode", "copy-in-out")),
    "context": (("context.path", "{}"),),
    "context-copy": (("context.path", "{}"), ("context.mode", "copy")),
    "volume": (("volumes", "{}:/data:ro"),),
    "rootfs": (("rootfs.path", "{}"),),
    "rootfs-copy": (("rootfs.path", "{}"), ("rootfs.mode", "copy")),
}


class Library:
    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.nucleus_error_message.restype = ctypes.c_char_p

    def call(self, name, *args):
        error = ctypes.c_void_p()
        r = getattr(self.lib, name)(*args, ctypes.byref(error))
        if r < 0 and error:
            message = self.lib.nucleus_error_message(error).decode()
            self.lib.nucleus_error_free(error)
            return r, message
        return r, ""

    def spawn_after(self, options, change):
        """Compiles a policy, lets `change` happen, and starts: what did the start say?"""
        policy, sandbox, process = (ctypes.c_void_p() for _ in range(3))
        self.lib.nucleus_policy_new(ctypes.byref(policy))
        self.lib.nucleus_sandbox_new(ctypes.byref(sandbox))
        try:
            for key, value in (("mode", "strict-agent"), *options):
                r, message = self.call("nucleus_policy_set", policy, key.encode(), value.encode())
                if r < 0:
                    return r, f"{key}: {message}"
            r, message = self.call("nucleus_sandbox_apply_policy", sandbox, policy)
            if r < 0:
                return r, f"apply: {message}"
            change()
            argv = (ctypes.c_char_p * 3)(b"/usr/bin/true", None)
            r, message = self.call("nucleus_sandbox_spawn", sandbox, argv, ctypes.byref(process))
            if r == 0:
                self.lib.nucleus_process_close(process)
            return r, f"spawn: {message}"
        finally:
            self.lib.nucleus_sandbox_free(sandbox)
            self.lib.nucleus_policy_free(policy)


def swap_after_plan(suite):
    library = Library(library_of(suite.nucleus)[0])
    host = suite.host
    for what, templates in OPTIONS.items():
        for kind in ("symlink", "directory", "parent"):
            place = host.path("swap", "parent", "dir")
            shutil.rmtree(host.path("swap"), ignore_errors=True)
            rebuild(place, "right")
            rebuild(host.path("swap", "wrong", "dir"), "wrong")

            def change(kind=kind, place=place):
                if kind == "parent":
                    os.rename(host.path("swap", "parent"), host.path("swap", "away"))
                    os.symlink(host.path("swap", "wrong"), host.path("swap", "parent"))
                    return
                os.rename(place, place + "-away")
                if kind == "symlink":
                    os.symlink(host.path("swap", "wrong", "dir"), place)
                else:
                    os.rename(host.path("swap", "wrong", "dir"), place)

            options = [(key, value.format(place)) for key, value in templates]
            r, message = library.spawn_after(options, change)
            ok = r in (-errno.ESTALE, -errno.ELOOP, -errno.ENOTDIR) and message.startswith("spawn")
            suite.tally.case(ok, "strict-agent", f"swap-{what}-{kind}",
                             f"[device and inode] {errno.errorcode.get(-r, r)} {message}")
    shutil.rmtree(host.path("swap"), ignore_errors=True)


# ---- a racer ------------------------------------------------------------------------------------

# Two names and the caller's pid: renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) without end.
RACER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
a, b = (os.fsencode(p) for p in sys.argv[1:3])
print("racing", flush=True)
while os.getppid() == int(sys.argv[3]):
    libc.renameat2(-100, a, -100, b, 2)
"""


@contextlib.contextmanager
def racing(a, b):
    """Exchanges two names without pause while the body runs."""
    with subprocess.Popen([sys.executable, "-c", RACER, a, b, str(os.getpid())],
                          stdout=subprocess.PIPE, text=True) as racer:
        try:
            racer.stdout.readline()
            yield
        finally:
            racer.kill()


def race(suite, where, make_wrong):
    """
    Another process exchanges the workspace for a link without pause. The plan is required to be
    that of the right directory, so what the program sees is this one, or there is an error.
    """
    host = suite.host
    place, other = host.path("race", "place"), host.path("race", "other")
    shutil.rmtree(host.path("race"), ignore_errors=True)
    rebuild(place, "right")
    make_wrong(other)
    base = ["--mode", "strict-agent", "--workspace", place]
    required = subprocess.run([suite.nucleus, "explain", "--hash", *base], check=True, text=True,
                              capture_output=True).stdout.strip()
    command = [suite.nucleus, "run", "--require-plan", required, *base, "--", "/usr/bin/cat",
               "/workspace/who"]
    seen = {"right": 0, "refused": 0}
    started = time.monotonic()
    with racing(place, other):
        for _ in range(ITERATIONS):
            r = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            if r.returncode == 125:
                seen["refused"] += 1
            elif r.returncode == 0 and r.stdout == "right":
                seen["right"] += 1
            else:
                key = f"{r.returncode} {r.stdout} {r.stderr}".strip()
                seen[key] = seen.get(key, 0) + 1
    ok = set(seen) == {"right", "refused"} and seen["right"] > 0 and seen["refused"] > 0
    suite.tally.case(ok, "strict-agent", where,
                     f"[device and inode] {seen} in {time.monotonic() - started:.0f} s")
    shutil.rmtree(host.path("race"), ignore_errors=True)


def link_to_victim(suite):
    return lambda path: os.symlink(suite.host.path("victim"), path)


def link_to_like(suite):
    """A link to a directory that looks the same from inside, but for what its file says."""
    def make(path):
        rebuild(suite.host.path("race", "like"), "wrong")
        os.symlink(suite.host.path("race", "like"), path)
    return make


# ---- targets of mounts in a tree that is not ours -----------------------------------------------

def volume_in_workspace(suite):
    """A sandbox that mounts a volume on a directory of its workspace."""
    host = suite.host
    rebuild(host.path("target", "volume"), "volume")
    return [suite.nucleus, "run", "--mode", "strict-agent", "--workspace",
            host.path("target", "workspace"), "--volume",
            f"{host.path('target', 'volume')}:/workspace/inner:ro", "--", "/usr/bin/cat",
            "/workspace/inner/who"]


def planted_targets(suite):
    """Where the volume is to be mounted lies a link."""
    host = suite.host
    for link in ("/etc", "/usr/bin", "../../../../etc", "/proc/self", ".", host.path("victim")):
        shutil.rmtree(host.path("target"), ignore_errors=True)
        command = volume_in_workspace(suite)
        os.mkdir(host.path("target", "workspace"))
        os.symlink(link, host.path("target", "workspace", "inner"))
        r = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        suite.tally.case(r.returncode == 125 and not r.stdout, "strict-agent",
                         f"target-is-link-to-{link.strip('/').split('/')[0]}",
                         f"[resolved in root] {r.returncode} {r.stderr.strip()}")
    suite.judge_outside("strict-agent", "(planted targets)", "")


def race_target(suite):
    """
    Another process exchanges the target for a link without pause. It may have its way with its own
    directory, so the program may find no file there, but nothing is mounted or read elsewhere.
    """
    host = suite.host
    shutil.rmtree(host.path("target"), ignore_errors=True)
    command = volume_in_workspace(suite)
    os.mkdir(host.path("target", "workspace"))
    inner, link = (host.path("target", "workspace", n) for n in ("inner", "link"))
    rebuild(inner, "below")
    os.symlink(host.path("victim"), link)
    seen = {}
    with racing(inner, link):
        for _ in range(ITERATIONS // 2):
            r = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            key = (r.returncode, r.stdout)
            seen[key] = seen.get(key, 0) + 1
    allowed = {(0, "volume"), (0, "below"), (1, ""), (125, "")}
    suite.tally.case(set(seen) <= allowed and (0, "volume") in seen, "strict-agent", "race-target",
                     f"[resolved in root] {seen}")
    suite.judge_outside("strict-agent", "(race of a target)", "")
    shutil.rmtree(host.path("target"))


# ---- a hostile tree that is carried back --------------------------------------------------------

HOSTILE = r"""
set -e
victim=$1
cd /workspace
# What was a file or a directory is a link out of the workspace now.
rm -r file dir
ln -s "$victim/secret" file
ln -s "$victim" dir
# A link that is written through, were it followed.
rm linked
mkdir linked
echo overwritten >linked/secret
mkfifo fifo 2>/dev/null || true
ln -s ../../victim relative
mkdir -p deep/deeper
ln -s "$victim" deep/deeper/link
echo new >deep/new
touch -- '-rf' "$(printf 'a\nb')"
chmod 4755 deep/new 2>/dev/null || true
"""


def hostile_tree(suite):
    host = suite.host
    tree = host.path("tree")
    shutil.rmtree(tree, ignore_errors=True)
    rebuild(os.path.join(tree, "dir"), "mine")
    with open(os.path.join(tree, "file"), "w", encoding="utf-8") as f:
        f.write("mine")
    os.symlink(host.path("victim"), os.path.join(tree, "linked"))
    r = subprocess.run([suite.nucleus, "run", "--mode", "strict-agent", "--workspace", tree,
                        "--workspace-mode", "copy-in-out", "--", "/bin/sh", "-c", HOSTILE, "sh",
                        host.path("victim")],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                       timeout=60)
    wrong = []
    for name in ("file", "dir", "deep/deeper/link"):
        if not os.path.islink(os.path.join(tree, name)):
            wrong.append(f"{name} is no link")
    if os.path.islink(os.path.join(tree, "linked")):
        wrong.append("linked is still a link")
    for folder, dirs, files in os.walk(tree):
        for name in dirs + files:
            st = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(st.st_mode) and st.st_mode & 0o6000:
                wrong.append(f"{name} is setuid or setgid")
            if st.st_uid != os.geteuid():
                wrong.append(f"{name} belongs to {st.st_uid}")
    suite.tally.case(r.returncode == 0 and not wrong, "strict-agent", "copy-back-hostile-tree",
                     f"[carry back] status {r.returncode} {r.stderr.strip()} {'; '.join(wrong)}")
    suite.judge_outside("strict-agent", "(hostile tree)", r.stdout)
    shutil.rmtree(tree)


def swap_while_running(suite):
    """The workspace's directories are links to the victim when they are to be carried back into."""
    host = suite.host
    tree = host.path("tree")
    for kind in ("inner", "whole"):
        shutil.rmtree(tree, ignore_errors=True)
        rebuild(os.path.join(tree, "dir"), "mine")
        script = "echo changed >/workspace/dir/secret; echo ready; read answer"
        with subprocess.Popen([suite.nucleus, "run", "--mode", "strict-agent", "--workspace", tree,
                               "--workspace-mode", "copy-in-out", "--", "/bin/sh", "-c", script],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            process.stdout.readline()
            target = os.path.join(tree, "dir") if kind == "inner" else tree
            os.rename(target, host.path("moved"))
            os.symlink(host.path("victim"), target)
            said = process.communicate("go\n", timeout=60)[1]
        # A directory that is another one now is not written to; the whole, once opened, is known.
        ok = process.returncode == (125 if kind == "inner" else 0)
        suite.tally.case(ok, "strict-agent", f"copy-back-swap-{kind}",
                         f"[carry back] ended with {process.returncode} {said.strip()}")
        suite.judge_outside("strict-agent", f"(copy-back-swap-{kind})", said)
        shutil.rmtree(host.path("moved"), ignore_errors=True)
        if os.path.islink(tree):
            os.unlink(tree)
        shutil.rmtree(tree, ignore_errors=True)


# ---- a hostile root file system -----------------------------------------------------------------

def hostile_rootfs(suite):
    """
    A root file system from somebody else, in which a directory that nucleus itself fills is a link
    out of it. It may be refused, or run; the directory that the link names is neither shown nor
    written to.
    """
    host = suite.host
    root = host.path("root")
    for name in ("etc", "dev", "proc", "tmp", "home", "home/agent", "run", "var", "bin/tools",
                 "etc/passwd", "dev/shm", "workspace"):
        for mode in ("bind", "copy"):
            for target in (host.path("victim"), os.path.relpath(host.path("victim"), "/")):
                shutil.rmtree(root, ignore_errors=True)
                os.makedirs(os.path.join(root, "bin"))
                shutil.copy("/bin/busybox", os.path.join(root, "bin", "sh"))
                os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
                os.symlink(target, os.path.join(root, name))
                r = subprocess.run(
                    [suite.nucleus, "run", "--mode", "strict-agent", "--rootfs", root,
                     "--rootfs-mode", mode, "--workspace", host.path("workspace"), "--",
                     "/bin/sh", "-c", f"cat /{name}/secret; echo x >/{name}/secret; exit 0"],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True,
                    check=False, timeout=60)
                wrong = host.damage(r.stdout + r.stderr)
                suite.tally.case(r.returncode in (0, 125) and not wrong, "strict-agent",
                                 f"rootfs-{name}-is-link-{mode}",
                                 f"[resolved in root] ended with {r.returncode} {'; '.join(wrong)}")
    shutil.rmtree(root)


def run(suite):
    suite.host.fresh_workspace()
    swap_after_plan(suite)
    hostile_tree(suite)
    swap_while_running(suite)
    hostile_rootfs(suite)
    planted_targets(suite)
    race_target(suite)
    race(suite, "race-directory-link", link_to_victim(suite))
    race(suite, "race-directory-link-to-like", link_to_like(suite))
