# SPDX-License-Identifier: MIT
"""The programs that we are measured against: what each must be told to make a sandbox like ours.

All see the same set of directories: bubblewrap by the plan's own steps (bwrap.h), and the OCI runtimes by a bundle
that is made of bubblewrap's arguments. In /proc/self/mountinfo of crun and runc there is what ours has, and a tmpfs
at /dev; podman adds a few of its own. What the options of a peer cannot say, it does without: Landlock (all),
filters by argument (OCI: the names of our list only), a root of its own (firejail).

crun and podman need a pure control group v2 mount. Where there is none, all contenders run in a mount and control
group namespace of the bench's own, with nothing but version 2 at /sys/fs/cgroup (without controllers: the
host's version 1 has them). It is entered once, before anything is measured. There is no pid namespace: firejail
does nothing where it finds one.
"""

import dataclasses
import errno
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
from typing import Any, Dict, List, Optional, Sequence

from drive import Contender

BWRAP = "bwrap, equal root"
PACKAGES = {"bubblewrap": "bwrap", "crun": "crun", "runc": "runc", "firejail": "firejail", "podman": "podman",
            "runsc": "runsc", "util-linux": "unshare"}
NAMESPACES = ("pid", "mount", "network", "uts", "ipc", "cgroup", "user")
# Of what our filter refuses, what runc needs itself after it has loaded it.
NEEDED = ["fstatfs"]
# Of the host, for what is 0 inside: as the library takes one for root.
SOMEBODY = 1853161472
# How many words follow an option of bubblewrap; the rest have none.
WORDS = {"--uid": 1, "--gid": 1, "--hostname": 1, "--cap-drop": 1, "--seccomp": 1, "--dir": 1, "--perms": 1,
         "--size": 1, "--tmpfs": 1, "--dev": 1, "--proc": 1, "--remount-ro": 1, "--bind": 2, "--ro-bind": 2,
         "--dev-bind": 2, "--symlink": 2}


def versions() -> str:
    said = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *PACKAGES], capture_output=True,
                          text=True, check=False).stdout
    return ", ".join(said.split("\n")).strip(", ")


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    argv: List[str]  # where there is no sandbox
    inside: List[str]


# Ends well in a sandbox with a filter, and of all the peers only these have none: unshare has no such option, runsc's
# is its own kernel's business.
PROBE = Program("probe", *([["/usr/bin/grep", "-q", "^Seccomp:.2", "/proc/self/status"]] * 2))
NO_FILTER = ("unshare, 7 namespaces", "runsc")


@dataclasses.dataclass(frozen=True)
class Corner:
    """Where one user's peers keep what they need; removed by whoever made it."""
    path: pathlib.Path
    user: str
    uid: int
    prefix: List[str]  # to become that user

    def prepare(self) -> None:
        for name in ("state", "home", "run"):
            (self.path / name).mkdir(parents=True)
            os.chown(self.path / name, self.uid, self.uid)
        (self.path / "state").chmod(0o711)

    def end(self) -> None:
        """podman leaves a process that keeps the user's namespace."""
        for file in (self.path / "run").rglob("pause.pid"):
            try:
                os.kill(int(file.read_text(encoding="utf-8")), signal.SIGKILL)
            except ProcessLookupError:
                pass

    def enter(self) -> List[str]:
        """What to put before a command, for it to run as the user and in a place that all peers can live with.

        Without the caller's environment: no sandbox has it, and what it tells interpreters to load is theirs to pay.
        """
        environment = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", f"HOME={self.path}/home",
                       f"XDG_RUNTIME_DIR={self.path}/run"]
        if os.geteuid() != 0:
            return environment
        script = ["set -e", "mount --make-rprivate /", "umount -R /sys/fs/cgroup 2>/dev/null || :",
                  "mount -t cgroup2 none /sys/fs/cgroup"]
        if self.uid:
            # firejail and podman want to know a name.
            text = pathlib.Path("/etc/passwd").read_text(encoding="utf-8")
            names = self.path / "passwd"
            names.write_text(f"{text}bench:x:{self.uid}:{self.uid}::{self.path}/home:/bin/sh\n", encoding="utf-8")
            script.append(f"mount --bind {shlex.quote(str(names))} /etc/passwd")
        return ["unshare", "--mount", "--cgroup", "sh", "-c", "\n".join([*script, 'exec "$@"']), "enter", *self.prefix,
                *environment]


@dataclasses.dataclass
class Root:
    """What bubblewrap was told, as a directory and mounts."""
    folder: pathlib.Path
    mounts: List[Dict[str, Any]] = dataclasses.field(default_factory=list)
    masked: List[str] = dataclasses.field(default_factory=list)

    def add(self, option: str, words: Sequence[str], perms: str, size: str) -> None:
        path = self.folder / words[-1].lstrip("/") if words else self.folder
        if option == "--dir":
            path.mkdir(parents=True, exist_ok=True)
        elif option == "--symlink":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(words[0])
        elif option == "--tmpfs":
            path.mkdir(parents=True, exist_ok=True)
            self.mounts.append({"destination": words[0], "type": "tmpfs", "source": "tmpfs", "options": [
                "nosuid", "nodev", f"mode={perms or '755'}", f"size={size or '65536k'}"]})
        elif option in ("--bind", "--ro-bind", "--dev-bind"):
            self.bind(pathlib.Path(words[0]), words[1], path, option == "--ro-bind")

    def bind(self, source: pathlib.Path, to: str, path: pathlib.Path, read_only: bool) -> None:
        if to.startswith("/proc/"):
            self.masked.append(to)
        elif source.parent.name.startswith("bench-bwrap."):  # a text that bubblewrap cannot write by itself
            shutil.copy(source, path)
        else:
            if source.is_dir():
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.touch()
            self.mounts.append({"destination": to, "type": "bind", "source": str(source),
                                "options": ["rbind", "nosuid", "nodev", "ro" if read_only else "rw"]})


