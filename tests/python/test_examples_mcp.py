# SPDX-License-Identifier: MIT
"""examples/mcp_server.py, by the client of mcp_client.py: the protocol and commands."""

import fcntl
import json
import subprocess
import sys

import pytest
from mcp_session import EXAMPLES, PATIENCE, bad, client, error_of, good, project, stranger, wait_for

import mcp_client
import mcp_server

__all__ = ["client", "project", "stranger"]  # fixtures

PARSE, INVALID, NO_METHOD, PARAMS = -32700, -32600, -32601, -32602  # JSON-RPC 2.0, section 5.1
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {},
         "clientInfo": {"name": "t", "version": "1"}}


def start_holding_a_lock(client, project):
    """Starts a call that runs for ever, holding a lock: its id, and how to see that it ended."""
    id = client.start("tools/call", {"name": "run_command", "arguments": {
        "command": "exec 9>lock; flock 9; touch locked; sleep 1000"}})
    wait_for((project / "locked").exists)

    def ended():
        with open(project / "lock") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    assert not ended()
    return id, ended


# ---- the program

def test_mcp_client_as_a_program(project):
    done = subprocess.run([sys.executable, "-B", str(EXAMPLES / "mcp_client.py"), str(project)],
                          cwd="/", capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("nucleus-example, protocol 2025-06-18\n")
    assert "refused: cat tried open:/etc/shadow" in done.stdout
    assert (project / "notes" / "hello.txt").read_text() == "Hello.\n"


# ---- the handshake

@pytest.mark.parametrize("asked, answered", [
    ("2025-06-18", "2025-06-18"), ("2024-11-05", "2024-11-05"),
    ("2025-03-26", "2025-06-18"), ("1.0.0", "2025-06-18"), ("2099-01-01", "2025-06-18")])
def test_versions(stranger, asked, answered):
    hello = stranger.initialize(asked)
    assert hello["protocolVersion"] == answered
    assert hello["capabilities"] == {"tools": {}}
    assert set(hello["serverInfo"]) == {"name", "version"}
    assert len(stranger.request("tools/list")["tools"]) == 3


def test_before_the_handshake(stranger):
    assert stranger.request("ping") == {}
    assert error_of(stranger, "tools/list") == INVALID
    assert error_of(stranger, "tools/call",
                    {"name": "run_command", "arguments": {"command": "id"}}) == INVALID
    for params in ({}, {**HELLO, "protocolVersion": 1}, {**HELLO, "clientInfo": None},
                   {**HELLO, "capabilities": []}):
        assert error_of(stranger, "initialize", params) == PARAMS
    assert stranger.request("initialize", HELLO)["protocolVersion"] == "2025-06-18"
    assert error_of(stranger, "initialize", HELLO) == INVALID


def test_a_client_that_speaks_no_such_version(monkeypatch, stranger):
    monkeypatch.setattr(mcp_client, "VERSIONS", ("2099-01-01",))
    with pytest.raises(RuntimeError, match="2025-06-18 only"):
        stranger.initialize("2099-01-01")


def test_the_end(project):
    client = mcp_client.Client([sys.executable, "-B", mcp_client.SERVER, str(project)])
    client.initialize()
    assert client.close() == 0


def test_a_project_that_is_not_there(tmp_path):
    done = subprocess.run([sys.executable, "-B", mcp_client.SERVER, str(tmp_path / "none")],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("mcp_server: ") and "none" in done.stderr
    assert "Traceback" not in done.stderr


# ---- messages

NO_MESSAGES = [
    (b"", PARSE, None),
    (b"{", PARSE, None),
    (b"Content-Length: 2", PARSE, None),
    (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "x": "\xff"}', PARSE, None),
    (b'{"jsonrpc": "2.0", "id": NaN, "method": "ping"}', PARSE, None),
    (b"[" * 100000, PARSE, None),
    (b"9" * 10000, None, None),  # some Pythons read such a number, others do not
    (b"1", INVALID, None),
    (b"null", INVALID, None),
    (b"[]", INVALID, None),
    (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', INVALID, None),
    (b"{}", INVALID, None),
    (b'{"jsonrpc": "1.0", "id": "a", "method": "ping"}', INVALID, "a"),
    (b'{"id": 7, "method": "ping"}', INVALID, 7),
    (b'{"jsonrpc": "2.0", "id": 7}', INVALID, 7),
    (b'{"jsonrpc": "2.0", "id": 7, "method": 3}', INVALID, 7),
    (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', INVALID, None),
    (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', INVALID, None),
    (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', INVALID, None),
    (b'{"jsonrpc": "2.0", "id": [1], "method": "ping"}', INVALID, None),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}', PARAMS, 7),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": null}', PARAMS, 7),
    (b'{"jsonrpc": "2.0", "id": "\xc3\xa4\\u2028", "method": "nothing"}', NO_METHOD, "\xe4\u2028"),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "resources/list"}', NO_METHOD, 7),
    (b" " * (mcp_server.MAX_MESSAGE + 1), INVALID, None),
    (b'{"jsonrpc": "2.0", "id": 7, "method": "' + b"x" * 3 * mcp_server.MAX_MESSAGE + b'"}',
     INVALID, None),
]


def test_messages_that_are_none(client):
    for line, code, id in NO_MESSAGES:
        client.send_bytes(line + b"\n")
        answer = client.receive()
        assert answer["jsonrpc"] == "2.0" and "result" not in answer, line[:100]
        assert answer["id"] == id and type(answer["id"]) is type(id), line[:100]
        assert code is None or answer["error"]["code"] == code, line[:100]
        assert isinstance(answer["error"]["message"], str)
        assert client.request("ping") == {}


def test_what_is_not_answered(client):
    for message in [{"method": "notifications/unknown"}, {"method": "notifications/cancelled"},
                    {"method": "notifications/cancelled", "params": [1]},
                    {"method": "notifications/cancelled", "params": {"requestId": 99}},
                    {"method": "notifications/cancelled", "params": {"requestId": {"a": 1}}},
                    {"method": "tools/call", "params": {"name": "run_command"}},
                    {"id": 5, "result": {}}, {"id": 6, "error": {"code": 1, "message": ""}}]:
        client.send(message)
    client.send({"id": "last", "method": "ping"})
    assert client.receive() == {"jsonrpc": "2.0", "id": "last", "result": {}}


def test_a_message_in_pieces_and_two_at_once(client):
    ping = b'{"jsonrpc": "2.0", "id": "%d", "method": "ping"}\n'
    client.send_bytes((ping % 1)[:20])
    client.send_bytes((ping % 1)[20:] + ping % 2)
    assert [client.receive()["id"], client.receive()["id"]] == ["1", "2"]


def test_tools(client):
    tools = {tool["name"]: tool for tool in client.request("tools/list")["tools"]}
    assert set(tools) == {"run_command", "read_file", "write_file"}
    for tool in tools.values():
        schema = tool["inputSchema"]
        assert schema["type"] == "object" and schema["additionalProperties"] is False
        assert set(schema["required"]) <= set(schema["properties"])
    assert error_of(client, "tools/list", {"cursor": "2"}) == PARAMS


NO_CALLS = [
    {}, {"name": "rm"}, {"name": None}, {"name": ["run_command"]}, {"name": "run_command"},
    {"name": "run_command", "arguments": []}, {"name": "run_command", "arguments": {"command": 1}},
    {"name": "run_command", "arguments": {"command": "id", "network": "host"}},
    {"name": "run_command", "arguments": {"command": "\ud800"}},
    {"name": "read_file", "arguments": {"path": "a", "encoding": "utf-16"}},
    {"name": "write_file", "arguments": {"path": "a"}},
]


def test_calls_that_are_none(client):
    for params in NO_CALLS:
        assert error_of(client, "tools/call", params) == PARAMS, params


# ---- run_command

def test_run_command(client, project):
    assert good(client.call("run_command", command="pwd; echo a >&2; echo b >file; id -u")) == (
        "exit status 0\noutput, 18 bytes:\n/workspace\na\n1000\n")
    assert (project / "file").read_text() == "b\n"
    assert bad(client.call("run_command", command="exit 3")).startswith("exit status 3\n")
    assert "refused: cat tried open:/etc/shadow" in bad(client.call("run_command",
                                                                    command="cat /etc/shadow"))
    assert "the first 65536 of 1000000 bytes" in good(
        client.call("run_command", command="head -c 1000000 /dev/zero | tr '\\0' x"))
    assert "MemoryError" in bad(client.call("run_command",
                                            command="python3 -c 'bytearray(1 << 30)'"))
    assert "none of them null" in bad(client.call("run_command", command="a\0b"))
    assert "at most" in bad(client.call("run_command", command="#" * (mcp_server.MAX_COMMAND + 1)))
    assert "\x1b" not in good(client.call("run_command", command="printf '\\033[2J'"))


def test_the_protocol_is_out_of_reach(client):
    """A command has neither what comes from the client nor what goes to it."""
    forged = '{"jsonrpc": "2.0", "id": 3, "result": {}}'
    command = (f"cat; echo '{forged}'; "
               f"for f in /proc/[0-9]*/fd/*; do echo '{forged}' >$f; done 2>/dev/null; true")
    id = client.start("tools/call", {"name": "run_command", "arguments": {"command": command}})
    client.send({"id": "ping", "method": "ping"})
    answers = [client.receive(), client.receive()]
    assert {answer["id"] for answer in answers} == {id, "ping"}
    [result] = [answer["result"] for answer in answers if answer["id"] == id]
    assert forged in good(result)
    assert client.request("ping") == {}


def test_calls_run_side_by_side(client):
    waiting = client.start("tools/call", {"name": "run_command", "arguments": {
        "command": "until [ -e go ]; do sleep 0.05; done; echo went"}})
    assert client.request("ping") == {}
    good(client.call("write_file", path="go", content=""))
    assert "went" in good(client.answer(waiting))


def test_too_many_calls(client, project):
    arguments = {"command": "until [ -e go ]; do sleep 0.05; done"}
    started = [client.start("tools/call", {"name": "run_command", "arguments": arguments})
               for _ in range(mcp_server.MAX_CALLS)]
    assert error_of(client, "tools/call", {"name": "run_command", "arguments": arguments}) == -32603
    (project / "go").touch()
    for id in started:
        good(client.answer(id))
    good(client.call("run_command", command="true"))


def test_cancellation(client, project):
    id, ended = start_holding_a_lock(client, project)
    client.send({"id": id, "method": "ping"})  # while it runs, its id is taken
    answer = client.receive()
    assert (answer["id"], answer["error"]["code"]) == (id, INVALID)
    client.notify("notifications/cancelled", {"requestId": str(id), "reason": "another id"})
    assert client.request("ping") == {} and not ended()
    client.notify("notifications/cancelled", {"requestId": id, "reason": "test"})
    wait_for(ended)
    # There is no answer: the next ones are to what comes after.
    client.send({"id": "a", "method": "ping"})
    assert client.receive()["id"] == "a"
    assert good(client.call("run_command", command="echo on")).endswith("on\n")


def test_cancelled_at_once(client):
    for _ in range(5):
        id = client.start("tools/call",
                          {"name": "run_command", "arguments": {"command": "sleep 1000"}})
        client.notify("notifications/cancelled", {"requestId": id})
    client.send({"id": "a", "method": "ping"})
    assert client.receive()["id"] == "a"


@pytest.mark.parametrize("how", ["close", "kill"])
def test_what_runs_ends_with_the_session(project, how):
    client = mcp_client.Client([sys.executable, "-B", mcp_client.SERVER, str(project)])
    client.initialize()
    _, ended = start_holding_a_lock(client, project)
    if how == "kill":
        client._server.kill()
    assert client.close() == (0 if how == "close" else -9)
    wait_for(ended)


def test_the_schemas_are_json_schema(client):
    for tool in client.request("tools/list")["tools"]:
        for words in tool["inputSchema"]["properties"].values():
            assert words["type"] == "string" and words["description"]
        json.dumps(tool)
