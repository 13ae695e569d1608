# SPDX-License-Identifier: MIT
"""Workspace, context, volumes, tmpfs, root file systems."""

import os
import shutil
import subprocess

from sandbox import Case

STATIC_PROGRAM = r"""
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>
#include <fcntl.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		printf("%s %d\n", argv[i], access(argv[i], F_OK));
	printf("uid %d, write to / %d\n", (int)getuid(), open("/x", O_CREAT | O_WRONLY, 0600));
	return 0;
}
"""


def tree_of(directory):
    """What is in a directory: name to what it is."""
    found = {}
    for folder, dirs, files in os.walk(directory):
        for name in dirs + files:
            path = os.path.join(folder, name)
            key = os.path.relpath(path, directory)
            if os.path.islink(path):
                found[key] = "-> " + os.readlink(path)
            elif os.path.isdir(path):
                found[key] = "directory"
            else:
                with open(path, encoding="utf-8") as f:
                    found[key] = f.read()
    return found


class Workspace(Case):
    def setUp(self):
        super().setUp()
        self.workspace = self.make_dir("workspace")
        self.make("workspace/kept", "kept")
        self.make("workspace/changed", "before")
        self.make("workspace/removed", "removed")
        self.make("workspace/dir/inner", "inner")
        os.symlink("kept", self.workspace / "link")
        os.symlink("/etc/shadow", self.workspace / "dangling")
        self.before = tree_of(self.workspace)

    CHANGES = """
        printf after >changed; rm removed; printf new >new
        mkdir -p made/deep; printf d >made/deep/f
        ln -s new link2; mv dir/inner dir/moved; mkdir -m 700 private; chmod 600 new
        rm dangling; ln -s kept dangling"""
    AFTER = {"kept": "kept", "changed": "after", "new": "new", "made": "directory",
             "made/deep": "directory", "made/deep/f": "d", "dir": "directory", "dir/moved": "inner",
             "link": "-> kept", "link2": "-> new", "private": "directory", "dangling": "-> kept"}

    def test_bind_rw(self):
        self.script(self.CHANGES, "--workspace", self.workspace)
        self.assertEqual(tree_of(self.workspace), self.AFTER)
        self.assert_owner(self.workspace)
        self.assertEqual((self.workspace / "new").stat().st_mode & 0o7777, 0o600)

    def test_bind_ro(self):
        out = self.script("cat kept; ! touch new 2>/dev/null; ! rm kept 2>/dev/null; "
                          "! sh -c 'echo x >changed' 2>/dev/null",
                          "--workspace", self.workspace, "--workspace-mode", "bind-ro")
        self.assertEqual(out, "kept")
        self.assertEqual(tree_of(self.workspace), self.before)

    def test_copy_in_out(self):
        self.script(self.CHANGES + "; cat kept; readlink link", "--workspace", self.workspace,
                    "--workspace-mode", "copy-in-out")
        self.assertEqual(tree_of(self.workspace), self.AFTER)
        self.assert_owner(self.workspace)
        self.assertEqual((self.workspace / "new").stat().st_mode & 0o7777, 0o600)
        self.assertEqual((self.workspace / "private").stat().st_mode & 0o7777, 0o700)

    def test_copy_in_out_leaves_alone_what_it_did_not_change(self):
        stat = (self.workspace / "kept").stat()
        self.script("cat kept", "--workspace", self.workspace, "--workspace-mode", "copy-in-out")
        after = (self.workspace / "kept").stat()
        self.assertEqual((stat.st_ino, stat.st_mtime_ns), (after.st_ino, after.st_mtime_ns))
        self.assertEqual(tree_of(self.workspace), self.before)

    def test_copy_in_out_of_a_failing_program(self):
        r = self.nucleus("--workspace", self.workspace, "--workspace-mode", "copy-in-out", "--",
                         "sh", "-c", "echo half >half; exit 3")
        self.assertEqual(r.returncode, 3, r.stderr)
        self.assertEqual((self.workspace / "half").read_text(encoding="utf-8"), "half\n")

    def test_copy_in_out_keeps_what_the_host_changed(self):
        """Both sides changed a file: the host's stays, and it is said."""
        with self.start("--workspace", self.workspace, "--workspace-mode", "copy-in-out", "--",
                        "sh", "-c", "echo inside >changed; echo ready; read answer") as p:
            p.stdout.readline()
            (self.workspace / "changed").write_text("outside", encoding="utf-8")
            _, err = p.communicate("go\n", timeout=60)
        self.assertEqual((self.workspace / "changed").read_text(encoding="utf-8"), "outside")
        self.assertIn("changed", err)
        self.assertNotEqual(p.returncode, 0)

    def test_what_others_keep_from_the_owner_of_a_tree_is_not_shown(self):
        """Root can read it. That it has no other name proves nothing: the one that a link was made of may be gone."""
        secret = self.make("workspace/secret", "secret")
        secret.chmod(0o600)
        if os.geteuid() == 0:
            for path in (self.workspace, *self.workspace.rglob("*")):
                os.chown(path, 12345, 12345, follow_symlinks=False)
            os.chown(secret, 54321, 54321)
        script = ("cat secret 2>/dev/null || echo refused", "--workspace", self.workspace)
        wanted = "refused\n" if os.geteuid() == 0 else "secret"
        self.assertEqual(self.script(*script), wanted)
        self.assertEqual(self.script("cat /context/secret 2>/dev/null || echo refused", "--context", self.workspace),
                         wanted)
        for words in (["--workspace", self.workspace, "--workspace-mode", "copy-in-out"],
                      ["--context", self.workspace, "--context-mode", "copy"]):
            r = self.nucleus(*words, "--", "true")
            if os.geteuid() != 0:
                self.assertEqual(r.returncode, 0, r.stderr)
                continue
            self.assertEqual(r.returncode, 125, r.stderr)
            self.assertIn("secret", r.stderr)
            self.assertIn("kept from the owner of the tree", r.stderr)
        secret.chmod(0o604)
        self.assertEqual(self.script(*script, "--workspace-mode", "copy-in-out"), "secret")

    def test_copy_in_out_of_what_cannot_be_written_is_refused_at_once(self):
        """Not after the work was done, which would be lost."""
        if os.geteuid() == 0:
            os.chown(self.workspace, 12345, 12345)
            writes = self.nucleus("--workspace", self.workspace, "--workspace-mode", "copy-in-out",
                                  "--", "touch", "made")
            self.assertEqual(writes.returncode, 0, writes.stderr)
            self.assertTrue((self.workspace / "made").exists())
        else:
            r = self.nucleus("--workspace", "/usr/share/misc", "--workspace-mode", "copy-in-out",
                             "--", "touch", "made")
            self.assertEqual(r.returncode, 125)
            self.assertIn("changes could not be carried back", r.stderr)
            self.assertIn("bind-ro", r.stderr)
            self.assertNotIn("owner of the tree", r.stderr)
            # An owner may, whatever the mode says.
            self.workspace.chmod(0o555)
            r = self.nucleus("--workspace", self.workspace, "--workspace-mode", "copy-in-out",
                             "--", "touch", "made")
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertTrue((self.workspace / "made").exists())
            self.workspace.chmod(0o755)

    def test_copy_too_large(self):
        self.make("workspace/big", "x" * 3_000_000)
        r = self.nucleus("--workspace", self.workspace, "--workspace-mode", "copy-in-out",
                         "--copy-size", "1M", "--", "true")
        self.assertEqual(r.returncode, 125)
        self.assertRegex(r.stderr, "copy-size|copy_size|limits.copy-size")

    def test_copy_too_many_files(self):
        for i in range(30):
            self.make(f"workspace/many/{i}")
        r = self.nucleus("--workspace", self.workspace, "--workspace-mode", "copy-in-out",
                         "--copy-files", "10", "--", "true")
        self.assertEqual(r.returncode, 125)
        self.assertRegex(r.stderr, "copy-files")

    def test_copy_space_is_bounded_inside(self):
        r = self.nucleus("--workspace", self.workspace, "--workspace-mode", "copy-in-out",
                         "--copy-size", "2M", "--", "sh", "-c", "head -c 9000000 /dev/zero >big")
        self.assertNotEqual(r.returncode, 0)
        self.assertIn("No space left", r.stderr)

    def test_exec(self):
        self.make("workspace/run.sh", "#!/bin/sh\necho it runs\n", 0o755)
        self.assertEqual(self.good("--workspace", self.workspace, "--workspace-exec", "--",
                                   "./run.sh"), "it runs\n")
        r = self.nucleus("--workspace", self.workspace, "--", "./run.sh")
        self.assertEqual(r.returncode, 126)
        self.assertIn("--workspace-exec", r.stderr)
        for mode in ("bind-ro", "copy-in-out"):
            self.assertEqual(self.good("--workspace", self.workspace, "--workspace-exec",
                                       "--workspace-mode", mode, "--", "./run.sh"), "it runs\n")

    def test_full_disk(self):
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        small = self.make_dir("small")
        r = subprocess.run(
            ["unshare", "-m", "sh", "-c",
             'mount -t tmpfs -o size=1m none "$0" && cd "$0" && echo mine >mine && "$@"; s=$?; '
             'cat mine; exit $s', str(small),
             *self.words("--workspace", small, "--workspace-mode", "copy-in-out", "--", "sh", "-c",
                         "echo changed >mine; head -c 5000000 /dev/zero >big")],
            capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(r.returncode, 125, r.stderr)
        self.assertIn("No space left", r.stderr)
        self.assertIn(r.stdout, ("mine\n", "changed\n"))


class Mounts(Case):
    def setUp(self):
        super().setUp()
        self.make("data/file", "data")
        self.make("data/run.sh", "#!/bin/sh\necho it runs\n", 0o755)
        self.data = self.dir / "data"

    def test_context(self):
        for mode in ("bind", "copy"):
            out = self.script("cat /context/file; ! touch /context/x 2>/dev/null; "
                              "! rm /context/file 2>/dev/null; ! /context/run.sh 2>/dev/null",
                              "--context", self.data, "--context-mode", mode)
            self.assertEqual(out, "data", mode)
        self.assertEqual(sorted(tree_of(self.data)), ["file", "run.sh"])

    def test_context_copy_is_a_copy(self):
        with self.start("--context", self.data, "--context-mode", "copy", "--", "sh", "-c",
                        "echo ready; read answer; cat /context/file") as p:
            p.stdout.readline()
            (self.data / "file").write_text("changed", encoding="utf-8")
            self.assertEqual(p.communicate("go\n", timeout=60)[0], "data")

    def test_volume_ro_may_be_run_from(self):
        out = self.script("cat /data/file; /data/run.sh; ! touch /data/x 2>/dev/null",
                          "--volume", f"{self.data}:/data:ro")
        self.assertEqual(out, "datait runs\n")

    def test_volume_is_ro_by_default(self):
        self.script("! touch /data/x 2>/dev/null", "--volume", f"{self.data}:/data")

    def test_volume_rw_may_not_be_run_from(self):
        self.script("echo new >/data/new; ! /data/run.sh 2>/dev/null", "--volume",
                    f"{self.data}:/data:rw")
        self.assertEqual((self.data / "new").read_text(encoding="utf-8"), "new\n")
        self.assert_owner(self.data)

    def test_volume_rw_exec(self):
        self.assertEqual(self.script("echo new >/data/new; /data/run.sh", "--volume",
                                     f"{self.data}:/data:rw,exec"), "it runs\n")

    def test_volume_of_one_file(self):
        out = self.script("cat /etc/one /deep/er/two; ! sh -c 'echo x >/etc/one' 2>/dev/null; "
                          "echo more >>/deep/er/two",
                          "--volume", f"{self.data}/file:/etc/one:ro",
                          "--volume", f"{self.data}/file:/deep/er/two:rw")
        self.assertEqual(out, "datadata")
        self.assertEqual((self.data / "file").read_text(encoding="utf-8"), "datamore\n")

    def test_volume_in_the_workspace(self):
        workspace = self.make_dir("workspace")
        (workspace / "inner").mkdir()
        self.assertEqual(self.script("cat inner/file", "--workspace", workspace, "--volume",
                                     f"{self.data}:/workspace/inner:ro"), "data")
        self.assertEqual(list((workspace / "inner").iterdir()), [])

    def test_tmpfs_sizes(self):
        sizes = dict(line.split() for line in self.script(
            "df --output=target,size -B1 /tmp ~ /dev/shm /big | tail -n +2",
            "--tmp-size", "8M", "--home-size", "16M", "--shm-size", "4M",
            "--tmpfs", "/big:32M").splitlines())
        self.assertEqual({k: int(v) >> 20 for k, v in sizes.items()},
                         {"/tmp": 8, "/home/agent": 16, "/dev/shm": 4, "/big": 32})
        out = self.script("head -c 9000000 /dev/zero >/tmp/x 2>/dev/null || echo full; "
                          "stat -c %s /tmp/x", "--tmp-size", "8M")
        self.assertEqual(out, f"full\n{8 << 20}\n")


class Rootfs(Case):
    def setUp(self):
        super().setUp()
        self.require("/usr/bin/gcc")
        self.make("program.c", STATIC_PROGRAM)
        self.root = self.make_dir("root")
        (self.root / "bin").mkdir()
        (self.root / "etc").mkdir()
        subprocess.run(["gcc", "-static", "-O1", "-o", str(self.root / "bin" / "program"),
                        str(self.dir / "program.c")], check=True)
        self.make("root/etc/shadow", "root:secret")
        self.make("root/etc/app.conf", "configured")
        self.make("root/opt/file", "in the root")

    def test_both_modes(self):
        for mode in ("bind", "copy"):
            out = self.good("--rootfs", self.root, "--rootfs-mode", mode, "--", "/bin/program",
                            "/opt/file", "/etc/app.conf", "/etc/passwd", "/usr", "/proc/self",
                            "/dev/null", "/home/agent")
            self.assertEqual(out, "/opt/file 0\n/etc/app.conf 0\n/etc/passwd 0\n/usr -1\n"
                             "/proc/self 0\n/dev/null 0\n/home/agent 0\nuid 1000, write to / -1\n",
                             mode)
        self.assertFalse((self.root / "x").exists())

    def test_secrets_of_a_copied_machine_are_not_shown(self):
        out = self.good("--rootfs", self.root, "--", "/bin/program", "/etc/shadow")
        self.assertTrue(out.startswith("/etc/shadow -1\n"), out)

    def test_busybox(self):
        self.require("/bin/busybox")
        shutil.copy("/bin/busybox", self.root / "bin" / "sh")
        for mode in ("bind", "copy"):
            out = self.good("--rootfs", self.root, "--rootfs-mode", mode, "--", "/bin/sh", "-c",
                            "cat /opt/file; echo; ls /etc/app.conf; whoami; echo x >/tmp/x; "
                            "! sh -c 'echo y >/opt/y' 2>/dev/null")
            self.assertEqual(out, "in the root\n/etc/app.conf\nagent\n", mode)

    def test_together_with_everything_else(self):
        self.require("/bin/busybox")
        shutil.copy("/bin/busybox", self.root / "bin" / "sh")
        for name in ("workspace", "context", "volume"):
            self.make(f"{name}/file", name)
        volume = ["--volume", f"{self.dir}/volume:/volume:rw", "--tmpfs", "/scratch:1M"]
        script = "cat /volume/file; echo x >/scratch/x; for d in /context /workspace; do " \
                 "test -d $d && cat $d/file; done; echo"
        root = ["--rootfs", self.root]
        for rootfs in ([], root, [*root, "--rootfs-mode", "copy"]):
            for workspace in (None, "bind-rw", "bind-ro", "copy-in-out"):
                for context in (None, "bind", "copy"):
                    flags, wanted = [*rootfs, *volume], "volume"
                    if context:
                        flags += ["--context", self.dir / "context", "--context-mode", context]
                        wanted += "context"
                    if workspace:
                        flags += ["--workspace", self.dir / "workspace"]
                        flags += ["--workspace-mode", workspace]
                        wanted += "workspace"
                    with self.subTest(flags=flags):
                        self.assertEqual(self.good(*flags, "--", "/bin/sh", "-c", script),
                                         f"{wanted}\n")

    def test_program_that_is_not_there(self):
        r = self.nucleus("--rootfs", self.root, "--", "/usr/bin/git")
        self.assertEqual(r.returncode, 127)


CASES = (Workspace, Mounts, Rootfs)
