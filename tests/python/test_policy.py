# SPDX-License-Identifier: MIT
"""nucleus.Policy: from documents, mappings and keywords; what values may be; what it tells; threads."""

import ctypes
import datetime
import errno
import json
import os
import pathlib
import re
import threading
import warnings

import pytest

import nucleus
from nucleus import NucleusError, Policy
from support import BINDINGS, library, patience, run_python

HOST_NETWORK = {"network": "host", "allow_host_network": True}  # mode agent warns of it on every host


class C:
    """The same by the C functions alone: what the bindings should come to."""

    def __init__(self):
        self.lib = ctypes.CDLL(library())
        for name in ("version", "option_attr"):
            getattr(self.lib, f"nucleus_{name}").restype = ctypes.c_char_p

    def options(self):
        """Key, flag, type and default of each."""
        found = []
        while True:
            row = [self.lib.nucleus_option_attr(ctypes.c_size_t(len(found)), a)
                   for a in (b"key", b"flag", b"type", b"default", b"values")]
            if row[0] is None:
                return found
            found.append([x.decode() for x in row])

    def hash(self, *settings):
        """The hash of a plan, of settings as (function, key, value)."""
        policy, sandbox, out = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        assert self.lib.nucleus_policy_new(ctypes.byref(policy)) == 0
        for function, key, value in settings:
            done = getattr(self.lib, f"nucleus_policy_{function}")(policy, key.encode(), value.encode(), None)
            assert done == 0, (function, key, value)
        assert self.lib.nucleus_sandbox_new(ctypes.byref(sandbox)) == 0
        assert self.lib.nucleus_sandbox_apply_policy(sandbox, policy, None) == 0
        assert self.lib.nucleus_sandbox_hash(sandbox, ctypes.byref(out)) == 0
        text = ctypes.string_at(out).decode()
        self.lib.nucleus_free(out)
        self.lib.nucleus_sandbox_free(sandbox)
        self.lib.nucleus_policy_free(policy)
        return text


C_ = C()


def dumped(*args, **options):
    return json.loads(Policy(*args, **options).dump("json"))


# ---- where it comes from -------------------------------------------------------------------------

def test_all_sources_come_to_the_same(tmp_path):
    (tmp_path / "p.toml").write_text('mode = "strict-agent"\n[limits]\nfiles = 100\ntimeout = "1500ms"\n'
                                     '[env]\nA = "1"\n')
    (tmp_path / "p.json").write_text('{"mode": "strict-agent", "limits": {"files": 100, "timeout": "1500ms"},'
                                     ' "env": {"A": "1"}}')
    wanted = C_.hash(("set", "mode", "strict-agent"), ("set", "limits.files", "100"),
                     ("set", "limits.timeout", "1500ms"), ("add", "env", "A=1"))
    nested = {"mode": "strict-agent", "limits": {"files": 100, "timeout": 1.5}, "env": {"A": "1"}}
    dotted = {"mode": "strict-agent", "limits.files": "100", "limits.timeout": "1500ms", "env": {"A": "1"}}
    keys = {"mode": "strict-agent", "limits_files": 100, "limits_timeout": 1.5, "env": {"A": "1"}}
    for policy in (Policy(str(tmp_path / "p.toml")), Policy(tmp_path / "p.json"), Policy(os.fsencode(tmp_path / "p.toml")),
                   Policy.from_file(tmp_path / "p.toml"), Policy(nested), Policy(dotted), Policy(**keys),
                   Policy(mode="strict-agent", max_files=100, timeout="1500ms", env={"A": "1"}),
                   Policy({"mode": "strict-agent"}, max_files=100, timeout=1.5, env={"A": "1"}),
                   Policy(Policy(nested)), Policy(Policy(mode="strict-agent"), **{k: keys[k] for k in keys if k != "mode"})):
        assert policy.hash() == wanted, policy.dump()
    assert re.fullmatch("[0-9a-f]{64}", wanted)
    assert Policy().hash() == C_.hash()
    assert Policy(max_files=101).hash() != Policy(max_files=102).hash()


