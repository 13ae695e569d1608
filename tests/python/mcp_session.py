# SPDX-License-Identifier: MIT
"""Fixtures for the tests of examples/mcp_server.py: a project, and sessions with a server for it."""

import pathlib
import sys
import time

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import mcp_client  # noqa: E402

PATIENCE = 60


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def stranger(project):
    """A client before its handshake."""
    with mcp_client.Client([sys.executable, "-B", mcp_client.SERVER, str(project)]) as client:
        yield client


@pytest.fixture
def client(stranger):
    stranger.initialize()
    return stranger


def error_of(client, method, params=None):
    with pytest.raises(mcp_client.RpcError) as error:
        client.request(method, params)
    return error.value.code


def good(result):
    assert result["isError"] is False, result
    return text_of(result)


def bad(result):
    assert result["isError"] is True, result
    return text_of(result)


def text_of(result):
    [content] = result["content"]
    assert content["type"] == "text"
    return content["text"]


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
