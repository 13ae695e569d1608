#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tool loop of an LLM agent, with a `bash` and a `python` tool that run in sandboxes.

    python3 examples/agent_loop.py

Each call is a sandbox of its own, in mode strict-agent, with the project at /workspace. The model
chooses what runs; everything else is the policy's, which is made once and which no argument of a
tool reaches. A refusal comes back to the model as text: what was refused, by what, and what would
allow it.

The model here is a script that reads the tools' results, so that this runs anywhere. For a real
one, give `run_agent` an object whose reply() passes `messages` and TOOLS to an API.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from typing import Any, Callable, Dict, Generator, List, Optional, Protocol

import nucleus
from shared import limited, policy_with_memory, report, visible

MAX_CODE = 64 << 10  # bytes of a command; the kernel takes 128 KiB as one argument
MAX_OUTPUT = 16 << 10  # bytes of output that a model is given
MEMORY = 512 << 20
SECONDS = 20  # for one call
MAX_TURNS = 30

Message = Dict[str, Any]


def _tool(name: str, argument: str, description: str) -> Dict[str, Any]:
    return {"type": "function", "function": {
        "name": name,
        "description": description + " Runs in a sandbox of its own, in the project's directory "
        f"/workspace, for at most {SECONDS} seconds; what it leaves running is ended with it. "
        "There is no network, and only /workspace keeps what is written to it.",
        "parameters": {"type": "object", "properties": {argument: {"type": "string"}},
                       "required": [argument], "additionalProperties": False}}}


TOOLS = [_tool("bash", "command", "Runs a command by bash."),
         _tool("python", "code", "Runs Python code; print() what you want to see.")]


class Toolbox:
    """The tools for one project. Its policy is compiled here, once, and the same for each call."""

    _argv = {"bash": ["bash", "-c"], "python": ["python3", "-c"]}

    def __init__(self, project: str, seconds: float = SECONDS) -> None:
        self.policy = policy_with_memory(
            MEMORY, mode="strict-agent", workspace=project, observe="all", limits_timeout=seconds,
            limits_processes=64, limits_file_size="64M", limits_tmp_size="64M",
            limits_home_size="64M", env={"PYTHONDONTWRITEBYTECODE": "1"})

    def call(self, name: str, arguments: str) -> str:
        """Does what a model asked for, and gives the text that it gets back. `arguments` is JSON.

        Raises NucleusError where no sandbox can be started: that is the operator's to mend.
        """
        try:
            code = self._code(name, arguments)
        except ValueError as error:
            return f"error: {visible(str(error))}"
        done = nucleus.run(limited([*self._argv[name], code], MEMORY), policy=self.policy,
                           stdout=nucleus.PIPE, stderr=nucleus.STDOUT, max_output=MAX_OUTPUT)
        return report(done)

    def _code(self, name: str, arguments: str) -> str:
        """The only argument of a tool. Whatever else a model puts there is an error, no option."""
        if name not in self._argv:
            raise ValueError(f"there is no tool {name!r}: {', '.join(self._argv)}")
        wanted = "command" if name == "bash" else "code"
        try:
            given = json.loads(arguments)
        except RecursionError:
            given = None
        except ValueError as error:
            raise ValueError(f"the arguments are not JSON: {error}") from None
        if not isinstance(given, dict) or set(given) != {wanted} \
                or not isinstance(given[wanted], str):
            raise ValueError(f"{name} takes an object with one string, {wanted!r}, nothing else")
        code: str = given[wanted]
        size = len(code.encode())  # ValueError for half a surrogate pair
        if "\0" in code or size > MAX_CODE:
            raise ValueError(f"{wanted!r} holds a null byte, or is too long: {size} bytes")
        return code


class Model(Protocol):
    def reply(self, messages: List[Message]) -> Message:
        """The assistant's next message: with "tool_calls", or at the end with "content" alone."""


def run_agent(model: Model, toolbox: Toolbox, task: str,
              show: Callable[[Message], None] = lambda message: None) -> List[Message]:
    """The loop: asks the model, does what it calls for, tells it what came of that."""
    messages: List[Message] = [{"role": "user", "content": task}]
    show(messages[0])
    for _ in range(MAX_TURNS):
        answer = model.reply(messages)
        messages.append(answer)
        show(answer)
        if not answer.get("tool_calls"):
            return messages  # it is done
        for wanted in answer["tool_calls"]:
            function = wanted["function"]
            text = toolbox.call(function["name"], function["arguments"])
            messages.append({"role": "tool", "tool_call_id": wanted["id"], "content": text})
            show(messages[-1])
    raise RuntimeError(f"the model was not done after {MAX_TURNS} turns")