def test_documents(tmp_path):
    work = tmp_path / "project" / "src"
    work.mkdir(parents=True)
    (tmp_path / "project" / "p.toml").write_text('[workspace]\npath = "src"\n')
    policy = Policy.from_file(tmp_path / "project" / "p.toml")
    done = nucleus.run(["sh", "-c", "echo x >made; pwd"], policy=policy, capture_output=True)
    assert (done.stdout, (work / "made").read_text()) == (b"/workspace\n", "x\n")
    # Read once: what is changed, or gone, later changes nothing.
    before = policy.hash()
    (tmp_path / "project" / "p.toml").unlink()
    assert policy.hash() == before
    assert nucleus.run(["true"], policy=policy).returncode == 0
    assert nucleus.run(["true"], policy={"mode": "agent"}).returncode == 0


def test_documents_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        Policy(tmp_path / "none.toml")
    assert isinstance(caught.value, NucleusError) and "none.toml" in str(caught.value)
    (tmp_path / "bad.toml").write_text('mode = "agent"\nmod = "agent"\n')
    with pytest.raises(NucleusError) as caught:
        nucleus.run(["true"], policy=tmp_path / "bad.toml")
    e = caught.value
    assert e.stage == "policy" and "bad.toml:2:" in e.origin and "mode" in e.hint
    with pytest.raises(NucleusError):
        Policy(tmp_path)
    for what in ("a\0b", b"a\0b"):
        with pytest.raises(ValueError):
            Policy(what)
    for what in (5, [("mode", "agent")], object()):
        with pytest.raises(TypeError):
            Policy(what)


@pytest.mark.parametrize("value", [3, None, "pids", True, [("pids", 3)]])
def test_one_value_where_a_table_is_wanted(value):
    with pytest.raises(TypeError, match=r"^limits: a mapping is wanted, not .*, of options such as limits\."):
        Policy({"limits": value})
    with pytest.raises(NucleusError, match="there is no option limit "):
        Policy({"limit": value if isinstance(value, int) else 3})


