# SPDX-License-Identifier: MIT
"""Docker's and containers-common's default seccomp profiles, out of Debian's packages; installs nothing.

As a program: fetches them, and prints where they are. apt checks that they are what the archive signed.
"""

import fcntl
import glob
import os
import subprocess
import sys
import tempfile

# Package, and the profile's place in it.
PACKAGES = {
    "docker": ("golang-github-docker-docker-dev",
               "usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json"),
    "containers-common": ("golang-github-containers-common", "usr/share/containers/seccomp.json"),
}


def directory():
    """$NUCLEUS_PROFILES, or in the user's cache."""
    return os.environ.get("NUCLEUS_PROFILES") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nucleus-profiles")


def fetch(name, path):
    package, member = PACKAGES[name]
    with tempfile.TemporaryDirectory(prefix="nucleus-profiles-") as scratch:
        # apt runs as its own user if it is started by root, and may not write here.
        os.chmod(scratch, 0o755)
        words = ["apt-get", "-q", "-oAPT::Sandbox::User=", "download", package]
        got = subprocess.run(words, cwd=scratch, check=False, stdin=subprocess.DEVNULL, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        debs = glob.glob(os.path.join(scratch, "*.deb"))
        if got.returncode or len(debs) != 1:
            sys.exit(f"FAILED: apt-get download {package}: {got.stdout}")
        subprocess.run(["dpkg-deb", "-x", debs[0], os.path.join(scratch, "x")], check=True)
        with open(os.path.join(scratch, "x", member), "rb") as f:
            text = f.read()
    with open(path + ".new", "wb") as f:
        f.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)


def profiles():
    """Name to path, of all of them."""
    where = directory()
    os.makedirs(where, exist_ok=True)
    paths = {name: os.path.join(where, f"{name}.json") for name in PACKAGES}
    if not all(map(os.path.exists, paths.values())):
        # Tests run side by side.
        with open(os.path.join(where, "lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name, path in paths.items():
                if not os.path.exists(path):
                    fetch(name, path)
    return paths


if __name__ == "__main__":
    for each in profiles().values():
        print(each)
