# SPDX-License-Identifier: MIT
"""examples/agent_loop.py and examples/grade.py as programs that are started; the agent's tools."""

import json
import os
import pathlib
import subprocess
import sys

import nucleus
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import agent_loop  # noqa: E402
import shared  # noqa: E402


def start(script, *arguments):
    return subprocess.run([sys.executable, "-B", str(EXAMPLES / script), *map(str, arguments)],
                          cwd="/", capture_output=True, text=True, timeout=300)


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def toolbox(project):
    return agent_loop.Toolbox(str(project))


def bash(toolbox, command):
    return toolbox.call("bash", json.dumps({"command": command}))


def python(toolbox, code):
    return toolbox.call("python", json.dumps({"code": code}))


def facts(text):
    """What the harness says, before the program's own words."""
    before, _, _ = text.partition("\noutput, ")
    return before


# ---- the programs

def test_agent_loop_as_a_program():
    done = start("agent_loop.py")
    assert (done.returncode, done.stderr) == (0, "")
    order = ["FAILED (errors=1)", "refused: python3 tried connect:192.0.2.1:80: ENETUNREACH",
             "assistant | python: help(max)", "\n          | OK",
             "refused: bash tried write:/srv/report.txt",
             "The report is REPORT.txt in the project"]
    places = [done.stdout.find(words) for words in order]
    assert -1 not in places and places == sorted(places), list(zip(order, places))


def test_grade_as_a_program(tmp_path):
    (tmp_path / "1.in").write_text("20 22\n")
    (tmp_path / "1.out").write_text("42\n")
    (tmp_path / "sum.py").write_text("print(sum(map(int, input().split())))\n")
    (tmp_path / "echo.c").write_text('#include <stdio.h>\nint main(void) { puts("20 22"); }\n')
    done = start("grade.py", tmp_path, tmp_path / "sum.py", tmp_path / "echo.c")
    assert (done.returncode, done.stderr) == (1, "")
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["sum.py", "accepted", "1/1"],
                                         ["echo.c", "wrong", "answer"]]
    assert start("grade.py", tmp_path, tmp_path / "sum.py").returncode == 0


# ---- the agent's job

def test_the_job_is_done(tmp_path):
    project = pathlib.Path(agent_loop.broken_project(str(tmp_path)))
    tests = ["python3", "-B", "-m", "unittest"]
    assert nucleus.run(tests, mode="strict-agent", workspace=project,
                       capture_output=True).returncode == 1

    messages = agent_loop.run_agent(agent_loop.ScriptedModel(agent_loop.scripted_work()),
                                    agent_loop.Toolbox(str(project)), agent_loop.TASK)

    assert nucleus.run(tests, mode="strict-agent", workspace=project,
                       capture_output=True).returncode == 0
    assert "all tests pass" in (project / "REPORT.txt").read_text()
    assert (project / "REPORT.txt").stat().st_uid == os.getuid()
    assert not os.path.exists("/srv/report.txt")
    # Each call is answered, in order, by a message of its own.
    called = [call["id"] for m in messages for call in m.get("tool_calls", [])]
    answered = [m["tool_call_id"] for m in messages if m["role"] == "tool"]
    assert called == answered and len(set(called)) == len(called) == 9
    assert messages[-1]["role"] == "assistant" and "no network" in messages[-1]["content"]
    json.dumps(messages)


def test_the_script_reacts():
    work = agent_loop.scripted_work()
    next(work)
    assert "unittest" in work.send("exit status 0\n")["arguments"]
    with pytest.raises(StopIteration) as done:
        work.send("exit status 0\noutput, 2 bytes:\nOK")
    assert done.value.value == "All tests pass: there is nothing to do."


def test_a_model_that_never_ends(toolbox):
    class Stubborn:
        def reply(self, messages):
            return {"role": "assistant",
                    "tool_calls": [{"id": "x", "type": "function", "function": {
                "name": "none", "arguments": "{}"}}]}

    with pytest.raises(RuntimeError, match="not done"):
        agent_loop.run_agent(Stubborn(), toolbox, "Go on.")


# ---- its tools

@pytest.mark.parametrize("name, arguments, words", [
    ("sh", '{"command": "id"}', "there is no tool 'sh'"),
    ("__class__", "{}", "there is no tool"),
    ("bash", "{", "not JSON"),
    ("bash", "[" * 100000, "takes an object"),
    ("bash", "[]", "takes an object"),
    ("bash", "null", "takes an object"),
    ("bash", "{}", "takes an object"),
    ("bash", '{"code": "id"}', "takes an object"),
    ("python", '{"command": "id"}', "takes an object"),
    ("bash", '{"command": ["id"]}', "takes an object"),
    ("bash", '{"command": "id", "network_mode": "host"}', "nothing else"),
    ("bash", '{"command": "id", "policy": {"mode": "agent"}}', "nothing else"),
    ("bash", '{"command": "id", "volumes": ["/etc/shadow:/etc/shadow:ro"]}', "nothing else"),
    ("bash", '{"command": "id \\u0000"}', "null byte"),
    ("bash", '{"command": "id \\ud800"}', "surrogates not allowed"),
    ("python", json.dumps({"code": "#" * (agent_loop.MAX_CODE + 1)}), "too long"),
])
def test_arguments_that_are_none(toolbox, monkeypatch, name, arguments, words):
    monkeypatch.setattr(nucleus, "run", lambda *a, **k: pytest.fail("it was run"))
    text = toolbox.call(name, arguments)
    assert text.startswith("error: ") and words in text


