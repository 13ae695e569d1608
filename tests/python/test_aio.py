# SPDX-License-Identifier: MIT
"""nucleus.aio gives what run() and Popen give."""

import asyncio
import gc
import os
import time
import warnings

import pytest

import nucleus
import nucleus.aio
from aio_case import (FOREVER, PATIENCE, children, descriptors, nothing_left, on_loop, warm,  # noqa: F401
                      writers_for)
from nucleus.aio import PIPE, create_process, run

BOTH = "head -c 5000000 /dev/zero & head -c 5000000 /dev/zero | tr '\\0' x >&2; wait"


# ---- what it gives


@pytest.mark.parametrize("args, options, returncode, outcome, stdout, stderr", [
    (["echo", "hi"], {"capture_output": True}, 0, "exited", b"hi\n", b""),
    (["echo", "hi"], {"capture_output": True, "text": True}, 0, "exited", "hi\n", ""),
    ("echo hi; echo ho >&2; exit 3", {"capture_output": True, "shell": True}, 3, "exited", b"hi\n", b"ho\n"),
    ("echo hi; echo ho >&2", {"stdout": PIPE, "stderr": nucleus.STDOUT, "shell": True}, 0, "exited",
     b"hi\nho\n", None),
    ("kill -TERM $$", {"shell": True}, -15, "signalled", None, None),
    ("cat", {"input": b"x" * 100000, "stdout": PIPE}, 0, "exited", b"x" * 100000, None),
    ("cat", {"input": "\u00e4\n", "stdout": PIPE, "text": True}, 0, "exited", "\u00e4\n", None),
    ("cat", {"capture_output": True}, 0, "exited", b"", b""),
    ("cat", {"stdin": PIPE, "capture_output": True}, 0, "exited", b"", b""),
    ("pwd; echo $A", {"shell": True, "cwd": "/tmp", "env": {"A": "b"}, "stdout": PIPE}, 0, "exited",
     b"/tmp\nb\n", None),
    (FOREVER, {"limits_timeout": 0.2}, -9, "timed out", None, None),
    ("echo hi", {"shell": True, "stdout": nucleus.DEVNULL}, 0, "exited", None, None),
])
def test_run_gives_what_the_program_did(args, options, returncode, outcome, stdout, stderr):
    done = on_loop(run(args, **options))
    assert isinstance(done, nucleus.CompletedProcess)
    assert (done.args, done.returncode, done.outcome) == (args, returncode, outcome)
    assert (done.stdout, done.stderr) == (stdout, stderr)


def test_run_writes_to_files(tmp_path):
    with open(tmp_path / "out", "wb") as out, open(tmp_path / "err", "wb") as err:
        done = on_loop(run("echo hi; echo ho >&2", shell=True, stdout=out, stderr=err.fileno()))
    assert (done.stdout, done.stderr) == (None, None)
    assert ((tmp_path / "out").read_bytes(), (tmp_path / "err").read_bytes()) == (b"hi\n", b"ho\n")


def test_run_reads_from_a_file(tmp_path):
    (tmp_path / "in").write_bytes(b"from a file")
    with open(tmp_path / "in", "rb") as file:
        assert on_loop(run(["cat"], stdin=file, stdout=PIPE)).stdout == b"from a file"


def test_run_raises_as_its_plain_sister_does():
    async def main():
        with pytest.raises(FileNotFoundError) as missing:
            await run(["/no/such/program"], capture_output=True)
        assert isinstance(missing.value, nucleus.NucleusError)
        with pytest.raises(nucleus.CalledProcessError) as failed:
            await run("echo hi; exit 4", shell=True, check=True, stdout=PIPE)
        assert (failed.value.returncode, failed.value.result.stdout) == (4, b"hi\n")
        with pytest.raises(TypeError, match="limits_timeout"):
            await run(["true"], limits_timeuot=3)
        with pytest.raises(ValueError):
            await run(["cat"], stdin=PIPE, input=b"")
        with pytest.raises(ValueError):
            await run(["cat"], stdout=PIPE, capture_output=True)
        with pytest.raises(TypeError):
            await run(["cat"], input="words")
        with pytest.raises(OSError):
            await run(["cat"], stdout=987654)
    on_loop(main())


