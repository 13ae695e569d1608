#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client for mcp_server.py, or any MCP server over stdio: the handshake, then a scripted session.

    python3 examples/mcp_client.py PROJECT
"""

import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any, Dict, List, Optional

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mcp_server.py")
VERSIONS = ("2025-06-18", "2024-11-05")  # that this client can speak, the latest first
PATIENCE = 60.0  # seconds for an answer, and for the server's end

Object = Dict[str, Any]


class RpcError(Exception):
    """The server's answer was an error."""

    def __init__(self, error: Object) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class Client:
    """A session with a server that is started for it."""

    def __init__(self, argv: List[str]) -> None:
        self._server = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._messages: "queue.Queue[Optional[Object]]" = queue.Queue()
        self._answers: Dict[Any, Object] = {}  # that came before they were waited for
        self._last = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._server.stdout
        for line in self._server.stdout:
            self._messages.put(json.loads(line))
        self._messages.put(None)

    # ---- messages

    def send_bytes(self, data: bytes) -> None:
        assert self._server.stdin
        self._server.stdin.write(data)
        self._server.stdin.flush()

    def send(self, message: Object) -> None:
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def receive(self) -> Object:
        """The next message. queue.Empty when the server is too slow, EOFError when it has gone."""
        message = self._messages.get(timeout=PATIENCE)
        if message is None:
            raise EOFError("the server has closed its output")
        return message

    def start(self, method: str, params: Optional[Object] = None) -> int:
        """Sends a request, and gives its id."""
        self._last += 1
        self.send({"id": self._last, "method": method, "params": params or {}})
        return self._last

    def answer(self, id: int) -> Object:
        """The result for a request. Those of others may come first: they are kept."""
        while id not in self._answers:
            message = self.receive()
            self._answers[message.get("id")] = message
        message = self._answers.pop(id)
        if "error" in message:
            raise RpcError(message["error"])
        result: Object = message["result"]
        return result

    def request(self, method: str, params: Optional[Object] = None) -> Object:
        return self.answer(self.start(method, params))

    def notify(self, method: str, params: Optional[Object] = None) -> None:
        self.send({"method": method, "params": params or {}})

    # ---- the session

    def initialize(self, version: str = VERSIONS[0]) -> Object:
        """The handshake. RuntimeError if the server speaks no version that this client can."""
        answer = self.request("initialize", {
            "protocolVersion": version, "capabilities": {},
            "clientInfo": {"name": "nucleus-example-client", "version": "1"}})
        if answer["protocolVersion"] not in VERSIONS:
            raise RuntimeError(f"the server speaks {answer['protocolVersion']} only")
        self.notify("notifications/initialized")
        return answer

    def call(self, name: str, **arguments: str) -> Object:
        return self.request("tools/call", {"name": name, "arguments": arguments})

    def close(self) -> int:
        """Ends the session as the protocol has it; gives the server's exit status."""
        assert self._server.stdin and self._server.stdout
        try:
            self._server.stdin.close()
        except BrokenPipeError:
            pass
        for end in (self._server.terminate, self._server.kill):
            try:
                self._server.wait(PATIENCE)
                break
            except subprocess.TimeoutExpired:
                end()
        status = self._server.wait()
        self._thread.join()
        self._server.stdout.close()
        return status

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def main(project: str) -> None:
    with Client([sys.executable, SERVER, project]) as client:
        hello = client.initialize()
        print(f"{hello['serverInfo']['name']}, protocol {hello['protocolVersion']}")
        for tool in client.request("tools/list")["tools"]:
            print(f"  {tool['name']}: {tool['description']}")
        for name, arguments in [
                ("write_file", {"path": "notes/hello.txt", "content": "Hello.\n"}),
                ("run_command", {"command": "cat notes/hello.txt; id -un"}),
                ("read_file", {"path": "notes/hello.txt"}),
                ("read_file", {"path": "../etc/shadow"}),
                ("run_command", {"command": "cat /etc/shadow"})]:
            result = client.call(name, **arguments)
            print(f"\n{name} {json.dumps(arguments)}" + (", failed:" if result["isError"] else ":"))
            for content in result["content"]:
                # json.dumps: the terminal is shown no escapes of whoever wrote the file.
                for line in content["text"].splitlines():
                    print("  " + json.dumps(line)[1:-1])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: mcp_client.py PROJECT")
    main(sys.argv[1])