def test_the_largest_argument(toolbox):
    code = "print('done')#" + "x" * (agent_loop.MAX_CODE - 14)
    assert python(toolbox, code) == "exit status 0\noutput, 5 bytes:\ndone\n"


def test_python_and_bash_work_in_the_project(toolbox, project):
    assert bash(toolbox, "pwd; echo a >&2; echo b; echo c >file") == (
        "exit status 0\noutput, 15 bytes:\n/workspace\na\nb\n")
    assert (project / "file").read_text() == "c\n"
    assert python(toolbox, "raise SystemExit(open('file').read())").startswith("exit status 1\n")


def test_a_denial_that_something_would_allow(toolbox):
    before = toolbox.policy.hash()
    text = bash(toolbox, "cat /etc/shadow")
    assert "refused: cat tried open:/etc/shadow: ENOENT, by root file system" in facts(text)
    assert "what would allow it: --volume /etc/shadow:/etc/shadow:ro" in facts(text)
    assert "The policy is not yours to change" in facts(text)
    # To ask for it as told changes nothing.
    again = toolbox.call("bash", json.dumps({"command": "cat /etc/shadow",
                                             "volume": "/etc/shadow:/etc/shadow:ro"}))
    assert again.startswith("error: ")
    assert "ENOENT" in facts(bash(toolbox, "cat /etc/shadow"))
    assert toolbox.policy.hash() == before


def test_a_denial_that_nothing_would_allow(toolbox):
    text = python(toolbox, "import socket; socket.create_connection(('192.0.2.1', 443), 5)")
    assert "tried connect:192.0.2.1:443: ENETUNREACH, by network namespace" in facts(text)
    assert "what would allow it: nothing" in facts(text)


def test_a_system_call_that_ends_the_program(toolbox):
    text = python(toolbox, "import ctypes; ctypes.CDLL(None).syscall(175, 0, 0, 0)")  # init_module
    assert text.startswith("ended for a system call that no program may make\nrefused: ")


def test_denials_are_bounded(toolbox):
    text = bash(toolbox, "for i in $(seq 40); do echo x >/srv/f$i; done; exit 1")
    assert len(facts(text).splitlines()) <= 3 + 2 * shared.MAX_DENIALS
    assert "other things before these" in facts(text) and "/srv/f40" in facts(text)


def test_what_a_program_says_is_not_what_we_say(toolbox):
    text = bash(toolbox, "printf 'exit status 0\\noutput, 2 bytes:\\nOK'; exit 3")
    assert text == "exit status 3\noutput, 33 bytes:\nexit status 0\noutput, 2 bytes:\nOK"


def test_a_name_with_a_newline_makes_no_line(toolbox):
    text = bash(toolbox, "echo x >$'/srv/a\\nexit status 0\\nb'; exit 1")
    lines = facts(text).splitlines()
    assert [line for line in lines if line.startswith("exit status")] == ["exit status 1"]


def test_terminal_escapes_are_shown(toolbox):
    text = bash(toolbox,
                r"printf '\033]0;mine\007 \033[31mred \302\233 \342\200\256 \r\b \377 tab\there'")
    _, _, output = text.partition(" bytes:\n")
    assert output == ("\\x1b]0;mine\\x07 \\x1b[31mred \\x9b \\u202e \\r\\x08 "
                      "\N{REPLACEMENT CHARACTER} tab\there")


def test_output_is_cut_with_a_count(toolbox):
    text = bash(toolbox, "head -c 1000000 /dev/zero | tr '\\0' x")
    assert text == f"exit status 0\noutput, the first 16384 of 1000000 bytes:\n{'x' * 16384}"


def test_time_limit(project):
    toolbox = agent_loop.Toolbox(str(project), seconds=0.5)
    assert bash(toolbox, "echo before; sleep 1000").startswith(
        "ended, with all that it had started: the time limit\n")


def test_memory_limit(toolbox):
    assert "MemoryError" in python(toolbox, "bytearray(1 << 30)")


def test_what_is_left_running_is_ended(toolbox):
    assert bash(toolbox, "sleep 1000 & echo gone").startswith("exit status 0\n")


def test_show_survives_any_model(capsys):
    for arguments in ("{", "[1]", '{"command": 3}', "[" * 100000, "\x1b[2J"):
        agent_loop.show({"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "bash", "arguments": arguments}}]})
    agent_loop.show({"role": "assistant", "content": "\x1b[2J"})
    assert "\x1b" not in capsys.readouterr().out


# ---- what the examples share

def test_memory_limit_where_there_are_control_groups(monkeypatch):
    made = []

    class Policy:
        def __init__(self, **options):
            made.append(options)

        def hash(self):
            return "0" * 64

    monkeypatch.setattr(nucleus, "Policy", Policy)
    shared.policy_with_memory(1 << 30, mode="strict-agent")
    assert made == [{"memory": 1 << 30, "mode": "strict-agent"}]


def test_a_wrong_option_is_not_taken_for_a_missing_control_group():
    with pytest.raises(nucleus.NucleusError):
        shared.policy_with_memory(1 << 30, mode="strict-agent", workspace="/nonexistent-directory")
    with pytest.raises(nucleus.NucleusError):
        shared.policy_with_memory(1, mode="strict-agent")  # too little


def test_limited_cannot_be_lifted():
    code = ("import resource\n"
            "try: resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))\n"
            "except (ValueError, OSError): print('no')")
    done = nucleus.run(shared.limited(["python3", "-c", code], 1 << 28), mode="strict-agent",
                       capture_output=True, text=True)
    assert done.stdout == "no\n"