def test_a_timeout_ends_the_sandbox_and_keeps_what_there_was():
    for seconds in (1.5, 30):
        with pytest.raises(nucleus.TimeoutExpired) as late:
            on_loop(run("echo hi; exec sleep 100000", shell=True, capture_output=True, timeout=seconds))
        if late.value.stdout:  # else the machine was too slow for it to say something
            break
    assert (late.value.timeout, late.value.stdout, late.value.stderr) == (seconds, b"hi\n", b"")
    assert (late.value.result.outcome, late.value.result.returncode) == ("killed", -9)


def test_a_timeout_of_nothing():
    with pytest.raises(nucleus.TimeoutExpired):
        on_loop(run(FOREVER, timeout=0))


def test_no_more_than_max_output_is_kept():
    done = on_loop(run("head -c 3000000 /dev/zero; echo hi >&2", shell=True, max_output=1000))
    assert (done.stdout, done.stdout_dropped) == (bytes(1000), 2999000)
    assert (done.stderr, done.stderr_dropped) == (b"hi\n", 0)


def test_much_on_both_pipes():
    done = on_loop(run(BOTH, shell=True, capture_output=True))
    assert done.stdout == bytes(5000000) and done.stderr == b"x" * 5000000


@pytest.mark.parametrize("program", ["true", "exec 0<&-; echo hi", "head -c 10 | wc -c", "exec 0<&-; sleep 0.3"])
def test_much_input_that_nobody_reads(program):
    assert on_loop(run(program, shell=True, input=bytes(20_000_000), capture_output=True)).returncode == 0


def test_much_input_through_a_program():
    data = os.urandom(1 << 20) * 8
    assert on_loop(run(["cat"], input=data, stdout=PIPE)).stdout == data


def test_no_end_of_file_is_waited_for():
    before, kept = descriptors(), []

    def hold(stream, data):
        if not kept:
            kept.extend(writers_for(before))
    try:
        done = on_loop(run("echo hi; exec head -c 200000 /dev/zero", shell=True, capture_output=True,
                           on_output=hold))
        assert len(kept) >= 2
        assert done.stdout == b"hi\n" + bytes(200000)
    finally:
        for fd in kept:
            os.close(fd)


# ---- callbacks


@pytest.mark.parametrize("text", [False, True])
def test_output_is_told_of_as_it_comes(text):
    told = []

    def plain(stream, data):
        told.append((stream, data))

    async def coroutine(stream, data):
        await asyncio.sleep(0.01)
        told.append((stream, data))
        await asyncio.sleep(0)

    for callback in (plain, coroutine):
        told.clear()
        done = on_loop(run("echo hi; echo ho >&2", shell=True, on_output=callback, text=text))
        assert (done.stdout, done.stderr) == (None, None)
        join = "".join if text else b"".join
        assert join(data for stream, data in told if stream == "stdout") == ("hi\n" if text else b"hi\n")
        assert join(data for stream, data in told if stream == "stderr") == ("ho\n" if text else b"ho\n")


def test_calls_of_a_coroutine_function_follow_one_another_and_hold_the_program_up():
    busy, most, got = [0], [0], {"stdout": 0, "stderr": 0}

    async def slow(stream, data):
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        got[stream] += len(data)
        await asyncio.sleep(0.001)
        busy[0] -= 1
    done = on_loop(run(BOTH, shell=True, on_output=slow, capture_output=True))
    assert got == {"stdout": 5000000, "stderr": 5000000} and most == [1]
    assert (len(done.stdout), len(done.stderr)) == (5000000, 5000000)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, BlockingIOError])
