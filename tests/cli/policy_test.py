# SPDX-License-Identifier: MIT
"""The command line on policies, policy files and plans. Nothing here starts a sandbox."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

from case import SOURCE, Case, main, option_rows


class Policy(Case):
    def show(self, *args, **kwargs):
        return json.loads(self.good("policy", "show", "--json", *args, **kwargs))

    def test_schema(self):
        schema = json.loads(self.good("policy", "schema"))
        self.assertIn("2020-12", schema["$schema"])
        for row in option_rows():
            node = schema
            for part in row["key"].split("."):
                node = node["properties"][part]

    def test_check(self):
        good = self.file("good.toml", 'mode = "agent"\n')
        bad = self.file("bad.toml", '[limits]\nfiles = "many"\n')
        self.assertEqual(self.good("policy", "check", good), good + ": ok\n")
        r = self.nucleus("policy", "check", bad, good, str(self.dir / "none.toml"))
        self.assertEqual(r.returncode, 1)
        self.assertEqual(r.stdout, good + ": ok\n")
        self.assertRegex(r.stderr, r"(?m)^%s:2:\d+: " % re.escape(bad))
        self.assertIn("none.toml: ", r.stderr)
        self.refused("policy", "check")

    def test_check_notes_a_mode_in_which_nothing_starts(self):
        path = self.file("prod.toml", 'mode = "production"\n')
        lines = self.good("policy", "check", path).splitlines()
        self.assertEqual(lines[0], path + ": ok")
        self.assertRegex(lines[1], "^%s:1:8: nothing starts in mode production: " % re.escape(path))

    def test_check_hints_at_the_nearest_key(self):
        bad = self.file("bad.toml", '[limits]\ntimout = "3s"\n')
        r = self.nucleus("policy", "check", bad)
        self.assertRegex(r.stderr, r"(?m)^  hint: .*timeout")

    def test_every_form_of_a_flag(self):
        self.assertEqual(self.show("--mode=strict-agent"), self.show("--mode", "strict-agent"))
        self.assertEqual(self.show("-mstrict-agent"), self.show("-m", "strict-agent"))
        self.assertEqual(self.show("-eA=b=c", "--env=D=e", "-e", "F="),
                         {"env": {"A": "b=c", "D": "e", "F": ""}})
        self.assertEqual(self.show("--workspace-exec"), self.show("--workspace-exec=true"))
        self.assertEqual(self.show("--workspace-exec=false")["workspace"]["exec"], False)

    def test_flags_join_a_document_wherever_it_stands(self):
        document = self.file("p.toml", 'mode = "strict-agent"\nenv = { A = "1" }\n')
        want = {"mode": "strict-agent", "env": {"A": "1", "B": "2"}}
        self.assertEqual(self.show("--config", document, "-eB=2"), want)
        self.assertEqual(self.show("-eB=2", "-f", document), want)

    def test_document_and_flag_may_not_contradict(self):
        document = self.file("p.toml", 'mode = "strict-agent"\n')
        error = self.refused("policy", "show", "--mode", "agent", "--config", document)
        self.assertIn("--mode", error)
        self.assertIn("p.toml:1", error)
        self.good("policy", "show", "--mode", "strict-agent", "--config", document)

    def test_documents_by_descriptor(self):
        for suffix, text in (("", 'mode = "production"\n'), (":toml", 'mode = "production"\n'),
                             (":json", '{"mode": "production"}')):
            path = self.file("document", text)
            with open(path) as f:
                self.assertEqual(self.show("--config-fd", "0" + suffix, stdin=f),
                                 {"mode": "production"})

    def test_variables_by_descriptor(self):
        for text in ("A=1\0B=two words\0", "A=1\0B=two words"):
            with open(self.file("env", text)) as f:
                self.assertEqual(self.show("--env-fd", "0", "-eC=3", stdin=f),
                                 {"env": {"A": "1", "B": "two words", "C": "3"}})
        with open(self.file("env", "")) as f:
            self.assertEqual(self.show("--env-fd", "0", stdin=f), {})
        with open(self.file("env", "A=1\0nonsense\0")) as f:
            error = self.refused("policy", "show", "--env-fd", "0", stdin=f)
        self.assertIn("(--env-fd)", error)

    def test_large_variables_by_descriptor(self):
        value = "x" * 100000
        with open(self.file("env", "".join("V%d=%s\0" % (i, value) for i in range(20)))) as f:
            self.assertEqual(self.show("--env-fd", "0", stdin=f)["env"]["V19"], value)
        with open("/dev/zero") as f:
            self.refused("policy", "show", "--env-fd", "0", stdin=f)

    def test_bad_value_names_its_flag(self):
        error = self.refused("policy", "show", "-t", "soon")
        self.assertIn("(--timeout)", error)
        self.refused("policy", "show", "--workspace-exec=maybe")

    def test_formats(self):
        args = ["-m", "strict-agent", "--volume", "/srv:/srv:ro", "-eA=b"]
        want = self.show(*args)
        document = self.file("p.toml", self.good("policy", "show", "--toml", *args))
        self.assertEqual(self.show("--config", document), want)
        document = self.file("p.json", json.dumps(want))
        self.assertEqual(self.show("--config", document), want)
        text = self.good("policy", "show", *args)
        self.assertEqual(text, self.good("policy", "show", "--text", *args))
        for row in option_rows():
            self.assertIn(row["key"], text)
        self.assertIn("--mode", text)


def verify_ed25519(public, message, signature):
    """RFC 8032, 5.1.7, straight from its formulas: not the library that made the signature."""
    p, order = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
    d = -121665 * pow(121666, -1, p) % p

    def add(a, b):
        k = d * a[0] * b[0] * a[1] * b[1]
        return ((a[0] * b[1] + b[0] * a[1]) * pow(1 + k, -1, p) % p,
                (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, -1, p) % p)

    def multiply(n, point):
        result = (0, 1)
        while n:
            if n & 1:
                result = add(result, point)
            point, n = add(point, point), n >> 1
        return result

    def decode(octets):
        y = int.from_bytes(octets, "little")
        sign, y = y >> 255, y & (2**255 - 1)
        x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
        x = pow(x2, (p + 3) // 8, p)
        if x * x % p != x2:
            x = x * pow(2, (p - 1) // 4, p) % p
        assert x * x % p == x2
        return (p - x if x & 1 != sign else x, y)

    base = decode((4 * pow(5, -1, p) % p).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % order
    return s < order and multiply(s, base) == add(decode(signature[:32]), multiply(k, decode(public)))


class PolicyFiles(Case):
    def pair(self, name="key"):
        prefix = str(self.dir / name)
        self.good("policy", "keygen", prefix)
        return prefix + ".key", prefix + ".pub"

    def bad(self, *args):
        r = self.nucleus(*args)
        self.assertEqual((r.returncode, r.stdout), (1, ""), r.stderr)
        return r.stderr

    def test_hash_is_as_sha256sum_prints_it(self):
        a, b = self.file("a.toml", "[bounding]\n"), self.file("b.json", "{}\n")
        lines = "".join("%s  %s\n" % (hashlib.sha256(pathlib.Path(f).read_bytes()).hexdigest(), f)
                        for f in (a, b))
        self.assertEqual(self.good("policy", "hash", a, b), lines)
        r = subprocess.run(["sha256sum", "-c", "--quiet"], input=lines, text=True)
        self.assertEqual(r.returncode, 0)
        self.assertIn("is a directory", self.bad("policy", "hash", str(self.dir)))
        self.assertIn("no file is given", self.refused("policy", "hash"))

    def test_files_that_are_none(self):
        os.mkfifo(self.dir / "fifo")
        big = self.dir / "big"
        big.touch()
        os.truncate(big, 1 << 30)
        for path, what in ((self.dir / "fifo", "is a FIFO"), ("/dev/zero", "is a character device"),
                           (big, "is larger than 1048576 bytes"), (self.dir / "none", "cannot open")):
            for command in (["hash"], ["check"], ["check", "--kind", "policy"]):
                self.assertIn(what, self.bad("policy", *command, str(path)))

    def test_one_bad_file_does_not_hide_the_others(self):
        good = self.file("a.toml", "x")
        r = self.nucleus("policy", "hash", str(self.dir / "none"), good)
        self.assertEqual(r.returncode, 1)
        self.assertIn("  " + good, r.stdout)

    def test_the_signature_is_as_documented(self):
        path = self.file("a.toml", "[bounding]\n")
        secret, public = self.pair()
        said = self.good("policy", "sign", "--key", secret, path)
        tag, key_id, key = pathlib.Path(public).read_text().split(" ")
        key = bytes.fromhex(key)
        self.assertEqual(tag, "nucleus-policy-public-key-1")
        self.assertEqual(key_id, hashlib.sha256(key).hexdigest()[:16])
        self.assertEqual(said, "%s.sig: signed by key %s\n" % (path, key_id))
        line = pathlib.Path(path + ".sig").read_text()
        message, signature = line.rstrip("\n").rsplit(" ", 1)
        self.assertEqual(message, "nucleus-policy-signature-1 %s %s" % (
            key_id, hashlib.sha256(b"[bounding]\n").hexdigest()))
        self.assertTrue(verify_ed25519(key, message.encode(), bytes.fromhex(signature)))
        self.assertFalse(verify_ed25519(key, message.encode() + b"x", bytes.fromhex(signature)))

    def test_sign_and_verify(self):
        a, b = self.file("a.toml", "[bounding]\n"), self.file("b.json", "{}\n")
        secret, public = self.pair()
        self.assertEqual(os.stat(secret).st_mode & 0o7777, 0o600)
        self.assertEqual(self.good("policy", "sign", "-k", secret, a, b).count("signed by key"), 2)
        self.assertEqual(self.good("policy", "verify", "-k", public, a, b).count(": ok, signed"), 2)
        self.file("a.toml", "[bounding]\n\n")
        r = self.nucleus("policy", "verify", "-k", public, a, b)
        self.assertEqual((r.returncode, r.stdout.count(": ok, signed")), (1, 1))
        self.assertIn("has changed since it was signed", r.stderr)
        error = self.bad("policy", "verify", "-k", self.pair("other")[1], b)
        self.assertRegex(error, r"is signed by key \w{16}, and key \w{16} is required")
        os.unlink(b + ".sig")
        self.assertIn("is not signed: there is no %s.sig" % b, self.bad("policy", "verify", "-k", public, b))
        self.assertIn("a key is needed", self.refused("policy", "verify", a))
        self.assertIn("a key is needed", self.refused("policy", "sign", a))

    def test_keys_that_are_swapped(self):
        path = self.file("a.toml", "[bounding]\n")
        secret, public = self.pair()
        self.assertIn("is a public key, not a secret key", self.bad("policy", "sign", "-k", public, path))
        self.good("policy", "sign", "-k", secret, path)
        error = self.bad("policy", "verify", "-k", secret, path)
        self.assertIn("is a secret key", error)
        self.assertNotIn(pathlib.Path(secret).read_text().split()[2], error)
        os.chmod(secret, 0o644)
        self.assertIn("hint: chmod 600", self.bad("policy", "sign", "-k", secret, path))

    def test_a_key_is_replaced_only_if_told_so(self):
        secret, public = self.pair()
        before = pathlib.Path(secret).read_text()
        self.assertIn("--replace", self.refused("policy", "keygen", str(self.dir / "key")))
        self.assertEqual(pathlib.Path(secret).read_text(), before)
        self.good("policy", "keygen", "--replace", str(self.dir / "key"))
        self.assertNotEqual(pathlib.Path(secret).read_text(), before)
        self.assertEqual(sorted(os.listdir(self.dir)), ["key.key", "key.pub"])
        self.refused("policy", "keygen")
        self.refused("policy", "keygen", "a", "b")
        self.refused("policy", "keygen", str(self.dir) + "/")

    def test_what_would_check_nothing_is_refused(self):
        path = self.file("a.toml", "[bounding]\n")
        self.assertIn("there is no security.caps-policy",
                      self.refused("explain", "--caps-policy-sha256", "0" * 64))
        self.assertIn("no policy file", self.refused("explain", "--policy-key", path))
        self.assertIn("64 hexadecimal digits",
                      self.refused("explain", "--caps-policy", path, "--caps-policy-sha256", "1"))

    def test_a_plan_wants_the_pinned_and_signed_file(self):
        """The way from the flags to the reader; the cases are those of tests/unit."""
        path = self.file("p.json", '{"defaultAction": "SCMP_ACT_ALLOW"}')
        secret, public = self.pair()
        self.good("policy", "sign", "-k", secret, path)
        profile = ["explain", "--seccomp-profile", path]
        self.assertIn("is not what was pinned",
                      self.refused(*profile, "--seccomp-profile-sha256", "0" * 64))
        digest = self.good("policy", "hash", path).split()[0]
        good = [*profile, "--seccomp-profile-sha256", digest.upper(), "--policy-key", public]
        r = self.nucleus(*good)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.file("p.json", '{"defaultAction": "SCMP_ACT_ALLOW" }')
        self.assertIn("(--seccomp-profile-sha256)", self.refused(*good))
        error = self.refused(*profile, "--policy-key", public)
        self.assertIn("has changed since it was signed", error)
        self.assertIn("(--policy-key)", error)

    def test_check_by_kind(self):
        document = self.file("p.toml", 'mode = "agent"\n')
        self.assertEqual(self.good("policy", "check", "--kind", "policy", document), document + ": ok\n")
        error = self.refused("policy", "check", "--kind", "polcy", document)
        self.assertIn("seccomp, caps, landlock", error)
        # A document as JSON, by its name; and an empty one, which says nothing.
        for path in (self.file("p.json", '{"mode": "agent"}'), self.file("empty.toml", "")):
            self.assertEqual(self.good("policy", "check", path), path + ": ok\n")

    def test_check_a_seccomp_profile(self):
        text = """{
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [{"names": ["execve", "exit_group", "bogus_call", "ptrace"],
                          "action": "SCMP_ACT_ALLOW"},
                         {"names": ["mmap"], "action": "SCMP_ACT_ALLOW",
                          "args": [{"index": 0, "op": "SCMP_CMP_LE", "value": 18446744073709551615}]}]
        }"""
        for name in ("profile.json", "profile"):
            path = self.file(name, text)
            for args in ([path], ["--kind", "seccomp", path]):
                lines = self.good("policy", "check", *args).splitlines()
                self.assertEqual(lines[0], path + ": ok (seccomp)")
                self.assertTrue(all(line.startswith(path + ":") for line in lines))
                self.assertTrue(any("bogus_call" in line for line in lines))
                self.assertTrue(any("ptrace" in line for line in lines))
        path = self.file("p.json", '{"defaultAction": "SCMP_ACT_ALLOW"}')
        self.assertRegex(self.bad("policy", "check", "--kind", "policy", path),
                         r"(?m)^\S*p.json:1:\d+: there is no option defaultAction")
        path = self.file("bad", text.replace("SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"))
        self.assertRegex(self.bad("policy", "check", path), r"(?m)^%s:2:30: " % re.escape(path))
        path = self.file("bad", text[:-3])
        self.assertRegex(self.bad("policy", "check", path), r"(?m)^%s:\d+:\d+: " % re.escape(path))

    def test_the_schema_of_profiles_has_the_readers_words(self):
        schema = json.loads(self.good("policy", "schema", "seccomp"))
        defs, top = schema["$defs"], schema["properties"]
        base = {"defaultAction": "SCMP_ACT_ALLOW"}
        profiles = [{**base, "architectures": [a]} for a in defs["architecture"]["enum"]]
        profiles += [{"defaultAction": a, "syscalls": [
            {"names": ["execve"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["mmap"], "action": b}]}
            for a in defs["action"]["enum"] for b in defs["action"]["enum"]]
        profiles += [{**base, "flags": [f]} for f in top["flags"]["items"]["enum"]]
        profiles += [{**base, "syscalls": [{"name": "mmap", "action": "SCMP_ACT_ERRNO", "comment": "",
                                            "args": [{"index": 5, "value": 1, "op": op}]}]}
                     for op in defs["arg"]["properties"]["op"]["enum"]]
        for when in ("includes", "excludes"):
            for arch in defs["when"]["properties"]["arches"]["items"]["enum"]:
                profiles.append({**base, "syscalls": [{"names": ["mmap"], "action": "SCMP_ACT_ERRNO",
                                                       when: {"arches": [arch], "minKernel": "4.8",
                                                              "caps": ["CAP_SYS_ADMIN"]}}]})
        profiles.append({k: None for k in top if k != "defaultAction"} | base)
        rule = {k: None for k in defs["rule"]["properties"]}
        profiles.append({**base, "syscalls": [{**rule, "names": ["mmap"], "action": "SCMP_ACT_ALLOW"}]})
        self.check_all(profiles, json.dumps)
        # And what the schema does not have, the reader does not take.
        source = (SOURCE / "lib/seccomp/profile.c").read_text()
        words = set(re.findall(r'"((?:SCMP|SECCOMP)_[A-Z0-9_]+)"', source))
        text = json.dumps(schema)
        self.assertEqual({w for w in words if '"%s"' % w not in text},
                         {"SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY"})

    def test_check_a_capabilities_policy(self):
        text = "".join('[%s]\nkeep = ["CAP_KILL"]\n' % name for name in
                       ("bounding", "permitted", "effective", "inheritable", "ambient"))
        path = self.file("caps", text)
        for args in ([path], ["--kind", "caps", path]):
            lines = self.good("policy", "check", *args).splitlines()
            self.assertEqual(lines[0], path + ": ok (caps)")
            self.assertRegex(lines[1], r"^%s:2:\d+: .*CAP_KILL" % re.escape(path))
        # Each table by itself tells what it is; and so does one that is misspelt.
        for name in ("bounding", "permitted", "effective", "inheritable", "ambient"):
            path = self.file("caps", "[%s]\nkeep = []\n" % name)
            self.assertIn(": ok (caps)", self.good("policy", "check", path))
        path = self.file("caps", "[ambent]\nkeep = []\n")
        self.assertRegex(self.bad("policy", "check", path), r"%s:1:\d+: [^?]*\n  hint: did you mean ambient\?"
                         % re.escape(path))
        path = self.file("caps", '[bounding]\nkeep = ["CAP_KIL"]\n')
        self.assertRegex(self.bad("policy", "check", path), r"%s:2:\d+: " % re.escape(path))
        self.assertRegex(self.bad("policy", "check", "--kind", "landlock", path), r"%s:1:\d+: " % re.escape(path))

    def test_check_a_landlock_policy(self):
        for text in ("min_abi = 4\n", '[[rules]]\npath = "/usr"\naccess = ["read"]\n', "[[net]]\nbind = [80]\n",
                     "[scope]\nsignal = true\n"):
            path = self.file("landlock", text)
            for args in ([path], ["--kind", "landlock", path]):
                self.assertEqual(self.good("policy", "check", *args).splitlines()[0],
                                 path + ": ok (landlock)")
        path = self.file("landlock", '[[rules]]\npath = "/usr"\nacces = ["read"]\n')
        self.assertRegex(self.bad("policy", "check", path), r"%s:3:\d+: " % re.escape(path))

    def test_the_schema_of_landlock_policies_has_the_readers_words(self):
        schema = json.loads(self.good("policy", "schema", "landlock"))
        words = schema["properties"]["rules"]["items"]["properties"]["access"]["items"]["enum"]
        self.check_all(words, lambda word: '[[rules]]\npath = "/x"\naccess = ["%s"]\noptional = true\n' % word)
        source = (SOURCE / "lib/policy/landlock_file.c").read_text()
        self.assertEqual(set(re.findall(r'(?m)^\t\{ "(\w+)", NUC_LL_', source)), set(words))
        keys = set(re.findall(r'"(\w+)"', " ".join(re.findall(r"keys\[\] = \{([^}]*)\}", source))))
        def properties(node):
            if isinstance(node, dict):
                yield from node.get("properties", {})
                for child in node.values():
                    yield from properties(child)
        self.assertEqual(keys, set(properties(schema)))

    def check_all(self, documents, dump):
        paths = [self.file("%d" % i, dump(d)) for i, d in enumerate(documents)]
        r = self.nucleus("policy", "check", *paths)
        self.assertEqual((r.returncode, r.stderr), (0, ""), r.stderr)
        self.assertEqual(len(re.findall(r"(?m)^\S+: ok \(", r.stdout)), len(paths))

    def test_schema_by_kind(self):
        self.assertEqual(self.good("policy", "schema", "policy"), self.good("policy", "schema"))
        self.assertIn("seccomp, caps, landlock", self.refused("policy", "schema", "bogus"))
        self.refused("policy", "schema", "policy", "policy")


class Why(Case):
    """Questions that have one answer on every host; tests/live/why.py has the others."""

    def why(self, *args, status):
        r = self.nucleus("why", "--json", *args)
        self.assertEqual((r.returncode, r.stderr), (status, ""))
        return [json.loads(line) for line in r.stdout.splitlines()]

    def test_one_answer_a_question(self):
        answers = self.why("open:/etc/passwd", "syscall:ptrace", "connect:192.0.2.1:443", status=1)
        self.assertEqual([(a["query"], a["allowed"], a["layer"], a["errno"]) for a in answers], [
            ("open:/etc/passwd", True, "mount", None),
            ("syscall:ptrace", False, "seccomp", "EPERM"),
            ("connect:192.0.2.1:443", False, "network namespace", "ENETUNREACH")])
        self.assertEqual({tuple(sorted(a)) for a in answers}, {(
            "allowed", "certainty", "errno", "fix", "kills", "layer", "origin", "partly", "query",
            "rule")})

    def test_status(self):
        self.why("create:/tmp/x", "syscall:read", status=0)
        self.why("syscall:ioctl(0,0x5412)", status=1)
        for bad in ("/etc/passwd", "open:", "open:x", "touch:/x", "syscall:no_such", "bind:x",
                    "connect:host", "syscall:read(1", "syscall:read(a)", "syscall:read(1,2,3,4,5,6,7)",
                    "syscall:read(1)x", ""):
            self.assertIn("open:/PATH", self.refused("why", bad), bad)
        self.assertIn("nothing is asked", self.refused("why"))

    def test_a_fix_can_be_taken_at_its_word(self):
        workspace = self.dir / "workspace"
        workspace.mkdir()
        (workspace / "program").write_text("x")
        (workspace / "program").chmod(0o755)
        asked = "--workspace", str(workspace), "exec:/workspace/program"
        answer = self.why(*asked, status=1)[0]
        self.assertEqual(answer["origin"], "--workspace")
        flag = answer["fix"].split(" (in a document: ")
        self.why(flag[0], *asked, status=0)
        config = self.file("policy.toml", flag[1].partition(");")[0] + "\n")
        self.why("--config", config, *asked, status=0)

    def test_text(self):
        r = self.nucleus("why", "syscall:kexec_load")
        self.assertEqual(r.returncode, 1)
        self.assertTrue(r.stdout.startswith(
            "syscall:kexec_load: refused by seccomp, which kills the process\n  rule    "), r.stdout)


class Diff(Case):
    def diff(self, a, b, suffix=".toml"):
        """What differs, as (side, what, subject, before, after); the text says as much."""
        a, b = self.file("a" + suffix, a), self.file("b" + suffix, b)
        r = self.nucleus("policy", "diff", "--json", a, b)
        self.assertEqual(r.stderr, "")
        told = json.loads(r.stdout)
        self.assertEqual((told["a"], told["b"]), (a, b))
        changes = [tuple(c[k] for k in ("side", "what", "subject", "before", "after"))
                   for c in told["changes"]]
        self.assertEqual(r.returncode, 1 if changes else 0)
        text = self.nucleus("policy", "diff", a, b)
        self.assertEqual((text.returncode, text.stderr), (r.returncode, ""))
        self.assertEqual(len(re.findall(r"^  [-+~] ", text.stdout, re.M)), len(changes))
        self.assertEqual(bool(text.stdout), bool(changes))
        return changes

    def one(self, a, b):
        """The one difference between two documents, each way."""
        sides = []
        for pair in (a, b), (b, a):
            changes = self.diff(*pair)
            self.assertEqual(len(changes), 1, changes)
            sides.append(changes[0][0])
        return sides

    def test_the_same(self):
        self.assertEqual(self.diff("", ""), [])
        self.assertEqual(self.diff("", 'mode = "agent"\n[limits]\nfiles = 4096\n'), [])
        self.assertEqual(self.diff('volumes = ["/a:/a:ro", "/b:/b"]', 'volumes = ["/b:/b:ro", "/a:/a"]'), [])

    def test_what_opens_and_what_closes(self):
        for a, b in (
                ("", 'volumes = ["/srv/x:/x"]'),
                ('volumes = ["/srv/x:/x"]', 'volumes = ["/srv/x:/x:rw"]'),
                ('volumes = ["/srv/x:/x:rw"]', 'volumes = ["/srv/x:/x:rw,exec"]'),
                ("", 'tmpfs = ["/scratch"]'),
                ("", "[process]\nenv-pass = [\"TOKEN\"]"),
                ('mode = "production"', 'mode = "strict-agent"'),
                ('mode = "strict-agent"', ""),
                ("", '[workspace]\npath = "."'),
                ('[workspace]\npath = "."', '[workspace]\npath = "."\nexec = true'),
                ('[limits]\ntimeout = "5m"', '[limits]\ntimeout = "6m"'),
                ('[limits]\ntimeout = "5m"', ""),
                ('[limits]\nmemory = "1G"', '[limits]\nmemory = "2G"'),
                ('[limits]\nmemory = "1G"', ""),
                ("[limits]\nfile-size = \"1G\"", "[limits]\nfile-size = 0"),
                ("", "[limits]\nfiles = 5000"),
                ("[network]\nconnect-ports = [443]", ""),
                ("[network]\nconnect-ports = [443]", "[network]\nconnect-ports = [443, 80]"),
                ("", '[network]\nmode = "host"'),
                ("", '[security]\nseccomp = "off"'),
                ("", '[security]\nlandlock = "off"'),
                ("", '[security]\ncaps-policy = "caps.toml"'),
                ('[security]\nlandlock-policy = "l.toml"', ""),
                ('[security]\npolicy-key = "k.pub"', "")):
            with self.subTest(a=a, b=b):
                self.assertEqual(self.one(a, b), ["more", "less"])

    def test_what_nobody_can_say(self):
        for a, b in (("[env]\nA = \"1\"", "[env]\nA = \"2\""), ("", "[env]\nA = \"1\""),
                     ('volumes = ["/srv/x:/x"]', 'volumes = ["/srv/y:/x"]'),
                     ("", '[security]\nseccomp-profile = "p.json"'),
                     ("", '[process]\nhostname = "other"')):
            with self.subTest(a=a, b=b):
                self.assertEqual(self.one(a, b), ["changed", "changed"])

    def test_profiles(self):
        def profile(names, more=""):
            return ('{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], '
                    f'"syscalls": [{{"names": {json.dumps(names)}, "action": "SCMP_ACT_ALLOW"}}{more}]}}')

        def ioctl(value):
            return (', {"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", '
                    f'"args": [{{"index": 1, "value": {value}, "op": "SCMP_CMP_EQ"}}]}}')

        self.assertEqual(self.diff(profile(["execve", "read"]), profile(["read", "execve"]), ".json"), [])
        changes = self.diff(profile(["execve", "read"], ioctl(21505)),
                            profile(["execve", "ptrace"], ioctl(21506)), ".json")
        self.assertEqual([c[:3] for c in changes], [
            ("less", "syscall", "read"), ("changed", "syscall", "ioctl"),
            # Up to ptrace, the last that is named, EPERM; what is newer is ENOSYS.
            ("changed", "syscall", "exit and 40 others"), ("more", "syscall", "ptrace")])
        self.assertEqual(changes[0][3:], ("allowed", "EPERM"))
        self.assertIn("0x5401", changes[1][3])
        self.assertIn("0x5402", changes[1][4])
        changes = self.diff(profile(["execve"], ioctl(1)), profile(["execve", "ioctl"]), ".json")
        self.assertEqual([c[:3] for c in changes], [("more", "syscall", "ioctl")])

    def test_capabilities(self):
        def caps(bounding):
            return f"[bounding]\nkeep = {json.dumps(bounding)}\n"

        self.assertEqual(self.diff(caps(["CHOWN"]), caps(["CAP_CHOWN"])), [])
        self.assertEqual(self.diff(caps(["CHOWN"]), caps(["KILL"])), [
            ("less", "capability", "CAP_CHOWN", "bounding", None),
            ("more", "capability", "CAP_KILL", None, "bounding")])

    def test_landlock(self):
        def rule(path, *access):
            return f'[[rules]]\npath = "{path}"\naccess = {json.dumps(access)}\n'

        usr = "min_abi = 1\n" + rule("/usr", "read", "execute")
        self.assertEqual(self.diff(usr, usr), [])
        # What is below is granted already.
        self.assertEqual(self.diff(usr, usr + rule("/usr/lib", "read")), [])
        self.assertEqual([c[:3] for c in self.diff(usr, usr + rule("/home", "read"))],
                         [("more", "path", "/home")])
        self.assertEqual([c[:3] for c in self.diff(usr + rule("/srv", "write"), usr)],
                         [("less", "path", "/srv")])
        self.assertEqual(self.diff(usr, usr + "[[net]]\nconnect = [443]\n"),
                         [("more", "port", "443", None, "connect")])
        self.assertEqual([c[:3] for c in self.diff(usr, usr + "[scope]\nsignal = false\n")],
                         [("more", "scope", "signal")])

    def test_files_that_cannot_be_compared(self):
        policy = self.file("p.toml", "")
        self.assertIn("two files", self.refused("policy", "diff", policy))
        self.refused("policy", "diff", policy, str(self.dir / "none"))
        self.assertIn("bad.toml:1", self.refused("policy", "diff", policy, self.file("bad.toml", "x = 1")))
        self.assertIn("of kind", self.refused("policy", "diff", policy,
                                              self.file("c.toml", "[bounding]\nkeep = []\n")))


if __name__ == "__main__":
    sys.exit(main())
