# SPDX-License-Identifier: MIT
"""Writes an initramfs (cpio "newc"), with owners and devices as they shall be, whoever writes it."""

import stat


class Archive:
    def __init__(self, file):
        self.file = file
        self.inode = 0
        self.directories = {""}

    def add(self, name, mode, data=b"", uid=0, gid=0, device=(0, 0)):
        """Adds one entry; a directory only once, and the directories that it lies in before it."""
        name = name.strip("/")
        parent = name.rpartition("/")[0]
        if parent not in self.directories:
            self.add(parent, stat.S_IFDIR | 0o755)
        if stat.S_ISDIR(mode):
            if name in self.directories:
                return
            self.directories.add(name)
        self._write(name, mode, data, uid, gid, device)

    def link(self, name, target):
        self.add(name, stat.S_IFLNK | 0o777, target.encode())

    def close(self):
        self.inode = -1
        self._write("TRAILER!!!", 0, b"", 0, 0, (0, 0))

    def _write(self, name, mode, data, uid, gid, device):
        self.inode += 1
        words = (self.inode, mode, uid, gid, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08X" % w for w in words) + name.encode() + b"\0"
        self.file.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
