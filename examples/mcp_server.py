#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An MCP server over stdio whose tools run in sandboxes: run_command, read_file, write_file.

    python3 examples/mcp_server.py PROJECT

Model Context Protocol 2025-06-18, and 2024-11-05 for clients that know no newer one: JSON-RPC 2.0,
a message a line. (2025-03-26 asks for batches, which the others do not have: its clients are
offered 2025-06-18.)

Each call of a tool is a sandbox of its own in mode strict-agent, with PROJECT at /workspace. Files
too are read and written from inside of one, where a link out of the project has nowhere to lead to.
No sandbox has the server's own standard input or output: these are the protocol. What a file holds
is given as it is, terminal escapes too: it is for a model, and for it to write back.
"""

import asyncio
import base64
import binascii
import json
import os
import sys
from typing import Any, AsyncIterator, BinaryIO, Dict, Optional

import nucleus
import nucleus.aio
from shared import ending, limited, policy_with_memory, refusals, report, visible

VERSIONS = ("2025-06-18", "2024-11-05")  # the latest first
MAX_MESSAGE = 2 << 20  # bytes of a line from the client: a file's text, all of it escaped
MAX_FILE = 256 << 10  # bytes that are read from a file, or written to one
MAX_COMMAND = 64 << 10
MAX_PATH = 4095
MAX_OUTPUT = 64 << 10
MAX_CALLS = 16  # that run at once
MEMORY = 512 << 20

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = (
    -32700, -32600, -32601, -32602, -32603)

Object = Dict[str, Any]


class RpcError(Exception):
    """What the client did wrong: a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ToolError(Exception):
    """What a tool could not do: a result with isError, for the model to read."""


# ---- the tools

# What runs inside for read_file and write_file. The project is hostile and may be changing
# meanwhile, so nothing is looked at by name twice: of what was opened /proc says where it is.
# "python3 -I" imports nothing from the project.
_INSIDE = r"""
import os, stat, sys
ROOT = "/workspace"
def fail(words):
    os.write(2, os.fsencode(words))
    sys.exit(3)
def opened(path, flags):
    fd = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
    real = os.readlink("/proc/self/fd/%d" % fd)
    if real != ROOT and not real.startswith(ROOT + "/"):
        fail("it leads out of the project")
    return fd
def read(path, limit):
    fd = opened(path, os.O_RDONLY)
    state = os.fstat(fd)
    if not stat.S_ISREG(state.st_mode):
        fail("it is no regular file")
    with open(fd, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        fail("it has %d bytes, and %d can be read at once" % (max(state.st_size, len(data)), limit))
    sys.stdout.buffer.write(data)
def write(path, limit):
    data = sys.stdin.buffer.read(limit)
    above, name = os.path.split(path)
    os.makedirs(above, exist_ok=True)
    directory = opened(above, os.O_RDONLY | os.O_DIRECTORY)
    mode = 0o644
    try:
        state = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISREG(state.st_mode):
            fail("there is something that is no regular file")
        mode = state.st_mode & 0o777
    draft = ".%s.%d" % (os.urandom(8).hex(), os.getpid())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with open(os.open(draft, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        try:
            os.unlink(draft, dir_fd=directory)
        except FileNotFoundError:
            pass
        raise
try:
    {"read": read, "write": write}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
except OSError as error:
    fail(error.strerror or str(error))
"""


def _tool(name: str, description: str, required: Dict[str, str],
          optional: Dict[str, Object]) -> Object:
    properties: Dict[str, Object] = {key: {"type": "string", "description": words}
                                     for key, words in required.items()}
    properties.update(optional)
    return {"name": name, "description": description, "inputSchema": {
        "type": "object", "properties": properties, "required": list(required),
        "additionalProperties": False}}


_PATH = "within the project: relative to it, or below /workspace"
_ENCODING: Dict[str, Object] = {"encoding": {
    "type": "string", "enum": ["utf-8", "base64"], "default": "utf-8",
    "description": "base64 for what is no text"}}

TOOLS = [
    _tool("run_command",
          "Runs a command by bash in a sandbox, in the project's directory /workspace. There "
          "is no network, and what it leaves running is ended with it.",
          {"command": "for bash -c"}, {}),
    _tool("read_file", f"Reads a file of the project, of at most {MAX_FILE} bytes.",
          {"path": _PATH}, _ENCODING),
    _tool("write_file",
          "Writes a file of the project anew, and makes the directories above it: at most "
          f"{MAX_FILE} bytes.",
          {"path": _PATH, "content": "all that is to be in it"}, _ENCODING),
]


