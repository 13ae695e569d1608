# SPDX-License-Identifier: MIT
"""read_file and write_file of examples/mcp_server.py: what they do, and where they cannot lead."""

import base64
import os
import shutil
import socket

import pytest
from mcp_session import bad, client, good, project, stranger, text_of, wait_for

import mcp_server

__all__ = ["client", "project", "stranger"]  # fixtures


def test_text_and_bytes(client, project):
    every = bytes(range(256)) * 16
    assert good(client.call("write_file", path="a/b/\u00e4 \n.txt",
                            content="\u00e4\r\n\x00\x1b")) == (
        "wrote 6 bytes to /workspace/a/b/\u00e4 \n.txt")
    assert (project / "a/b/\u00e4 \n.txt").read_bytes() == b"\xc3\xa4\r\n\x00\x1b"
    assert good(client.call("read_file",
                            path="/workspace/a/b/\u00e4 \n.txt")) == "\u00e4\r\n\x00\x1b"
    good(client.call("write_file", path="every", content=base64.b64encode(every).decode(),
                     encoding="base64"))
    assert (project / "every").read_bytes() == every
    assert "ask for base64" in bad(client.call("read_file", path="every"))
    assert base64.b64decode(good(client.call("read_file", path="every",
                                             encoding="base64"))) == every
    assert "not base64" in bad(client.call("write_file", path="x", content="?", encoding="base64"))
    good(client.call("write_file", path="empty", content=""))
    assert good(client.call("read_file", path="empty")) == ""


def test_owner_and_mode(client, project):
    good(client.call("write_file", path="new", content="x"))
    (project / "script").write_text("#!/bin/sh\n")
    (project / "script").chmod(0o750)
    good(client.call("write_file", path="script", content="#!/bin/bash\n"))
    assert [oct((project / name).stat().st_mode & 0o7777) for name in ("new",
                                                                       "script")] == ["0o644",
                                                                                      "0o750"]
    assert (project / "new").stat().st_uid == project.stat().st_uid
    assert sorted(os.listdir(project)) == ["new", "script"]  # no draft is left


def test_sizes(client, project):
    limit = mcp_server.MAX_FILE
    good(client.call("write_file", path="most", content="x" * limit))
    assert good(client.call("read_file", path="most")) == "x" * limit
    assert "too many" in bad(client.call("write_file", path="more", content="x" * (limit + 1)))
    good(client.call("write_file", path="controls", content="\x01" * limit))  # the longest message
    assert (project / "controls").read_bytes() == b"\x01" * limit
    with open(project / "sparse", "wb") as file:
        file.truncate(1 << 33)
    assert f"it has {1 << 33} bytes" in bad(client.call("read_file", path="sparse"))


@pytest.fixture
def secret(tmp_path):
    """A file beside the project, which nothing below may show or change."""
    directory = tmp_path / "outside"
    directory.mkdir()
    path = directory / "secret"
    path.write_text("the secret")
    yield path
    assert path.read_text() == "the secret" and os.listdir(directory) == ["secret"]


def test_no_path_leads_out(client, project, secret):
    outside = secret.parent
    (project / "sub").mkdir()
    for name, target in {"link": secret, "dir": outside, "up": "../outside", "etc": "/etc",
                         "root": "/",
                         "proc": "/proc/self", "sub/up": "../..", "chain": "link",
                         "loop": "loop"}.items():
        (project / name).symlink_to(target)
    paths = ["link", "dir/secret", "up/secret", "chain", "loop", "root/proc/self/environ",
             "proc/environ",
             "sub/up/outside/secret", "../outside/secret", "../../../../../etc/passwd",
             "etc/passwd",
             "/etc/passwd", "//etc/passwd", "/workspace/../etc/passwd", str(secret), f"..{secret}",
             "/proc/self/cwd/../etc/passwd", "/proc/1/root/etc/passwd", "/proc/self/fd/0",
             "/dev/stdin",
             "sub/../../etc/passwd", "/workspacex"]
    for path in paths:
        text = bad(client.call("read_file", path=path))
        assert "secret\n" not in text and "root:" not in text, (path, text)
    for path in [*paths, "dir/new", "up/new", "etc/new", "root/tmp/new", "/tmp/new", "../new",
                 "sub/..",
                 ".", "..", "/", "sub", "sub/", "", "/workspace", "a\0b", "x" * 5000, "x" * 300]:
        bad(client.call("write_file", path=path, content="overwritten"))
    assert os.readlink(project / "link") == str(secret)
    assert sorted(os.listdir(project.parent)) == ["outside", "project"]


def test_links_within_the_project(client, project):
    (project / "sub").mkdir()
    (project / "real").write_text("x")
    (project / "link").symlink_to("real")
    (project / "dir").symlink_to("/workspace/sub")
    assert good(client.call("read_file", path="link")) == "x"
    good(client.call("write_file", path="dir/new", content="y"))
    assert (project / "sub" / "new").read_text() == "y"
    assert "no regular file" in bad(client.call("write_file", path="link", content="z"))


def test_what_is_no_file(client, project):
    os.mkfifo(project / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(project)  # the address is short then
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        for name in ("fifo", "socket", ".", "nothing", "fifo/x"):
            bad(client.call("read_file", path=name))
        for name in ("fifo", "socket", "."):
            bad(client.call("write_file", path=name, content="x"))


def test_the_project_cannot_take_over_its_reader(client, project):
    for name in ("os", "stat", "sys", "encodings", "codecs", "sitecustomize", "usercustomize",
                 "io", "abc"):
        (project / f"{name}.py").write_text("open('/workspace/taken', 'w'); raise SystemExit(9)\n")
    shutil.copytree(project, project / "python3")
    (project / "file").write_text("x")
    assert good(client.call("read_file", path="file")) == "x"
    good(client.call("write_file", path="other", content="y"))
    assert not (project / "taken").exists()


def test_a_directory_that_is_swapped_for_a_link(client, project, secret):
    """Another call changes all the time what a path means: writes are in the project, or fail."""
    os.mkdir(project / "real")
    swapping = client.start("tools/call", {"name": "run_command", "arguments": {"command": (
        f"ln -s {secret.parent} out; ln -s /tmp tmp; touch ready; n=0; while [ ! -e stop ]; do "
        # A write that finds none makes one, which would end the swapping.
        "mv -T d stray$n 2>/dev/null && n=$((n + 1)); "
        "mv -T real d; mv -T d real; mv -T out d; mv -T d out; mv -T tmp d; mv -T d tmp; done")}})
    wait_for((project / "ready").exists)
    written = []
    for number in range(12):
        if not client.call("write_file", path=f"d/{number}", content="x")["isError"]:
            written.append(str(number))
        assert "the secret" not in text_of(client.call("read_file", path="d/secret"))
    (project / "stop").touch()
    client.answer(swapping)
    # Only now: one that is looked for under one name after the other may have another one each time.
    here = {name for path in project.iterdir() if not path.is_symlink() and path.is_dir() for name in os.listdir(path)}
    assert set(written) <= here