# ---- a model that is a script

Script = Generator[Message, str, str]


def _call(name: str, **arguments: str) -> Message:
    return {"name": name, "arguments": json.dumps(arguments)}


def scripted_work() -> Script:
    """Yields tool calls, is sent what came of them, and returns the last answer."""
    yield _call("bash", command="cat README.md; ls -R .")
    tests = yield _call("bash", command="python3 -m unittest")
    frames = re.findall(r'File "(/workspace/\S+)", line (\d+), in (\w+)', tests)
    if tests.startswith("exit status 0") or not frames:
        return "All tests pass: there is nothing to do."
    path, line, function = frames[-1]
    source = yield _call("bash", command=f"cat -n {path}")
    broken = re.search(rf"^ *{line}\t *(return max\(.*key=len)\)$", source, re.MULTILINE)
    if not broken:
        return f"The tests fail in {function}() at {path}:{line}, and I do not know why."

    guide = yield _call("python", code="""\
from urllib.request import urlopen
print(urlopen("http://192.0.2.1/style.txt", timeout=5).read())
""")
    guided = "according to the style guide"
    if "refused: python3 tried connect:" in guide:
        # It says that nothing would allow this here: no use trying again, or with another program.
        guided = "without the style guide, which I cannot reach: the sandbox has no network"
        yield _call("python", code="help(max)")

    yield _call("python", code=f"""\
path, old = {path!r}, {broken.group(1)!r}
text = open(path).read()
assert text.count(old) == 1
open(path, "w").write(text.replace(old, old + ', default=""'))
""")
    tests = yield _call("bash", command="python3 -m unittest")
    if not tests.startswith("exit status 0"):
        return f"I changed {function}(), and the tests still fail."

    words = (f"{function}() failed for a text without words. It gives an empty string now, and all "
             "tests pass.")
    where = "/srv/report.txt"
    saved = yield _call("bash", command=f"echo '{words}' >{where}")
    if "refused: bash tried write:" in saved:
        where = "REPORT.txt in the project, as I may not write to /srv"
        yield _call("bash", command=f"echo '{words}' >REPORT.txt")
    return f"{words} I did this {guided}. The report is {where}."


class ScriptedModel:
    """A stand-in for an LLM: the same messages in and out."""

    def __init__(self, work: Script) -> None:
        self._work = work
        self._calls = 0

    def reply(self, messages: List[Message]) -> Message:
        try:
            if messages[-1]["role"] == "tool":
                function = self._work.send(messages[-1]["content"])
            else:
                function = next(self._work)
        except StopIteration as done:
            return {"role": "assistant", "content": done.value}
        self._calls += 1
        return {"role": "assistant", "content": None, "tool_calls": [
            {"id": f"call_{self._calls}", "type": "function", "function": function}]}


# ---- a run

TASK = ("The tests of this project fail. Find out why and mend it, by the style guide at "
        "http://192.0.2.1/style.txt; then leave a report in /srv/report.txt.")


def show(message: Message) -> None:
    """Prints a message. With a terminal, a model is trusted no more than a program."""
    texts = [message["content"]] if message.get("content") else []
    for wanted in message.get("tool_calls") or []:
        function = wanted["function"]
        try:
            arguments = "\n".join(json.loads(function["arguments"]).values())
        except (ValueError, AttributeError, TypeError, RecursionError):
            arguments = function["arguments"]
        texts.append(f"{function['name']}: {arguments}")
    for text in texts:
        for number, line in enumerate(visible(text).rstrip("\n").split("\n")):
            print(f"{'' if number else message['role']:>9} | {line}")


def broken_project(directory: str) -> str:
    """A copy of examples/project in `directory`, with a bug that one of its tests finds."""
    project = os.path.join(directory, "project")
    shutil.copytree(os.path.join(os.path.dirname(os.path.abspath(__file__)), "project"), project,
                    ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile)
    for path, _, _ in os.walk(project):
        os.chmod(path, 0o755)  # of the original it may be that its directories cannot be written
    path = os.path.join(project, "textstat", "__init__.py")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.count(', default=""') == 1
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(', default=""', ""))
    return project


def main(argv: Optional[List[str]] = None) -> int:
    with tempfile.TemporaryDirectory() as directory:
        project = broken_project(directory)
        run_agent(ScriptedModel(scripted_work()), Toolbox(project), TASK, show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
