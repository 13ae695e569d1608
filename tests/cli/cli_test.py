# SPDX-License-Identifier: MIT
"""The command line: what it says and how it exits. Nothing here starts a sandbox."""

import json
import os
import pathlib
import re
import subprocess
import sys

from case import COMMANDS, MAN, NUCLEUS, SOURCE, Case, main, option_rows


class Help(Case):
    def test_all_options_and_commands_are_there(self):
        for args in (["--help"], ["help"], ["-h"], ["run", "--help"], ["help", "explain"]):
            text = self.good(*args)
            for row in option_rows():
                self.assertRegex(text, r"(?m)^ +(-\w, )?%s( |$)" % re.escape(row["flag"]))
        for command in COMMANDS:
            self.assertRegex(self.good("--help"), r"(?m)^  %s( |$)" % command)

    def test_groups_have_one_heading_each(self):
        headings = re.findall(r"(?m)^(\w+):$", self.good("help", "run"))
        self.assertEqual(len(headings), len(set(headings)), headings)
        self.assertEqual(headings[0], "Options")
        self.assertGreater(len(headings), 4)

    def test_no_line_is_wider_than_100_columns(self):
        for command in ["", *COMMANDS]:
            for line in self.good("help", *command.split()).splitlines():
                self.assertLess(len(line), 100, line)

    def test_each_command_has_help(self):
        for command in COMMANDS:
            text = self.good(*command.split(), "--help")
            self.assertTrue(text.startswith("Usage: nucleus " + command), text)
            self.assertEqual(text, self.good("help", *command.split()))
        self.assertEqual(self.good("help", "create"), self.good("help", "run"))
        self.assertIn("policy check", self.good("policy", "--help"))

    def test_help_about_nothing(self):
        self.assertIn("no such command: bogus", self.refused("help", "bogus"))
        self.refused("help", "run", "explain")

    def test_nothing_at_all_is_short_usage_on_stderr(self):
        r = self.nucleus()
        self.assertEqual((r.returncode, r.stdout), (125, ""))
        self.assertIn("Usage: nucleus", r.stderr)
        self.assertLess(len(r.stderr.splitlines()), 6)

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            r = subprocess.run([NUCLEUS, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(r.returncode, 125)
        self.assertIn("standard output", r.stderr)


class Words(Case):
    def test_version(self):
        self.assertRegex(self.good("version"), r"\Anucleus \d+\.\d+\.\d+\n\Z")
        self.assertEqual(self.good("version"), self.good("--version"))

    def test_the_short_name(self):
        short = pathlib.Path(NUCLEUS).with_name("nucleus")
        self.assertEqual(os.readlink(short), "nucleus-cli")
        r = subprocess.run([short, "version"], capture_output=True, text=True)
        self.assertEqual(r.stdout, self.good("version"))

    def test_unknown_command(self):
        self.assertIn("did you mean `nucleus run`?", self.refused("rnu"))
        self.assertIn("did you mean `nucleus doctor`?", self.refused("docter"))
        self.assertIn("did you mean `nucleus policy show`?", self.refused("policy", "shwo"))
        self.assertIn("nucleus run python3", self.refused("python3"))
        self.assertIn("nucleus run --workspace", self.refused("--workspace", "."))
        self.assertIn("nucleus policy --help", self.refused("policy"))
        self.assertIn("did you mean `nucleus policy verify`?", self.refused("policy", "verfy"))
        self.refused("")

    def test_nearest_flag(self):
        for wrong, right in (("--workspcae", "--workspace"), ("--timout=3", "--timeout"),
                             ("--conifg", "--config"), ("--hostnam", "--hostname"),
                             ("--limits.files", "--max-files"), ("--workspace-path", "--workspace"),
                             ("--allow-host", "--allow-host-network")):
            self.assertIn("hint: did you mean %s?" % right, self.refused("run", wrong, "ls"))
        self.assertIn("nucleus run --help", self.refused("run", "--quite-another-thing", "ls"))
        self.assertIn("unknown flag -Z", self.refused("run", "-Z", "ls"))
        # Flags of another command are none of this one's, and are not suggested.
        self.assertNotIn("did you mean", self.refused("doctor", "--workspace"))

    def test_control_characters_do_not_reach_the_terminal(self):
        self.assertNotIn("\x1b", self.refused("run", "--\x1b[31m", "ls"))
        self.assertNotIn("\x1b", self.refused("\x1b[31m"))
        # Nor what is no UTF-8, whose bytes an older terminal takes for such (0x9b).
        for word in b"--\x9b31m", b"--\xff", b"--\xc2\x9b", b"--\xe2\x82":
            self.assertRegex(self.refused("run", word, "ls"), r"unknown flag --\?+(31m)?\n")
        self.assertIn("unknown flag --\u20ac", self.refused("run", b"--\xe2\x82\xac", "ls"))
        r = self.nucleus("why", b"open:/\xff")
        self.assertIn("open:/?: ", r.stdout)

    def test_missing_program(self):
        for args in (["run"], ["create"], ["run", "-q", "--"], ["run", "--timeout", "3"]):
            self.assertIn("hint: nucleus run [OPTIONS] -- PROGRAM", self.refused(*args))

    def test_missing_value(self):
        self.assertIn("--workspace needs a value: --workspace DIR", self.refused("run", "-w"))
        self.assertIn("--config needs a value", self.refused("run", "--config"))

    def test_value_where_there_is_none(self):
        self.assertIn("--quiet takes no value", self.refused("run", "--quiet=yes", "ls"))

    def test_operands_that_mean_nothing(self):
        self.assertIn("--config FILE", self.refused("explain", "policy.toml"))
        self.assertIn("--config FILE", self.refused("policy", "show", "policy.toml"))
        self.refused("version", "x")
        self.refused("doctor", "x")
        self.refused("policy", "schema", "x")

    def test_the_run_of_a_command_line_can_be_explained(self):
        plan = self.good("explain", "--timeout", "5s", "--hash")
        for words in (("sh", "-c", "exit 3"), ("--", "sh", "--timeout", "7s"),
                      ("--stats", "json", "--timing", "-q", "--denials", "text", "sh"),
                      ("--status-fd", "99", "--require-plan", "a" * 64, "--", "policy.toml")):
            self.assertEqual(self.good("explain", "--hash", "--timeout", "5s", *words), plan)
        self.assertIn("--status-fd needs a value", self.refused("explain", "--status-fd"))
        self.assertNotIn("--stats", self.good("explain", "--help"))

    def test_several_documents(self):
        one = self.file("one.toml", 'tmpfs = ["/one"]\nlimits.files = 77\n')
        two = self.file("two.json", '{"tmpfs": ["/two"], "process": {"hostname": "box"}}')
        shown = json.loads(self.good("policy", "show", "--json", "-f", one, "-f", two))
        self.assertEqual([t.partition(":")[0] for t in shown["tmpfs"]], ["/one", "/two"])
        self.assertEqual((shown["limits"]["files"], shown["process"]["hostname"]), (77, "box"))
        three = self.file("three.toml", "limits.files = 88\n")
        self.assertIn("three.toml:1", self.refused("policy", "show", "-f", one, "-f", three))

    def test_flags_that_exclude_each_other(self):
        self.assertIn("exclude each other", self.refused("policy", "show", "--json", "--toml"))
        self.assertIn("exclude each other", self.refused("explain", "--json", "--hash"))
        self.assertIn("twice", self.refused("run", "--stats", "text", "--stats", "json", "ls"))

    def test_require_plan_wants_a_hash(self):
        for wrong in ("", "abc", "g" * 64, "a" * 63, "a" * 65):
            self.assertIn("64 hexadecimal digits",
                          self.refused("run", "--require-plan", wrong, "ls"))

    def test_descriptors(self):
        for flag in ("--status-fd", "--env-fd", "--config-fd"):
            self.assertIn("not open", self.refused("run", flag, "99", "ls"))
            for wrong in ("x", "", "-1", "1x", "99999999999999999999"):
                self.assertIn("not a descriptor", self.refused("run", flag, wrong, "ls"))
        self.assertIn("N:json", self.refused("run", "--config-fd", "0:xml", "ls"))
        self.assertIn("it can be read once",
                      self.refused("run", "--config-fd", "0:json", "--env-fd", "0", "ls"))

    def test_closed_stdio_is_harmless(self):
        script = '"$0" version <&- >&- 2>&-; exec echo "$?"'
        r = subprocess.run(["sh", "-c", script, NUCLEUS], capture_output=True, text=True)
        self.assertEqual(r.stdout, "0\n")
        # An error message must not go into what was opened as descriptor 2.
        document = self.file("p.toml", 'mode = "agent"\n')
        script = '"$0" policy check "$1" x 2>&-; "$0" run --bogus 2>&-; exec cat "$1"'
        r = subprocess.run(["sh", "-c", script, NUCLEUS, document], capture_output=True, text=True)
        self.assertTrue(r.stdout.endswith('mode = "agent"\n'))


class Status(Case):
    def status(self, *args):
        r, w = os.pipe()
        try:
            p = self.nucleus("run", "--status-fd", str(w), *args, pass_fds=[w])
        finally:
            os.close(w)
        with os.fdopen(r) as f:
            text = f.read()
        self.assertEqual(text.count("\n"), 1, text)
        record = json.loads(text)
        self.assertEqual(record["exit_status"], p.returncode)
        return record

    def test_refused_by_the_command_line(self):
        record = self.status("--bogus\udcff\n\"", "ls")
        self.assertEqual(record["outcome"], "refused")
        self.assertEqual(record["exit_status"], 125)
        self.assertEqual(record["error"]["errno"], "EINVAL")
        self.assertEqual(record["error"]["message"], "unknown flag --bogus\ufffd\n\"")
        self.assertEqual(set(record["error"]), {"code", "errno", "stage", "layer", "message",
                                                "origin", "hint"})
        self.assertIsNone(record["wall_time_us"])

    def test_refused_by_the_library(self):
        record = self.status("--mode", "strictest", "ls")
        self.assertEqual(record["outcome"], "refused")
        self.assertEqual(record["error"]["origin"], "--mode")
        self.assertEqual(record["error"]["stage"], "policy")

    def test_reader_that_has_gone(self):
        r, w = os.pipe()
        os.close(r)
        p = self.nucleus("run", "--status-fd", str(w), "--bogus", pass_fds=[w])
        os.close(w)
        self.assertEqual(p.returncode, 125)


class Input(Case):
    def test_a_document_from_a_pipe_is_not_the_programs(self):
        """It is kept, to be read again where nucleus starts anew in a scope, and is gone afterwards."""
        script = "cat; cat /proc/self/fd/0; echo more >/proc/self/fd/0; cat /proc/self/fd/0; echo end"
        for flag, text in (("--config-fd", '# mode = "agent"'), ("--env-fd", "A=b")):
            r = subprocess.run([NUCLEUS, "run", flag, "0", "--", "sh", "-c", script], input=text,
                               capture_output=True, text=True, timeout=60)
            self.assertEqual((r.returncode, r.stdout), (0, "end\n"), r.stderr)


class Completion(Case):
    script = SOURCE / "completions/nucleus.bash"

    def complete(self, *words):
        """What the script offers for the last of the words, as readline would part them."""
        code = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nucleus; '
                'printf "%s\\n" "${COMPREPLY[@]}"')
        r = subprocess.run(["bash", "--norc", "-c", code, "bash", self.script, NUCLEUS, *words],
                           capture_output=True, text=True, timeout=60)
        self.assertEqual(r.stderr, "")
        return r.stdout.split()

    def test_commands(self):
        self.assertEqual(set(self.complete("")), {c.split()[0] for c in COMMANDS})
        self.assertEqual(self.complete("po"), ["policy"])
        self.assertEqual(set(self.complete("policy", "")),
                         {c.split()[1] for c in COMMANDS if c.startswith("policy ")})
        self.assertEqual(self.complete("help", "po"), ["policy"])
        self.assertEqual(self.complete("bogus", ""), [])

    def test_every_flag(self):
        for command in ("run", "create", "explain"):
            offered = self.complete(command, "--")
            for row in option_rows():
                self.assertIn(row["flag"], offered)
        self.assertEqual(self.complete("doctor", "--j"), ["--json"])
        self.assertEqual(self.complete("policy", "show", "--tom"), ["--toml"])

    def test_values(self):
        modes = ["agent", "strict-agent", "production"]
        self.assertEqual(self.complete("run", "--mode", ""), modes)
        self.assertEqual(self.complete("run", "-m", ""), modes)
        self.assertEqual(self.complete("run", "--mode", "="), modes)
        self.assertEqual(self.complete("run", "--mode", "=", "st"), ["strict-agent"])
        self.assertEqual(self.complete("run", "--workspace-exec", "=", ""), ["true", "false"])
        (self.dir / "alpha").mkdir()
        self.file("almost", "")
        self.assertEqual(self.complete("run", "-w", str(self.dir) + "/al"),
                         [str(self.dir / "alpha")])

    def test_the_program_ends_the_options(self):
        self.assertIn("true", self.complete("run", "tru"))
        self.assertIn("true", self.complete("run", "-q", "--mode", "agent", "--", "tru"))
        self.assertEqual(self.complete("run", "ls", "--mod"), [])
        self.assertEqual(self.complete("run", "-e", "A", "=", "b", "--quie"), ["--quiet"])

    def test_options_that_are_printed(self):
        for row in option_rows():
            kind = "none" if row["type"] == "BOOL" else None
            lines = [line.split("\t") for line in self.good("__options", "run").splitlines()]
            found = [line for line in lines if line[1] == row["flag"]]
            self.assertEqual(len(found), 1, row)
            self.assertEqual(found[0][3], row["values"])
            if kind:
                self.assertEqual(found[0][2], kind)


class Manual(Case):
    def page(self, name):
        return (MAN / name).read_text().replace("\\-", "-").replace("\\&", "").replace("\\.", ".")

    def render(self, name):
        r = subprocess.run(["man", "--warnings", "--no-hyphenation", "-l", MAN / name],
                           capture_output=True, text=True,
                           env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"})
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        return r.stdout

    def test_pages_mention_every_option(self):
        flags, keys = self.page("nucleus.1"), self.page("nucleus-policy.5")
        for row in option_rows():
            self.assertIn(row["flag"], flags)
            self.assertIn(row["key"], flags)
            self.assertIn(row["flag"], keys)
            self.assertRegex(keys, r"\\fB%s\\fR \(%s\)" % (re.escape(row["key"]),
                                                          row["type"].lower()))

    def test_nothing_is_left_to_insert(self):
        for name in ("nucleus.1", "nucleus-policy.5", "libnucleus.3"):
            self.assertNotRegex(self.page(name), r"@[A-Z]+@")

    def test_the_example_is_the_one_that_compiles(self):
        example = (SOURCE / "man/example.c").read_text()
        page = re.sub(r"\s+", " ", self.render("libnucleus.3"))
        self.assertIn(re.sub(r"\s+", " ", example[example.index("#include"):]), page)
        self.assertNotIn("SPDX", page)

    def test_every_function_is_in_the_overview(self):
        header = (SOURCE / "include/nucleus/nucleus.h").read_text()
        page = self.page("libnucleus.3")
        for noun, verb in re.findall(r"\bnucleus_(error|policy|seccomp|landlock|sandbox|process|stats|cgroup)_(\w+)\(\w", header):
            if noun in ("stats", "cgroup", "seccomp", "landlock"):
                self.assertIn("\\fBnucleus_%s_%s\\fR" % (noun, verb), page)
                continue
            section = page[page.index("nucleus_%s_.." % noun):]
            self.assertIn("\\fB%s\\fR" % verb, section[:section.index(".RE")])

    def test_man_renders_without_complaint(self):
        for name in ("nucleus.1", "nucleus-policy.5", "nucleus-trace.5", "libnucleus.3"):
            self.assertIn("SEE ALSO", self.render(name))


if __name__ == "__main__":
    sys.exit(main())