def check_arguments(schema: Object, given: Object) -> None:
    """RpcError unless `given` is what the schema says: as far as the schemas above go."""
    for key in schema["required"]:
        if key not in given:
            raise RpcError(INVALID_PARAMS, f"the argument {key!r} is missing")
    for key, value in given.items():
        wanted = schema["properties"].get(key)
        if wanted is None:
            raise RpcError(INVALID_PARAMS, f"there is no argument {key!r}")
        if not isinstance(value, str) or value not in wanted.get("enum", [value]):
            raise RpcError(INVALID_PARAMS, f"the argument {key!r} is to be "
                           + " or ".join(map(repr, wanted.get("enum", ["a string"]))))
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RpcError(INVALID_PARAMS,
                           f"the argument {key!r} holds half a surrogate pair") from None


class Tools:
    """The tools for one project: what run, read and write may do is compiled here, once."""

    def __init__(self, project: str) -> None:
        self._writing = policy_with_memory(
            MEMORY, mode="strict-agent", workspace=project, observe="all", limits_timeout=60,
            limits_processes=64, limits_file_size="64M", limits_tmp_size="64M",
            limits_home_size="64M")
        self._reading = policy_with_memory(
            MEMORY, mode="strict-agent", workspace=project, workspace_mode="bind-ro",
            limits_timeout=10, limits_processes=4)

    async def call(self, name: str, given: Object) -> str:
        """A result's text; ToolError for one with isError. A cancelled call ends its sandbox."""
        if name == "run_command":
            return await self._run_command(given["command"])
        path = self._path(given["path"])
        if name == "read_file":
            return await self._read_file(path, given.get("encoding", "utf-8"))
        return await self._write_file(path, given["content"], given.get("encoding", "utf-8"))

    async def _run_command(self, command: str) -> str:
        if "\0" in command or len(command.encode()) > MAX_COMMAND:
            raise ToolError(f"a command has at most {MAX_COMMAND} bytes, none of them null")
        done = await nucleus.aio.run(limited(["bash", "-c", command], MEMORY), policy=self._writing,
                                     stdout=nucleus.PIPE, stderr=nucleus.STDOUT,
                                     max_output=MAX_OUTPUT)
        if done.returncode != 0:
            raise ToolError(report(done))
        return report(done)

    async def _read_file(self, path: str, encoding: str) -> str:
        data = (await self._inside(self._reading, "read", path, b"")).stdout
        if encoding == "base64":
            return base64.b64encode(data).decode("ascii")
        try:
            text: str = data.decode()
        except UnicodeDecodeError:
            raise ToolError(f"{path}: its {len(data)} bytes are no UTF-8: ask for base64") from None
        return text

    async def _write_file(self, path: str, content: str, encoding: str) -> str:
        try:
            data = content.encode()
            if encoding == "base64":
                data = base64.b64decode(data, validate=True)
        except binascii.Error:
            raise ToolError("the content is not base64") from None
        if len(data) > MAX_FILE:
            raise ToolError(f"{len(data)} bytes are too many: {MAX_FILE} can be written at once")
        await self._inside(self._writing, "write", path, data)
        return f"wrote {len(data)} bytes to {path}"

    async def _inside(self, policy: nucleus.Policy, act: str, path: str,
                      data: bytes) -> nucleus.CompletedProcess:
        argv = ["python3", "-I", "-S", "-c", _INSIDE, act, path, str(MAX_FILE)]
        done = await nucleus.aio.run(limited(argv, MEMORY), policy=policy, input=data,
                                     max_output=MAX_FILE)
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace") if done.returncode == 3 else ending(done)
            raise ToolError(visible("\n".join([f"{path}: {words}", *refusals(done)])))
        return done

    @staticmethod
    def _path(path: str) -> str:
        """A path inside. Where it leads is not known here: _INSIDE looks at what it has opened."""
        if not path or "\0" in path or len(path.encode()) > MAX_PATH:
            raise ToolError(f"a path has 1 to {MAX_PATH} bytes, none of them null")
        return os.path.join("/workspace", path)


# ---- the protocol

