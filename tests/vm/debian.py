# SPDX-License-Identifier: MIT
"""Fetches kernels and systemd from Debian's archive, by apt, into the cache; installs nothing.

apt checks the signatures with the keys of this machine's debian-archive-keyring. It works in a
directory of its own: sources, lists and status are not the machine's; mirrors, proxies are.
"""

import contextlib
import glob
import hashlib
import lzma
import os
import re
import shutil
import stat
import struct
import subprocess
import tarfile

import cpio

RECIPE = "1"  # of a kernel in the cache
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The newest is the first that can be had, and verified.
SUITES = {"old": ("bookworm",), "new": ("sid", "bookworm-backports")}
RELEASES = ("oldoldstable", "oldstable", "stable", "testing", "unstable", "sid", "bullseye", "bookworm",
            "trixie", "forky", "duke")
# What the guest must load before it has files.
MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "9pnet_virtio", "9p", "overlay", "ext4")
SYSTEM = ("systemd", "dbus", "dbus-user-session", "libpam-systemd", "base-files", "bash", "coreutils",
          "dash", "grep", "libc-bin", "mount", "sed", "util-linux")
# Brought along by dependencies of scripts that are not run.
UNUSED_PACKAGES = re.compile(r"perl|lib.*perl|usrmerge|adduser|debconf|dpkg|tar")
UNUSED_FILES = re.compile(r"usr/share/(doc|man|locale|info|lintian|bug|i18n|zoneinfo|bash-completion)/|"
                          r"usr/lib/udev/|usr/lib/x86_64-linux-gnu/(gconv|perl)/|boot/")


class Error(Exception):
    pass


def output(*words, **how):
    try:
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True, **how).stdout
    except subprocess.CalledProcessError as e:
        raise Error(f"{' '.join(words[:3])} ...: {e.stderr.strip()[-2000:]}") from e


def mirror():
    """The mirror that this machine's own sources name for Debian itself."""
    # Needs no lists, which a fresh image does not have.
    for uri in re.findall(r"^'([^']+)'", output("apt-get", "--print-uris", "update"), re.MULTILINE):
        base, _, rest = uri.partition("/dists/")
        if rest.split("/")[0] in RELEASES:
            return base
    raise Error("apt's sources name no mirror of Debian")


class Apt:
    """apt with its own sources and lists, in a directory."""

    def __init__(self, directory, suite):
        self.directory = directory
        for name in ("lists/partial", "archives/partial"):
            os.makedirs(os.path.join(directory, name), exist_ok=True)
        sources = os.path.join(directory, "sources.list")
        with open(sources, "w", encoding="utf-8") as f:
            f.write(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n")
        options = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "/dev/null",
                   "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
                   "Dir::State": directory, "Dir::Cache": directory,
                   "Dir::State::Status": "/dev/null", "APT::Architecture": "amd64",
                   "APT::Sandbox::User": "", "Debug::NoLocking": "1"}
        self.options = [f"-o{k}={v}" for k, v in options.items()]
        self.run("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update")

    def run(self, program, *words):
        return output(program, *self.options, *words, cwd=self.directory)

    def depends(self, package):
        text = self.run("apt-cache", "depends", "--no-recommends", "--no-suggests", package)
        return re.findall(r"^ +(?:Pre)?Depends: (\S+)", text, re.MULTILINE)

    def download(self, packages):
        """Files of these packages."""
        self.run("apt-get", "-q", "download", *packages)
        return sorted(glob.glob(os.path.join(self.directory, "*.deb")))

    def download_with_all_they_need(self, packages):
        self.run("apt-get", "-qq", "-y", "--download-only", "--no-install-recommends", "install",
                 *packages)
        return sorted(glob.glob(os.path.join(self.directory, "archives", "*.deb")))


@contextlib.contextmanager
def fresh(directory, recipe):
    """A directory that appears under its name when it is complete, and replaces what was there."""
    building = directory + ".new"
    shutil.rmtree(building, ignore_errors=True)
    os.makedirs(building)
    yield building
    with open(os.path.join(building, "recipe"), "w", encoding="utf-8") as f:
        f.write(recipe)
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(building, directory)


def is_current(directory, recipe):
    try:
        with open(os.path.join(directory, "recipe"), encoding="utf-8") as f:
            return f.read() == recipe
    except FileNotFoundError:
        return False


# ---- kernels -------------------------------------------------------------------------------------