def test_relative_paths_of_keywords(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    policy = Policy(workspace="src")
    monkeypatch.chdir("/")
    assert dumped(policy)["workspace"]["path"] == str(tmp_path / "src")


# ---- names ---------------------------------------------------------------------------------------

def test_every_option_of_the_table_is_a_keyword():
    """By its key and by its flag: so that a new one needs no Python."""
    given = {"bool": True, "count": 20, "size": 2**21, "duration": 2, "decimal": 1.5, "string": "x",
             "path": "/usr", "list": ["1000"], "map": {"A": "b"}}
    names = []
    for key, flag, kind, default, values in C_.options():
        value = default or {"volumes": ["/usr/share:/a"], "tmpfs": ["/a"], "process.cwd": "/a", "limits.cpuset": "0",
                            **{k: "0" * 64 for k in [key] if k.endswith("sha256")}, "limits.io-max": ["8:0:rbps=1000"],
                            "process.env-pass": ["A"]}.get(key) or {"enum": values.split("|")[0], **given}[kind]
        for name in {key, flag.lstrip("-")}:
            word = re.sub("[.-]", "_", name)
            names.append(word)
            assert dumped(**{word: value}) == dumped({key: value}), word
        path = key.split(".")
        assert [o for o in nucleus.options() if o["key"] == key][0]["flag"] == flag
        got = dumped({key: value})
        for part in path:
            got = got[part]
    assert {"workspace_path", "workspace", "limits_timeout", "memory", "volume", "volumes"} <= set(names)


@pytest.mark.parametrize("word,near", [("workspce", "workspace"), ("limits_timeot", "limits_timeout"), ("memry", "memory"),
                                       ("seccomp_profil", "seccomp_profile")])
def test_unknown_keywords(word, near):
    for function in (lambda **k: nucleus.run(["true"], **k), lambda **k: nucleus.Popen(["true"], **k), Policy):
        with pytest.raises(TypeError, match=f"{word}.*{near}"):
            function(**{word: "x"})
    # None is no value, but a name is a name.
    with pytest.raises(TypeError):
        Policy(**{word: None})
    with pytest.raises(TypeError):
        nucleus.run(["true"], **{word: None})


def test_unknown_words_that_are_near_nothing():
    for word in ("qqqqqqqqqq", "workspace.path", "workspace-mode", "x\0", ""):
        with pytest.raises(TypeError):
            nucleus.run(["true"], **{word: "x"})
    with pytest.raises(TypeError, match="capture_output"):
        nucleus.run(["true"], capture_ouput=True)


@pytest.mark.parametrize("mapping,near", [
    ({"mod": "agent"}, "mode"), ({"limits": {"file": 1}}, "limits.files"), ({"limits.fils": 1}, "limits.files"),
    ({"limits": {"files": {"x": 1}}}, "files"), ({"limits": 5}, ""), ({"mode\0x": "agent"}, ""), ({"": "x"}, ""),
    ({5: "x"}, ""), ({None: "x"}, ""), ({"limits": {5: 1}}, "")])
def test_mappings_that_are_no_policy(mapping, near):
    with pytest.raises((TypeError, ValueError, NucleusError)) as caught:
        Policy(mapping)
    assert near in str(caught.value)
    with pytest.raises((TypeError, ValueError, NucleusError)):
        nucleus.run(["true"], policy=mapping)


# ---- values --------------------------------------------------------------------------------------

@pytest.mark.parametrize("options,settings", [
    ({"max_files": 100}, [("set", "limits.files", "100")]),
    ({"max_files": "100"}, [("set", "limits.files", "100")]),
    ({"tmp_size": "64M"}, [("set", "limits.tmp-size", "64M")]),
    ({"tmp_size": 64 * 2**20}, [("set", "limits.tmp-size", "64M")]),
    ({"timeout": 2}, [("set", "limits.timeout", "2s")]),
    ({"timeout": "2"}, [("set", "limits.timeout", "2s")]),
    ({"timeout": 0.25}, [("set", "limits.timeout", "250ms")]),
    ({"timeout": 0.1 + 0.2}, [("set", "limits.timeout", "300ms")]),
    ({"timeout": datetime.timedelta(minutes=1, milliseconds=5)}, [("set", "limits.timeout", "60005ms")]),
    ({"workspace": "/usr/share", "workspace_exec": True, "workspace_mode": "bind-ro"},
     [("set", "workspace.path", "/usr/share"), ("set", "workspace.exec", "true"), ("set", "workspace.mode", "bind-ro")]),
    ({"workspace": pathlib.Path("/usr/share"), "workspace_exec": False, "workspace_mode": "bind-ro"},
     [("set", "workspace.path", "/usr/share"), ("set", "workspace.mode", "bind-ro")]),
    ({"volume": ["/usr/share:/a", "/usr/lib:/b"]}, [("add", "volumes", "/usr/share:/a"), ("add", "volumes", "/usr/lib:/b")]),
    ({"volumes": ("/usr/share:/a",)}, [("add", "volumes", "/usr/share:/a")]),
    ({"volume": "/usr/share:/a"}, [("add", "volumes", "/usr/share:/a")]),
    ({"tmpfs": []}, []),
    ({"bind_port": [80, "81"]}, [("add", "network.bind-ports", "80"), ("add", "network.bind-ports", "81")]),
    ({"env": {"A": "1", "B": "x=y"}}, [("add", "env", "A=1"), ("add", "env", "B=x=y")]),
    ({"memory": None, "env": None, "workspace": None, "volumes": None}, []),
    ({"cwd": "/tmp"}, [("set", "process.cwd", "/tmp")]),
    ({"hostname": "ünï"[1:2]}, [("set", "process.hostname", "n")])])
def test_values(options, settings):
    assert Policy(**options).hash() == C_.hash(*settings)


def test_no_process_has_two_processors():
    assert dumped(cpus=0.5) == dumped(cpus="0.5")
    assert dumped(cpus=2) == dumped(cpus="2")


@pytest.mark.parametrize("options", [
    {"timeout": True}, {"max_files": True}, {"tmp_size": False}, {"hostname": True}, {"workspace": True},
    {"workspace_exec": 1}, {"workspace_exec": "yes"}, {"workspace_exec": 0.0},
    {"timeout": -1}, {"timeout": -0.5}, {"timeout": float("nan")}, {"timeout": float("inf")}, {"timeout": 1e300},
    {"timeout": 2**31}, {"timeout": datetime.timedelta(days=-1)}, {"timeout": "soon"}, {"timeout": ""},
    {"max_files": 1}, {"max_files": 2**70}, {"max_files": -1}, {"max_files": 100.5}, {"max_files": "many"},
    {"tmp_size": 1.5}, {"tmp_size": "64X"}, {"tmp_size": -1}, {"tmp_size": float("nan")}, {"tmp_size": 2**64},
    {"cpus": float("nan")}, {"cpus": 1e-9}, {"cpus": -1}, {"mode": "Agent"}, {"mode": ""}, {"mode": ["agent"]},
    {"mode": 5}, {"mode": object()}, {"mode": {"agent": 1}}, {"workspace": 5}, {"workspace": ["/usr"]},
    {"volumes": {"/usr/share": "/a"}}, {"volumes": [["/usr/share:/a"]]}, {"volumes": [None]}, {"volumes": 5},
    {"volumes": [True]}, {"volumes": [1.5]}, {"volumes": object()}, {"bind_port": [70_000]}, {"bind_port": [-1]},
    {"bind_port": [True]}, {"bind_port": [80.5]}, {"env": ["A=1"]}, {"env": "A=1"}, {"env": {"A=B": "c"}},
    {"env": {"": "c"}}, {"env": {"A": ["x"]}}, {"env": {"A\0": "c"}}, {"env": {"A": "c\0d"}}, {"hostname": "a\0b"},
    {"hostname": "a\nb"}, {"workspace": "/usr\0x"}, {"workspace": b"/usr\0x"}, {"volumes": ["/usr/share:/a\0:rw"]},
    {"workspace": ""}, {"cwd": "\ud800"}], ids=repr)
def test_values_that_are_none(options):
    with pytest.raises((TypeError, ValueError, OverflowError, NucleusError)):
        Policy(**options)


@pytest.mark.parametrize("option", ["bind_port", "connect_port"])
@pytest.mark.parametrize("ports", [list, lambda: iter([]), lambda: (p for p in range(0)), set, {}.keys],
                         ids=["list", "iterator", "generator", "set", "keys"])
def test_no_ports_are_not_every_port(option, ports):
    with pytest.raises(ValueError, match="every port"):
        Policy(**{option: ports()}, **HOST_NETWORK)
    assert dumped(**{option: (p for p in [80, 81])})["network"] == {option.replace("_", "-") + "s": [80, 81]}


@pytest.mark.parametrize("seconds", [0.0001, 1e-9, datetime.timedelta(microseconds=1)])
def test_a_very_short_time_is_not_none(seconds):
    """0 is no limit at all: what is less than a millisecond must not become that."""
    try:
        done = nucleus.run(["sleep", "0.5"], limits_timeout=seconds)
    except (ValueError, NucleusError):
        return
    assert done.outcome == "timed out"


def test_an_option_that_does_not_exist_is_no_file():
    with pytest.raises(NucleusError) as caught:
        Policy({"mod": "agent"})
    assert not isinstance(caught.value, FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        Policy("/no/such/policy.toml")
    with pytest.raises(NucleusError, match="did you mean mode"):
        Policy({"mod": None})


def test_an_error_is_not_seen_as_more_than_it_is():
    with pytest.raises(FileNotFoundError) as caught:
        nucleus.run(["\x1b[31m\n\u202eno"])
    assert "\x1b[31m\n\u202eno" in caught.value.message
    first, *rest = str(caught.value).split("\n")
    assert r"\x1b[31m\n\u202eno" in first and len(rest) == 1 and "\u202e" not in str(caught.value)


def test_errors_tell_all():
    with pytest.raises(NucleusError) as caught:
        Policy(workspace_mode="bind-wr")
    e = caught.value
    assert (e.stage, e.layer) == ("policy", "option")
    assert "workspace" in e.origin and "bind-rw" in f"{e.message} {e.hint}"
    assert e.errno and e.strerror
    with pytest.raises(NucleusError) as caught:
        nucleus.run(["true"], workspace="/no/such/place")
    assert (caught.value.stage, isinstance(caught.value, FileNotFoundError)) == ("compile", True)
    assert "/no/such/place" in str(caught.value) and "workspace" in str(caught.value)
    with pytest.raises(NucleusError) as caught:
        nucleus.run(["true"], mode="strict-agent", seccomp="off")
    assert "seccomp" in str(caught.value)


@pytest.mark.parametrize("source,options", [
    ({"workspace": {"path": "/usr/share"}}, {"workspace": "/usr/lib"}), (None, {"workspace": "/usr/share", "workspace_path": "/usr/lib"}),
    ({"limits.files": 100, "limits": {"files": 101}}, {}), ({"env": {"A": "1"}}, {"env": {"A": "2"}}),
    ({"mode": "agent"}, {"mode": "strict-agent"})])
def test_contradictions(source, options):
    with pytest.raises(NucleusError):
        Policy(source, **options)
    with pytest.raises(NucleusError):
        nucleus.run(["true"], policy=source, **options)
    if source:
        with pytest.raises(NucleusError):
            nucleus.run(["true"], policy=Policy(source), **options) if options else Policy(source)


def test_what_is_added_is_added():
    base = Policy({"env": {"A": "1"}}, mode="agent")
    before = base.dump("json")
    done = nucleus.run(["sh", "-c", "echo $A$B; pwd"], policy=base, env={"B": "2"}, cwd="/usr", capture_output=True,
                       max_files=99, mode="agent")
    assert done.stdout == b"12\n/usr\n"
    assert base.dump("json") == before
    assert nucleus.run(["sh", "-c", "echo $A$B"], policy=base, capture_output=True).stdout == b"1\n"


def test_it_does_not_change():
    mapping = {"env": {"A": "1"}, "volumes": ["/usr/share:/a"]}
    policy = Policy(mapping)
    before = policy.hash()
    mapping["env"]["B"] = "2"
    mapping["volumes"].append("/usr/lib:/b")
    mapping["mode"] = "strict-agent"
    assert policy.hash() == before
    assert nucleus.run(["sh", "-c", "ls -d /b"], policy=policy, stderr=nucleus.DEVNULL).returncode == 2


def test_a_copy_is_the_same():
    run_python("""if 1:
        import copy, gc, nucleus
        policy = nucleus.Policy(mode="agent")
        for other in (copy.copy(policy), copy.deepcopy([policy])[0]):
            assert other.dump() == policy.dump()
            del other
            gc.collect()
        nucleus.run(["true"], policy=policy, check=True)
        """)


# ---- what it tells -------------------------------------------------------------------------------

def test_explain_dump_and_why(tmp_path):
    policy = Policy(mode="strict-agent", workspace=tmp_path, env={"A": "1"}, volumes=["/usr/share:/share"])
    assert str(tmp_path) in policy.explain() == policy.explain(format="text")
    plan = json.loads(policy.explain("json"))
    assert plan == json.loads(policy.explain("json")) and isinstance(plan, dict)
    (tmp_path / "again.toml").write_text(policy.dump())
    (tmp_path / "again.json").write_text(policy.dump(format="json"))
    for name in ("again.toml", "again.json"):
        assert Policy(tmp_path / name).hash() == policy.hash()
    assert "workspace" in policy.dump("text")
    for function in (policy.explain, policy.dump):
        for name in ("xml", "", "te\0xt", "json\0"):
            with pytest.raises((ValueError, NucleusError)):
                function(name)
        with pytest.raises(TypeError):
            function(5)
    answer = policy.why("exec:true")
    assert (answer["allowed"], answer["query"]) == (True, "exec:true")
    answer = policy.why("write:/etc/hosts")
    assert (answer["allowed"], bool(answer["layer"]), answer["errno"]) == (False, True, "EACCES")  # EROFS only if it is truncated, too
    assert policy.why("create:/workspace/x")["allowed"] is True
    with pytest.raises(NucleusError) as caught:
        policy.why("may I?")
    assert caught.value.hint
    for query in ("exec:true\0x", "open:/\ud800"):
        with pytest.raises((ValueError, NucleusError)):
            policy.why(query)
    repr(policy)


def test_warnings_are_told_once():
    assert Policy().warnings == () or all(isinstance(w, str) for w in Policy().warnings)
    policy = Policy(**HOST_NETWORK)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            done = nucleus.run(["true"], policy=policy)
            assert done.warnings == policy.warnings
            assert any("network" in w for w in done.warnings)
    told = [w for w in caught if issubclass(w.category, nucleus.NucleusWarning) and "network" in str(w.message)]
    assert len(told) == 1
    assert told[0].filename == __file__
    with pytest.warns(nucleus.NucleusWarning, match="network"):
        with nucleus.Popen(["true"], **HOST_NETWORK) as p:
            assert any("network" in w for w in p.warnings)
    assert issubclass(nucleus.NucleusWarning, RuntimeWarning)


def test_a_warning_that_is_an_error():
    """Nothing runs then, and nothing is broken."""
    policy = Policy(**HOST_NETWORK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(nucleus.NucleusWarning):
                nucleus.run(["true"], policy=policy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert nucleus.run(["true"], policy=policy).returncode == 0


def test_the_library_tells():
    assert nucleus.version() == C_.lib.nucleus_version().decode()
    table = nucleus.options()
    assert [[o[a] for a in ("key", "flag", "type", "default", "values")] for o in table] == C_.options()
    assert nucleus.schema()["$schema"].startswith("https://json-schema.org/")
    told = nucleus.doctor()
    assert isinstance(told["strict_agent"], bool)
    if told["strict_agent"]:
        assert nucleus.run(["true"], mode="strict-agent").returncode == 0
    else:
        with pytest.raises(NucleusError):
            nucleus.run(["true"], mode="strict-agent")
    assert (BINDINGS / "nucleus" / "py.typed").exists()


# ---- threads -------------------------------------------------------------------------------------

def test_eight_threads_use_one_policy(tmp_path):
    """Each gets its own output, and what it asked for."""
    policy, wrong, start = Policy(workspace=tmp_path), [], threading.Barrier(8)

    def work(me):
        start.wait()
        for n in range(15):
            done = nucleus.run(["sh", "-c", f"cat; echo $N {me} {n} >&2; pwd; exit {me}"], input=f"{me}-{n}\n", text=True,
                               policy=policy, capture_output=True, env={"N": str(me)} if n % 2 else None)
            wanted = (me, f"{me}-{n}\n/workspace\n", f"{me if n % 2 else ''} {me} {n}\n".lstrip())
            if (done.returncode, done.stdout, done.stderr) != wanted or policy.hash() != hashed:
                wrong.append((done, wanted))
        return None

    hashed = C_.hash(("set", "workspace.path", str(tmp_path)))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(patience(300))
    assert not wrong and not any(t.is_alive() for t in threads)


def test_policies_are_freed():
    """Neither memory nor descriptors stay, of those that could not be made either."""
    code = """if 1:
        import gc, nucleus, os, resource, sys, tempfile
        from support import fds
        def some(count):
            for n in range(count):
                p = nucleus.Policy(workspace=tempfile.gettempdir(), env={str(i): "x" * 1000 for i in range(50)})
                p.hash(), p.explain(), p.dump(), p.why("exec:true"), nucleus.Policy(p, max_files=77).hash()
                try:
                    nucleus.Policy(p, workspace="/usr")
                except nucleus.NucleusError:
                    pass
        some(100)
        before, rss = fds(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        some(600)
        gc.collect()
        assert fds() == before, (fds(), before)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss
        assert grown < 8192, f"{grown} KiB more"
        """
    run_python(code)


@pytest.mark.parametrize("word,words", [
    ("preexec_fn", "nothing of the caller's runs in a sandbox"), ("universal_newlines", "it is text="),
    ("start_new_session", "a session of its own"),
    ("limits", r"as limits_timeout; or of a mapping: Policy\(\{'limits': \.\.\.\}\)")])
def test_words_of_subprocess_and_of_documents(word, words):
    for name, function in (("run", nucleus.run), ("Popen", nucleus.Popen)):
        with pytest.raises(TypeError, match=rf"^{name}\(\) got .* '{word}': .*{words}"):
            function(["true"], **{word: None})
    with pytest.raises(TypeError, match=words):
        Policy(**{word: None})


def test_a_mapping_where_a_list_is_wanted():
    with pytest.raises(TypeError, match="volumes=: a value or a sequence is wanted, not dict"):
        Policy(volumes={"/usr/share": "/a"})
    with pytest.raises(TypeError, match="workspace=: one value is wanted, not list"):
        Policy(workspace=["."])


def test_formats_that_do_not_exist():
    policy = Policy(mode="agent")
    for function, known in ((policy.dump, "toml, json, text"), (policy.explain, "text, json")):
        with pytest.raises(NucleusError, match=rf"(?s)no format 'yaml'.*one of: {known}") as caught:
            function("yaml")
        assert caught.value.errno == errno.EINVAL
        for format in known.split(", "):
            assert function(format)