class Server:
    """One session with one client."""

    def __init__(self, tools: Tools, out: BinaryIO) -> None:
        self._tools = tools
        self._out = out
        self._version: Optional[str] = None
        self._running: Dict[Any, "asyncio.Task[None]"] = {}  # by the request's id

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Until the client closes its side; then what still runs for it is ended."""
        async for line in lines(reader):
            self._take(line)
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _take(self, line: Optional[bytes]) -> None:
        """One message. Errors in notifications have nobody to be told to."""
        id: Any = None
        try:
            message = parse(line)
            if "method" not in message and ("result" in message or "error" in message):
                return  # an answer, to nothing that was asked
            if "id" in message:
                id = valid_id(message["id"])
            method, params = message.get("method"), message.get("params", {})
            if message.get("jsonrpc") != "2.0" or not isinstance(method, str):
                raise RpcError(INVALID_REQUEST, "this is no request of JSON-RPC 2.0")
            if "id" not in message:
                self._notice(method, params)
                return
            if id in self._running:
                raise RpcError(INVALID_REQUEST, "there is a request with this id already")
            if not isinstance(params, dict):
                raise RpcError(INVALID_PARAMS, "params is to be an object")
            self._request(id, method, params)
        except RpcError as error:
            self._send({"id": id, "error": {"code": error.code, "message": str(error)}})

    def _notice(self, method: str, params: Any) -> None:
        if method == "notifications/cancelled" and isinstance(params, dict):
            wanted = params.get("requestId")
            task = self._running.get(wanted) if is_id(wanted) else None
            if task is not None:
                task.cancel()

    def _request(self, id: Any, method: str, params: Object) -> None:
        if method == "ping":
            self._send({"id": id, "result": {}})
        elif method == "initialize":
            self._send({"id": id, "result": self._initialize(params)})
        elif self._version is None:
            raise RpcError(INVALID_REQUEST, "the first request is initialize")
        elif method == "tools/list":
            if params.get("cursor") is not None:
                raise RpcError(INVALID_PARAMS, "there is one page only, and no cursor")
            self._send({"id": id, "result": {"tools": TOOLS}})
        elif method == "tools/call":
            name, given = params.get("name"), params.get("arguments", {})
            schema = next((tool["inputSchema"] for tool in TOOLS if tool["name"] == name), None)
            if schema is None:
                raise RpcError(INVALID_PARAMS, f"there is no tool {name!r}")
            if not isinstance(given, dict):
                raise RpcError(INVALID_PARAMS, "arguments is to be an object")
            check_arguments(schema, given)
            if len(self._running) >= MAX_CALLS:
                raise RpcError(INTERNAL_ERROR, f"{MAX_CALLS} calls are running already")
            task = asyncio.get_running_loop().create_task(self._call(id, str(name), given))
            self._running[id] = task
            task.add_done_callback(lambda _: self._running.pop(id))
        else:
            raise RpcError(METHOD_NOT_FOUND, f"there is no method {method!r}")

    def _initialize(self, params: Object) -> Object:
        if self._version is not None:
            raise RpcError(INVALID_REQUEST, "this session is initialized already")
        wanted = params.get("protocolVersion")
        if not isinstance(wanted, str) or not isinstance(params.get("capabilities"), dict) \
                or not isinstance(params.get("clientInfo"), dict):
            raise RpcError(INVALID_PARAMS,
                           "protocolVersion, capabilities and clientInfo are wanted")
        # Another version than was asked for: the client goes on with that, or goes.
        self._version = wanted if wanted in VERSIONS else VERSIONS[0]
        return {"protocolVersion": self._version, "capabilities": {"tools": {}},
                "serverInfo": {"name": "nucleus-example", "version": nucleus.version()}}

    async def _call(self, id: Any, name: str, given: Object) -> None:
        """Sends a tool's result, unless the call is cancelled: then there is none."""
        try:
            text, failed = await self._tools.call(name, given), False
        except ToolError as error:
            text, failed = str(error), True
        except Exception as error:  # no sandbox, as a rule: for the operator, who reads the log
            print(f"mcp_server: {name}: {error!r}", file=sys.stderr)
            self._send({"id": id,
                        "error": {"code": INTERNAL_ERROR, "message": "the tool cannot be run"}})
            return
        self._send({"id": id,
                    "result": {"content": [{"type": "text", "text": text}], "isError": failed}})

    def _send(self, message: Object) -> None:
        # ASCII, without a newline in it: json.dumps escapes all others.
        self._out.write(json.dumps({"jsonrpc": "2.0", **message}).encode("ascii") + b"\n")
        self._out.flush()


async def lines(reader: asyncio.StreamReader) -> AsyncIterator[Optional[bytes]]:
    """The client's lines; None for one that was too long, and was thrown away."""
    too_long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
            too_long = True
            continue
        except asyncio.IncompleteReadError:
            return  # the end; half a line is no message
        yield None if too_long else line
        too_long = False


def parse(line: Optional[bytes]) -> Object:
    """The object that a line is."""
    if line is None:
        raise RpcError(INVALID_REQUEST, f"a message has at most {MAX_MESSAGE} bytes")
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise RpcError(PARSE_ERROR, "this is not JSON in UTF-8") from None
    if not isinstance(message, dict):
        raise RpcError(INVALID_REQUEST, "a message is an object: batches are not taken")
    return message


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def is_id(id: Any) -> bool:
    return isinstance(id, (str, int)) and not isinstance(id, bool)


def valid_id(id: Any) -> Any:
    if not is_id(id):
        raise RpcError(INVALID_REQUEST, "an id is a string or an integer")
    return id


async def main(project: str) -> None:
    # Whatever else in this process prints, prints to standard error: the output is the protocol.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        server = Server(Tools(project), out)
        reader = asyncio.StreamReader(limit=MAX_MESSAGE)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        try:
            await server.serve(reader)
        except BrokenPipeError:
            pass  # the client has gone


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: mcp_server.py PROJECT")
    try:
        asyncio.run(main(sys.argv[1]))
    except nucleus.NucleusError as no_sandbox:
        sys.exit(f"mcp_server: {no_sandbox}")