def uncompressed(path):
    """The kernel's ELF file out of a bzImage: under emulation its own decompressor takes seconds."""
    with open(path, "rb") as f:
        image = f.read()
    start = ((image[0x1F1] or 4) + 1) * 512 + struct.unpack_from("<I", image, 0x248)[0]
    payload = image[start:start + struct.unpack_from("<I", image, 0x24C)[0]]
    if payload.startswith(b"\xfd7zXZ\0"):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        # The last four bytes are the size, which is no part of the stream.
        elf = subprocess.run(["zstd", "-dcq"], input=payload[:-4], stdout=subprocess.PIPE,
                             check=True).stdout
    else:
        raise Error(f"{path}: compressed in an unknown way: {payload[:6].hex()}")
    if not elf.startswith(b"\x7fELF"):
        raise Error(f"{path}: no ELF file in it")
    return elf


def module(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def fetch_kernel(name, directory, say):
    """Leaves vmlinux, release, lib/modules/RELEASE in a directory."""
    problems = []
    for suite in SUITES[name]:
        try:
            with fresh(directory, RECIPE) as building:
                unpack_kernel(suite, building)
                with open(os.path.join(building, "release"), encoding="utf-8") as f:
                    say(f"kernel {name}: {f.read()} from {suite}")
            return
        except Error as e:
            problems.append(f"{suite}: {e}")
    raise Error("; ".join(problems))


def unpack_kernel(suite, building):
    apt = Apt(os.path.join(building, "apt"), suite)
    image = next((p for p in apt.depends("linux-image-amd64") if p.startswith("linux-image-")), None)
    if not image:
        raise Error("linux-image-amd64 names no kernel")
    # Older packages have the kernel and its modules in one.
    parts = [p for p in apt.depends(image) if re.match("linux-(base|binary|modules)-", p)] or [image]
    root = os.path.join(building, "root")
    for deb in apt.download(parts):
        output("dpkg-deb", "-x", deb, root)
    trees = [t for t in glob.glob(f"{root}/lib/modules/*") + glob.glob(f"{root}/usr/lib/modules/*")
             if os.path.isdir(f"{t}/kernel")]
    if len(trees) != 1:
        raise Error(f"{len(trees)} trees of modules in {parts}")
    release = os.path.basename(trees[0])
    os.makedirs(f"{building}/lib/modules")
    os.rename(trees[0], f"{building}/lib/modules/{release}")
    kernel = next((k for k in (f"{root}/boot/vmlinuz-{release}",
                               f"{building}/lib/modules/{release}/vmlinuz") if os.path.exists(k)), None)
    if not kernel:
        raise Error(f"no vmlinuz in {parts}")
    with open(f"{building}/vmlinux", "wb") as f:
        f.write(uncompressed(kernel))
    output("/sbin/depmod", "-b", building, release)
    with open(f"{building}/release", "w", encoding="utf-8") as f:
        f.write(release)
    shutil.rmtree(root)
    shutil.rmtree(apt.directory)


def add_modules(archive, directory):
    """The modules that are needed early, and the order to load them in."""
    with open(f"{directory}/release", encoding="utf-8") as f:
        release = f.read()
    order = []
    for name in MODULES:
        text = output("/sbin/modprobe", "-d", directory, "-S", release, "--show-depends", name)
        for path in re.findall(r"^insmod (\S+)", text, re.MULTILINE):
            short = os.path.basename(path).split(".ko")[0] + ".ko"
            if short not in order:
                order.append(short)
                archive.add(f"modules/{short}", stat.S_IFREG | 0o644, module(path))
    archive.add("modules/order", stat.S_IFREG | 0o644, "\n".join(order).encode())


# ---- a system with systemd -----------------------------------------------------------------------

PAM = "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "session"))
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n"
                  "messagebus:x:100:100::/nonexistent:/usr/sbin/nologin\n"
                  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
                  "tester:x:12345:12345::/home/tester:/bin/sh\n",
    "etc/group": "root:x:0:\ntty:x:5:\nsystemd-journal:x:101:\nmessagebus:x:100:\n"
                 "nogroup:x:65534:\ntester:x:12345:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/fstab": "",
    "etc/hostname": "vm\n",
    # What pam-auth-update would have made of it; PAM wants the other one as well.
    "etc/pam.d/systemd-user": PAM + "session optional pam_systemd.so\n",
    "etc/pam.d/other": PAM,
    # Without a session there is no machine: an end that is seen at once.
    "etc/systemd/system/user@12345.service.d/end.conf": "[Unit]\nFailureAction=reboot-force\n",
    # No service here is to be limited by how slow an emulated machine is.
    "etc/systemd/system.conf": "[Manager]\nDefaultTimeoutStartSec=infinity\n",
    "etc/systemd/system/vm.target": "[Unit]\nRequires=vm-agent.service\n",
    "etc/systemd/system/vm-agent.service":
        "[Unit]\nRequires=user@12345.service dbus.socket systemd-journald.service\n"
        "Wants=systemd-logind.service\n"
        "After=user@12345.service dbus.socket systemd-journald.service systemd-logind.service\n"
        "[Service]\nExecStart=/usr/lib/nucleus-vm-init agent\nStandardError=tty\n"
        "TTYPath=/dev/ttyS0\n",
    "var/lib/systemd/linger/tester": "",
}