def parse(bwrap: Sequence[str], folder: pathlib.Path) -> Root:
    """bubblewrap's arguments up to the program; it must still be there, and with it what it is to bind."""
    root = Root(folder)
    for name in ("proc", "dev", "etc", "run"):
        (folder / name).mkdir(parents=True)
    # podman would make them, or mounts something there.
    (folder / "etc" / "mtab").symlink_to("/proc/mounts")
    for name in ("etc/hostname", "run/.containerenv"):
        (folder / name).touch()
    rest, perms, size = list(bwrap[1:]), "", ""
    while rest and rest[0].startswith("--"):
        option = rest.pop(0)
        words = [rest.pop(0) for _ in range(WORDS.get(option, 0))]
        perms, size = (words[0] if option == "--perms" else perms), (words[0] if option == "--size" else size)
        root.add(option, words, perms, size)
        if option not in ("--perms", "--size"):
            perms = size = ""
    return root


def seccomp(nucleus: pathlib.Path) -> Dict[str, Any]:
    """The names of what our filter allows."""
    said = subprocess.run([str(nucleus), "explain", "--mode", "strict-agent", "--json"], capture_output=True,
                          check=True).stdout
    names = [row.split("\t")[0] for row in json.loads(said)["syscalls"]]
    return {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": sorted({*names, *NEEDED}), "action": "SCMP_ACT_ALLOW"},
                         # Then libc takes clone, whose flags a filter can see.
                         {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS}]}


def bundle(corner: Corner, root: Root, program: Program, filters: Dict[str, Any],
           resources: Dict[str, Any], namespaces: Sequence[str]) -> Dict[str, Any]:
    """config.json of the OCI runtime-spec."""
    ids = [{"containerID": 0, "hostID": corner.uid or SOMEBODY, "size": 1}] if "user" in namespaces else []
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
              {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
               "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
              {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
               "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}]
    none: Dict[str, List[str]] = {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": program.inside, "cwd": "/", "noNewPrivileges": True,
                    "env": ["PATH=/usr/bin:/bin", "HOME=/home/agent"], "capabilities": none},
        "root": {"path": str(root.folder), "readonly": True}, "hostname": "sandbox", "mounts": mounts + root.mounts,
        "linux": {"namespaces": [{"type": name} for name in namespaces], "uidMappings": ids, "gidMappings": ids,
                  "maskedPaths": root.masked, "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
                  "seccomp": filters, "resources": resources},
    }


def contenders(corner: Corner, root: Root, program: Program, nucleus: pathlib.Path,
               resources: Optional[Dict[str, Any]] = None) -> List[Contender]:
    """All peers but bubblewrap, which bench-launch knows; slow ones last. Resources: as config.json has them."""
    filters = seccomp(nucleus)
    place, state = corner.path / program.name.replace(" ", "-"), corner.path / "state"
    for name, namespaces in (("all", NAMESPACES), ("runsc", NAMESPACES[:-1])):  # runsc --rootless makes the last itself
        (place / name).mkdir(parents=True)
        config = bundle(corner, root, program, filters, resources or {}, namespaces)
        (place / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (place / "seccomp.json").write_text(json.dumps(filters), encoding="utf-8")
    bench = str(pathlib.Path(program.argv[0]).parent)
    volumes = [word for m in root.mounts if m["type"] == "bind"
               for word in ("-v", f"{m['source']}:{m['destination']}:{'ro' if 'ro' in m['options'] else 'rw'}")]
    volumes += [word for m in root.mounts if m["type"] == "tmpfs" and m["destination"] != "/dev/shm"
                for word in ("--tmpfs", m["destination"])]
    as_user = ["--rootless"] if corner.uid else []
    found = {
        "unshare, 7 namespaces": ["/usr/bin/unshare", "--user", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc",
                                  "--cgroup", *program.argv],
        "firejail": ["/usr/bin/firejail", "--quiet", "--noprofile", "--net=none", "--caps.drop=all", "--nonewprivs",
                     "--seccomp", "--ipc-namespace", "--private", "--private-dev",
                     *([f"--whitelist={bench}", f"--read-only={bench}"] if "/tmp/" in bench else ["--private-tmp"]),
                     *(["--noroot"] if corner.uid else []), *program.argv],
        "crun": ["/usr/bin/crun", "--root", f"{state}/crun", "run", "--bundle", f"{place}/all", "bench-crun"],
        "crun, no control group": ["/usr/bin/crun", "--cgroup-manager=disabled", "--root", f"{state}/crun", "run",
                                   "--bundle", f"{place}/all", "bench-crun-none"],
        "runc": ["/usr/sbin/runc", "--root", f"{state}/runc", "run", "--bundle", f"{place}/all", "bench-runc"],
        "runsc": ["/usr/bin/runsc", "--root", f"{state}/runsc", *as_user, "--platform=ptrace", "--network=none",
                  "--ignore-cgroups", "run", "--bundle", f"{place}/runsc", "bench-runsc"],
        "podman": ["/usr/bin/podman", "--root", f"{state}/podman", "--runroot", f"{corner.path}/run/podman",
                   "--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=none", "run", "--rm",
                   "--network=none", "--cgroups=disabled", "--log-driver=none", "--read-only", "--cap-drop=all",
                   "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--read-only-tmpfs=false",
                   "--security-opt=no-new-privileges", f"--security-opt=seccomp={place}/seccomp.json",
                   "--hostname=sandbox", *volumes, "--rootfs", str(root.folder), *program.inside],
    }
    return [{"name": name, "kind": "exec", "argv": argv} for name, argv in found.items()]