@pytest.mark.parametrize("when", ["plain", "coroutine", "later"])
def test_an_exception_in_a_callback_ends_the_sandbox(error, when):
    def plain(stream, data):
        assert len(children()) >= 1
        raise error

    async def coroutine(stream, data):
        raise error

    async def later(stream, data):
        await asyncio.sleep(0.01)
        raise error

    async def main():
        try:
            await run("while echo hi; do :; done", shell=True,
                      on_output={"plain": plain, "coroutine": coroutine, "later": later}[when])
        finally:
            seen.append(children())
    seen, before = [], children()
    with pytest.raises(error):
        asyncio.run(main())
    assert seen == [before]


def test_the_timeout_ends_the_sandbox_while_a_callback_waits():
    async def main():
        before = children()

        async def slow(stream, data):
            mine = children() - before
            while children() & mine:
                assert time.monotonic() < limit
                await asyncio.sleep(0.02)
                if all(_state(pid) == "Z" for pid in mine):
                    return

        limit = time.monotonic() + PATIENCE
        with pytest.raises(nucleus.TimeoutExpired):
            await run("echo hi; exec sleep 100000", shell=True, on_output=slow, timeout=0.5)
    on_loop(main())


def _state(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_what_is_refused_is_told():
    async def main():
        done = await run(["unshare", "-r", "true"], capture_output=True)
        assert done.returncode == 1
        process = await create_process("unshare -r true; echo hi; exec cat", shell=True, stdin=PIPE,
                                       stdout=PIPE)
        assert await process.stdout.readline() == b"hi\n"
        while not process.denials:  # told while it runs
            await asyncio.sleep(0.01)
        assert process.outcome is None
        await process.communicate()
        for denials in (done.denials, process.denials):
            assert [(d.layer, d.operation, d.errno) for d in denials] == [("seccomp", "syscall", "EPERM")]
            assert denials[0].target.startswith("unshare")
    on_loop(main())


# ---- create_process()


def test_a_process_to_talk_to():
    async def main():
        process = await create_process("while read x; do echo got $x; done; exit 7", shell=True, stdin=PIPE,
                                       stdout=PIPE)
        assert (process.returncode, process.outcome, process.stderr) == (None, None, None)
        assert process.pid in children()
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            await process.stdin.drain()
            assert await process.stdout.readline() == b"got " + word + b"\n"
        process.stdin.close()
        assert await process.stdout.read() == b""
        assert await asyncio.gather(process.wait(), process.wait()) == [7, 7]
        assert (process.returncode, process.outcome) == (7, "exited")
        assert process.stats and process.denials == () and isinstance(process.warnings, tuple)
        process.kill()  # nothing happens
    on_loop(main())


def test_a_process_gets_signals():
    async def main():
        process = await create_process("trap 'exit 9' TERM; echo hi; while :; do sleep 0.02; done",
                                       shell=True, stdout=PIPE)
        assert await process.stdout.readline() == b"hi\n"
        process.terminate()
        assert await process.wait() == 9
        process = await create_process(FOREVER)
        process.kill()
        assert await process.wait() == -9
    on_loop(main())


def test_communicate():
    async def main():
        process = await create_process("cat; " + BOTH, shell=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        out, err = await process.communicate(b"i" * 3000000)
        assert out == b"i" * 3000000 + bytes(5000000) and err == b"x" * 5000000
        process = await create_process(["true"], stdin=PIPE)
        assert await process.communicate(bytes(5000000)) == (None, None)
        process = await create_process(BOTH, shell=True, stdout=PIPE, stderr=PIPE)
        assert await process.communicate(max_output=5) == (bytes(5), b"xxxxx")
        process = await create_process(["true"])
        with pytest.raises(ValueError):
            await process.communicate(b"x")
        assert await process.communicate() == (None, None)
    on_loop(main())


def test_communicate_again_after_a_cancellation_loses_nothing():
    async def main():
        data = b"".join(b"%d\n" % n for n in range(300000))
        process = await create_process(["cat"], stdin=PIPE, stdout=PIPE)
        rounds, again = 1, None
        while again is None:
            task = asyncio.ensure_future(process.communicate(data if rounds == 1 else None))
            for _ in range(rounds):
                await asyncio.sleep(0)
            task.cancel()
            try:
                again = await task
            except asyncio.CancelledError:
                rounds += rounds // 3 + 1
        assert again[0] == data and rounds > 1
        with pytest.raises(ValueError):
            await process.communicate(b"more")
    on_loop(main())


def test_back_pressure():
    async def main():
        process = await create_process("head -c 3000000 /dev/zero; echo done >&2", shell=True, stdout=PIPE,
                                       stderr=PIPE, limit=1000)
        waiting = asyncio.ensure_future(process.wait())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(process.stderr.readline(), 0.5)
        assert not waiting.done()
        got = 0
        while True:
            data = await process.stdout.read(10000)
            if not data:
                break
            got += len(data)
        assert (got, await process.stderr.read(), await waiting) == (3000000, b"done\n", 0)
    on_loop(main())


def test_what_was_written_is_read_after_the_end():
    async def main():
        before = descriptors()
        process = await create_process("head -c 60000 /dev/zero; echo hi >&2", shell=True, stdin=PIPE,
                                       stdout=PIPE, stderr=PIPE, limit=1000)
        kept = writers_for(before)
        try:
            assert await process.wait() == 0
            assert await process.stdout.read() == bytes(60000)
            assert await process.stderr.read() == b"hi\n"
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                while True:
                    process.stdin.write(b"x")
                    await process.stdin.drain()
        finally:
            for fd in kept:
                os.close(fd)
    on_loop(main())


def test_the_async_with_statement():
    async def main():
        before = (descriptors(), children())
        async with await create_process("cat >/dev/null; exit 5", shell=True, stdin=PIPE, stdout=PIPE) as process:
            process.stdin.write(b"x" * 200000)
        assert process.returncode == 5
        assert (descriptors(), children()) == before
        with pytest.raises(ZeroDivisionError):
            async with await create_process(FOREVER, stdin=PIPE, stdout=PIPE) as process:
                process.stdin.write(b"x" * 2000000)
                raise ZeroDivisionError
        assert (process.outcome, process.returncode) == ("killed", -9)
        assert (descriptors(), children()) == before
        process = await create_process(FOREVER, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        await process.close()
        await process.close()
        assert (descriptors(), children()) == before
    on_loop(main())


def test_a_process_that_nobody_keeps_is_ended():
    async def main():
        process = await create_process("echo hi; exec sleep 100000", shell=True, stdout=PIPE)
        reader, pid = process.stdout, process.pid
        assert await reader.readline() == b"hi\n"
        with pytest.warns(ResourceWarning, match=str(pid)):
            del process
            gc.collect()
        assert await reader.read() == b""
        while pid in children():
            await asyncio.sleep(0.01)
    on_loop(main())


def test_a_process_that_outlives_its_loop_is_ended_with_it():
    async def main():
        return await create_process(FOREVER, stdout=PIPE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        process = asyncio.run(main())
        pid = process.pid
        assert pid in children() and process.outcome is None
        del process
        gc.collect()
    assert pid not in children()


def test_what_create_process_does_not_take():
    async def main():
        for word, value in (("text", True), ("encoding", "utf-8"), ("errors", "strict"), ("bufsize", 1)):
            with pytest.raises(TypeError, match=word):
                await create_process(["true"], **{word: value})
        with pytest.raises(TypeError, match="limits_timeout"):
            await create_process(["true"], limits_timeuot=3)
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                await create_process(["/no/such/program"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
    before = descriptors()
    on_loop(main())
    assert descriptors() == before


def test_a_workspace_is_carried_back(tmp_path):
    async def main():
        done = await run("echo hi > new", shell=True, workspace=tmp_path, workspace_mode="copy-in-out")
        assert done.returncode == 0
        async with await create_process("echo ho > other", shell=True, workspace=tmp_path,
                                        workspace_mode="copy-in-out") as process:
            assert await process.wait() == 0
        with pytest.raises(nucleus.TimeoutExpired):
            await run("echo hi > late; exec sleep 100000", shell=True, workspace=tmp_path,
                      workspace_mode="copy-in-out", timeout=1)
    on_loop(main())
    assert (tmp_path / "new").read_text() == "hi\n" and (tmp_path / "other").read_text() == "ho\n"