# What a machine that lives for one command does without: under emulation each costs up to a second.
MASKED = tuple(f"{name}.{kind}" for kind, names in {
    "service": "modprobe@ kmod-static-nodes systemd-firstboot systemd-journal-flush "
               "systemd-journal-catalog-update systemd-machine-id-commit systemd-modules-load "
               "systemd-pstore systemd-random-seed systemd-remount-fs systemd-sysusers "
               "systemd-tmpfiles-setup-dev systemd-update-done systemd-update-utmp "
               "systemd-hwdb-update systemd-timesyncd systemd-binfmt systemd-sysctl "
               "systemd-tmpfiles-setup",
    "mount": "dev-hugepages sys-kernel-debug sys-kernel-tracing sys-fs-fuse-connections "
             "sys-kernel-config",
    "automount": "proc-sys-fs-binfmt_misc",
    "path": "systemd-ask-password-console systemd-ask-password-wall",
    "socket": "systemd-journald-audit systemd-initctl",
    "timer": "systemd-tmpfiles-clean",
}.items() for name in names.split())


def system_recipe():
    """Changes with what the image is made of."""
    made_of = (RECIPE, SYSTEM, UNUSED_PACKAGES, UNUSED_FILES, ETC, MASKED)
    return hashlib.sha256(repr(made_of).encode()).hexdigest()


def fetch_system(directory, say):
    """Leaves system.cpio in a directory: what boots systemd, below image/."""
    with fresh(directory, system_recipe()) as building:
        apt = Apt(os.path.join(building, "apt"), SUITES["old"][0])
        debs = [d for d in apt.download_with_all_they_need(SYSTEM)
                if not UNUSED_PACKAGES.match(os.path.basename(d))]
        with open(f"{building}/system.cpio", "wb") as f:
            archive = cpio.Archive(f)
            for name in ("bin", "sbin", "lib", "lib64"):
                archive.link(f"image/{name}", f"usr/{name}")
            for deb in debs:
                add_package(archive, deb)
            for name, text in ETC.items():
                archive.add(f"image/{name}", stat.S_IFREG | 0o644, text.encode())
            for name in ("dev", "proc", "sys", "run", "tmp", "root", "var/log", "var/tmp"):
                archive.add(f"image/{name}", stat.S_IFDIR | 0o755)
            archive.add("image/home/tester", stat.S_IFDIR | 0o755, uid=12345, gid=12345)
            archive.link("image/var/run", "/run")
            for name in MASKED:
                archive.link(f"image/etc/systemd/system/{name}", "/dev/null")
        say(f"systemd: {os.path.getsize(f.name) >> 20} MB from {len(debs)} packages")
        shutil.rmtree(apt.directory)


def add_package(archive, deb):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
            links = {}
            for member in tar:
                name = re.sub(r"^(bin|sbin|lib|lib64)(?=/)", r"usr/\1", member.name.removeprefix("./"))
                if UNUSED_FILES.match(name) or name in ("", ".", *ETC, "bin", "sbin", "lib", "lib64",
                                                        "var/run"):
                    continue
                owner = {"uid": member.uid, "gid": member.gid}
                if member.isdir():
                    archive.add(f"image/{name}", stat.S_IFDIR | member.mode, **owner)
                elif member.issym():
                    archive.link(f"image/{name}", member.linkname)
                elif member.isreg():
                    links[member.name] = tar.extractfile(member).read()
                    archive.add(f"image/{name}", stat.S_IFREG | member.mode, links[member.name],
                                **owner)
                elif member.islnk():
                    archive.add(f"image/{name}", stat.S_IFREG | member.mode, links[member.linkname],
                                **owner)
        if process.wait() != 0:
            raise Error(f"dpkg-deb cannot read {deb}")
