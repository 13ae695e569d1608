# SPDX-License-Identifier: MIT
"""What a program leaves for the next run: links, documents, policy files and traces that it could have written."""

import os
import subprocess

from sandbox import PATIENCE, Case

REFUSED = 125
PROFILE = '{"defaultAction":"SCMP_ACT_ALLOW"}\n'
LANDLOCK = '[[rules]]\npath = "/"\naccess = ["all"]\n'


class NextRun(Case):
    """The first run is the attack: it needs nothing but what the policy grants. The second one must not obey."""

    def setUp(self):
        super().setUp()
        self.proj = self.make_dir("proj")
        self.secret = self.make("sec/key", "secret\n").parent
        (self.proj / "models").mkdir()

    def not_obeyed(self, args, *words, program=("cat", "/models/key")):
        """In strict-agent an error with these words, in agent a warning, and the program runs."""
        r = self.nucleus(*args, "--", *program)
        for word in map(str, words):
            self.assertIn(word, r.stderr)
        if self.mode == "agent":
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(r.stderr.count("nucleus: warning: "), 1, r.stderr)
        else:
            self.assertEqual((r.returncode, r.stdout), (REFUSED, ""))
            self.assertIn(f"mode {self.mode} refuses", r.stderr)
        return r

    def plant(self, grants, *script):
        """What the program leaves; `script` is run where it may write."""
        self.work(*grants, "--", "sh", "-ec", " ".join(script))

    # ---- links on the way to a source ------------------------------------------------------------

    def test_a_link_in_the_workspace_does_not_choose_a_volume(self):
        grants = ["--workspace", self.proj, "--volume", f"{self.proj}/models:/models:ro"]
        self.plant(grants, f"cd /workspace; rmdir models; ln -s {self.secret} models")
        self.not_obeyed(grants, self.proj / "models", "symbolic link", "--volume", "name the path itself")

    def test_nor_one_that_another_name_leads_to(self):
        """The tree is known by what it is: written with '..', through a link of the user's, or as a volume."""
        elsewhere = self.dir / "elsewhere"
        elsewhere.symlink_to(self.proj)
        (self.proj / "a").mkdir()
        for written in (f"{self.proj}/../proj/models", f"{elsewhere}/models", f"{self.proj}/./models//",
                        f"{self.proj}/a/../models"):
            for first in (["--workspace", self.proj], ["--workspace", elsewhere],
                          ["--volume", f"{self.proj}:/workspace:rw"], ["--volume", f"{elsewhere}:/workspace:rw"]):
                with self.subTest(written=written, first=first):
                    (self.proj / "models").rmdir()
                    (self.proj / "models").symlink_to(self.secret)
                    self.not_obeyed([*first, "--volume", f"{written}:/models:ro"], self.proj / "models")
                    (self.proj / "models").unlink()
                    (self.proj / "models").mkdir()
                    self.good(*first, "--volume", f"{written}:/models:ro", "--", "true")

    def test_a_link_further_up(self):
        """Not the source is replaced, but a directory on the way; and what a link outside leads to."""
        (self.proj / "data").mkdir()
        self.make("proj/data/models/key", "public\n")
        (self.dir / "to-data").symlink_to(self.proj / "data")
        self.make("other/models/key", "secret\n")
        grants = ["--workspace", self.proj, "--volume"]
        self.plant([*grants, f"{self.proj}/data/models:/models:ro"],
                   f"cd /workspace; mv data old; ln -s {self.dir}/other data")
        for source in (self.proj / "data/models", self.dir / "to-data/models"):
            self.not_obeyed([*grants, f"{source}:/models:ro"], self.proj / "data")

    def test_a_workspace_that_is_carried_back(self):
        grants = ["--workspace", self.proj, "--workspace-mode", "copy-in-out", "--context", self.proj / "models"]
        self.plant(grants, f"cd /workspace; rmdir models; ln -s {self.secret} models")
        self.assertTrue((self.proj / "models").is_symlink())
        self.not_obeyed(grants, self.proj / "models", "--context", program=("cat", "/context/key"))

    def test_every_kind_of_source(self):
        out = self.make_dir("out")
        self.make("sec/usr/bin/none")
        (out / "link").symlink_to(self.secret)
        flag = ["--volume", f"{out}:/out:rw"]
        for more in (["--workspace", out / "link"], ["--workspace", out / "link", "--workspace-mode", "bind-ro"],
                     ["--workspace", out / "link", "--workspace-mode", "copy-in-out"],
                     ["--context", out / "link", "--context-mode", "copy"]):
            self.not_obeyed([*flag, *more], out / "link", more[0], program=("true",))
        for more in ([], ["--rootfs-mode", "copy"]):
            r = self.nucleus(*flag, "--rootfs", out / "link", *more, "--", "true")
            self.assertEqual(f"mode {self.mode} refuses" in r.stderr, self.mode != "agent", r.stderr)
            self.assertIn(f"symbolic link {out}/link", r.stderr)

    def test_other_links_lead_where_they_lead(self):
        """What the program cannot write to it cannot have put there."""
        (self.dir / "home").mkdir()
        (self.dir / "home/proj").symlink_to("../proj")
        (self.dir / "home/sec").symlink_to(self.secret)
        (self.proj / "inside").symlink_to("models")
        volume = ["--volume", f"{self.dir}/home/sec:/models:ro"]
        for mode in ("bind-rw", "copy-in-out"):
            self.assertEqual(self.good("--workspace", self.dir / "home/proj", "--workspace-mode", mode, *volume, "--",
                                       "cat", "/models/key"), "secret\n")
        # Where it only reads, the user's links are the user's.
        self.good("--workspace", self.proj, "--workspace-mode", "bind-ro", "--volume",
                  f"{self.proj}/inside:/models:ro", "--", "true")
        self.good("--context", self.proj, "--volume", f"{self.proj}/inside:/models:ro", "--", "true")

    # ---- the document, and what it names -----------------------------------------------------------

    def document(self, path, *more):
        text = "\n".join([f'mode = "{self.mode}"', *more, "[workspace]", 'path = "."', ""])
        (self.proj / path).parent.mkdir(exist_ok=True)
        (self.proj / path).write_text(text)
        return self.proj / path

    def configured(self, config, *args, **how):
        return subprocess.run([self.nucleus_path, "run", "--env", self.mark, "--config", config, *args],
                              env=self.environment(), text=True, timeout=PATIENCE, capture_output=True,
                              stdin=subprocess.DEVNULL, check=False, **how)

    def test_a_document_that_the_program_can_write(self):
        document = self.document("policy.toml")
        (self.dir / "link.toml").symlink_to(document)
        (self.proj / "dir").symlink_to(self.dir)
        self.make("outside.toml", f'mode = "{self.mode}"\n[workspace]\npath = "{self.proj}"\n')
        for config in (document, "policy.toml", self.dir / "link.toml", self.proj / "dir/outside.toml"):
            r = self.configured(config, "--", "true", cwd=self.proj)
            self.assertIn("--config", r.stderr)
            self.assertIn("the program could write to", r.stderr)
            if self.mode == "agent":
                self.assertEqual((r.returncode, r.stderr.count("warning")), (0, 1), r.stderr)
            else:
                self.assertEqual(r.returncode, REFUSED, r.stderr)
                self.assertIn("--require-plan", r.stderr)
        r = self.configured(self.dir / "outside.toml", "--", "true")
        self.assertEqual((r.returncode, r.stderr), (0, ""))

    def test_a_document_below_what_cannot_be_searched(self):
        """Who can write to it cannot be known there: it matters only if the program can write to anything."""
        nothing = self.make("top/below/nothing.toml", f'mode = "{self.mode}"\n')
        out = self.make_dir("out")
        self.make("top/below/volume.toml", f'mode = "{self.mode}"\nvolumes = ["{out}:/out:rw"]\n')
        below = os.open(nothing.parent, os.O_RDONLY)
        self.addCleanup(os.close, below)
        (self.dir / "top").chmod(0)
        self.addCleanup((self.dir / "top").chmod, 0o755)
        r = self.configured("nothing.toml", "--", "true", preexec_fn=lambda: os.fchdir(below))
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        r = self.configured("volume.toml", "--", "true", preexec_fn=lambda: os.fchdir(below))
        if os.geteuid() == 0:
            self.assertEqual((r.returncode, r.stderr), (0, ""))
        elif self.mode == "agent":
            self.assertEqual((r.returncode, r.stderr.count("warning")), (0, 1), r.stderr)
        else:
            self.assertEqual(r.returncode, REFUSED)
            self.assertIn("cannot find out who can write to volume.toml: Permission denied", r.stderr)
            self.assertIn("must be searchable", r.stderr)

    def test_a_plan_that_is_required_needs_no_guarded_document(self):
        document = self.document("policy.toml")
        digest = subprocess.run([self.nucleus_path, "explain", "--hash", "--env", self.mark, "--config", document],
                                check=True, capture_output=True, text=True, timeout=PATIENCE).stdout.strip()
        script = 'printf "volumes = [\\"/etc/shadow:/shadow:ro\\"]\\n" >>x; cat policy.toml >>x; mv x policy.toml'
        r = self.configured(document, "--require-plan", digest, "--", "sh", "-ec", script)
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        r = self.configured(document, "--require-plan", digest, "--", "cat", "/shadow")
        self.assertEqual((r.returncode, r.stdout), (REFUSED, ""))

    def test_policy_files_that_the_program_can_write(self):
        grants = ["--workspace", self.proj]
        for flag, text in (("--seccomp-profile", PROFILE), ("--landlock-policy", LANDLOCK),
                           ("--caps-policy", "bounding.keep = []\n")):
            path = self.make("proj/file", text)
            self.make("file", text)
            (self.proj / "up").symlink_to(self.dir)
            for file in (path, self.proj / "up/file"):
                self.not_obeyed([*grants, flag, file], file, flag, f"{flag}-sha256", program=("true",))
            (self.proj / "up").unlink()
            pin = subprocess.run([self.nucleus_path, "policy", "hash", path], check=True, capture_output=True,
                                 text=True, timeout=PATIENCE).stdout.split()[0]
            for more in ([*grants, flag, path, f"{flag}-sha256", pin], [*grants, flag, self.dir / "file"],
                         [*grants, "--workspace-mode", "bind-ro", flag, path]):
                self.good(*more, "--", "true")

    def test_a_signature_is_as_good_as_the_place_of_its_key(self):
        path, key = self.make("proj/profile.json", PROFILE), self.make_dir("keys") / "review"

        def nucleus(*words):
            subprocess.run([self.nucleus_path, "policy", *words], check=True, capture_output=True, timeout=PATIENCE)
        nucleus("keygen", key)
        nucleus("sign", "--key", f"{key}.key", path)
        grants = ["--workspace", self.proj, "--seccomp-profile", path, "--policy-key"]
        self.good(*grants, f"{key}.pub", "--", "true")
        (self.proj / "review.pub").write_bytes((self.dir / "keys/review.pub").read_bytes())
        inside = self.proj / "review.pub"
        self.not_obeyed([*grants, inside], inside, "--policy-key", program=("true",))

    # ---- what is learned, and what is told ---------------------------------------------------------

    def test_a_trace_is_not_where_the_program_writes(self):
        (self.proj / "out").symlink_to(self.dir)
        for mode in ("bind-rw", "copy-in-out"):
            grants = ["--mode", "agent", "--workspace", self.proj, "--workspace-mode", mode]
            for flags in (["--learn"], ["--seccomp-mode", "trace", "--seccomp-log"]):
                for trace in (self.proj / "trace", self.proj / "out/trace"):
                    r = self.nucleus(*grants, *flags, trace, "--", "sh", "-c", "rm -f trace; echo {} >trace")
                    self.assertEqual(r.returncode, REFUSED, r.stderr)
                    self.assertIn(f"the program could write to {trace}", r.stderr)
                    self.assertIn("outside", r.stderr)
                    self.assertFalse(trace.exists())
                self.work(*grants, *flags, self.dir / "good", "--", "true")
                (self.dir / "good").unlink()

    def test_nor_are_its_refusals(self):
        (self.proj / "out").symlink_to(self.dir)
        for mode in ("bind-rw", "copy-in-out"):
            for path in (self.proj / "denials", self.proj / "out/denials"):
                r = self.nucleus("--workspace", self.proj, "--workspace-mode", mode, "--denials", path, "--", "true")
                self.assertEqual(r.returncode, REFUSED, r.stderr)
                self.assertIn("the program could write to", r.stderr)
                self.assertFalse(os.path.lexists(path))


CASES = (NextRun,)
