# SPDX-License-Identifier: MIT
"""nucleus.aio: many at once, and nothing is left behind, whenever it is cancelled."""

import asyncio
import contextlib
import errno
import gc
import os
import signal
import sys
import threading
import warnings
import weakref

import pytest

import nucleus
import nucleus.aio
from aio_case import (FOREVER, PATIENCE, children, descriptors, keep_root, nothing_left, on_loop,  # noqa: F401
                      open_files, warm)
from nucleus.aio import PIPE, create_process, run


# ---- many


def test_200_at_once(monkeypatch):
    """They all run at one time: none can end before the last has begun to write."""
    count, begun, rounds, starts = 200, set(), [0], []
    original = nucleus.aio.start
    monkeypatch.setattr(nucleus.aio, "start", lambda *a: (starts.append(rounds[0]), original(*a))[1])

    async def main():
        everybody, most = asyncio.Event(), [0]

        async def watch():
            while True:
                rounds[0] += 1
                await asyncio.sleep(0)

        async def one(number):
            async def told(stream, data):
                begun.add(number)
                if len(begun) == count and not everybody.is_set():
                    most[0] = len(children() - before)
                    threads.extend(os.listdir("/proc/self/task"))
                    everybody.set()
                await everybody.wait()
            return await run(f"echo {number}; exec head -c 300000 /dev/zero", shell=True, policy=policy,
                             on_output=told, capture_output=True)
        watcher = asyncio.ensure_future(watch())
        done = await asyncio.gather(*map(one, range(count)))
        watcher.cancel()
        return done, most[0]
    policy, before, threads = nucleus.Policy(), children(), []
    with open_files(None):
        done, most = on_loop(main())
    assert [d.stdout for d in done] == [b"%d\n" % n + bytes(300000) for n in range(count)]
    assert most == count
    assert threads == os.listdir("/proc/self/task")
    # Each start has had a round of the loop of its own, so that others got their turn.
    assert len(starts) == count == len(set(starts))


def test_200_processes_at_once():
    async def main():
        processes = [create_process(["cat"], stdin=PIPE, stdout=PIPE, policy=policy) for _ in range(200)]
        processes = await asyncio.gather(*processes)
        assert len(children() - before) == 200
        return [out for out, _ in await asyncio.gather(
            *(p.communicate(b"%d" % n) for n, p in enumerate(processes)))]
    policy, before = nucleus.Policy(), children()
    with open_files(None):
        assert on_loop(main()) == [b"%d" % n for n in range(200)]


def test_more_runs_than_there_are_descriptors_for():
    policy = nucleus.Policy()

    async def main():
        return await asyncio.gather(*(
            run(f"echo {n}; sleep 0.05", shell=True, policy=policy, capture_output=True) for n in range(40)))
    with open_files(len(descriptors()) + 60):
        done = on_loop(main())
    assert [d.stdout for d in done] == [b"%d\n" % n for n in range(40)]


def test_no_descriptors_at_all():
    async def main():
        with pytest.raises(OSError) as error:
            await run(["true"], capture_output=True)
        assert error.value.errno == errno.EMFILE
        with pytest.raises(OSError):
            await create_process(["true"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
    def take():
        fds = []
        with contextlib.suppress(OSError):
            while True:
                fds.append(os.open(os.devnull, os.O_RDONLY))
        return fds
    loop, taken = asyncio.new_event_loop(), []
    try:
        with open_files(max(descriptors()) + 1 + 8):  # there may be no hole below the last one
            taken += take()
            loop.run_until_complete(main())
            for free in range(1, 9):  # some of it can be opened, and must be closed again
                for fd in taken[-free:]:
                    os.close(fd)
                del taken[-free:]
                loop.run_until_complete(main())
                again = take()
                taken += again
                assert len(again) == free
    finally:
        for fd in taken:
            os.close(fd)
        loop.close()


def test_signals_and_threads_are_left_alone():
    def handler(number, frame):
        pass

    async def main():
        assert (await run(["true"])).returncode == 0
        process = await create_process(["cat"], stdin=PIPE, stdout=PIPE)
        assert await process.communicate(b"x") == (b"x", None)
        assert signal.getsignal(signal.SIGCHLD) is wanted
        assert os.listdir("/proc/self/task") == threads
        assert threading.enumerate() == known
    threads, known = os.listdir("/proc/self/task"), threading.enumerate()
    for wanted in (handler, signal.SIG_IGN, signal.SIG_DFL):
        before = signal.signal(signal.SIGCHLD, wanted)
        try:
            on_loop(main())
            assert signal.getsignal(signal.SIGCHLD) is wanted
            assert signal.set_wakeup_fd(-1) == -1
        finally:
            signal.signal(signal.SIGCHLD, before)


def test_two_loops_in_two_threads():
    results, policy = {}, nucleus.Policy()

    async def main(name):
        return await asyncio.gather(*(
            run(f"echo {name}{n}", shell=True, policy=policy, stdout=PIPE, text=True) for n in range(20)))

    def thread(name):
        results[name] = asyncio.run(main(name))
    threads = [threading.Thread(target=thread, args=(name,)) for name in "ab"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for name in "ab":
        assert [d.stdout for d in results[name]] == [f"{name}{n}\n" for n in range(20)]


def test_starts_of_a_loop_do_not_keep_it():
    loop = asyncio.new_event_loop()

    async def main():
        await asyncio.gather(*(run(["true"]) for _ in range(3)))
    loop.run_until_complete(main())
    loop.close()
    reference = weakref.ref(loop)
    del loop
    gc.collect()
    assert reference() is None


# ---- cancellation


async def cancelled_after(rounds, coroutine, times=1):
    """Whether it was cancelled in time; what it gave is closed then."""
    before = (descriptors(), children())
    task = asyncio.ensure_future(coroutine)
    for _ in range(rounds):
        await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    try:
        process = await task
    except asyncio.CancelledError:
        assert (descriptors(), children()) == before
        return True
    if isinstance(process, nucleus.aio.Process):
        await process.close()
    assert (descriptors(), children()) == before
    return False


async def in_callback(stream, data):
    for _ in range(5):
        await asyncio.sleep(0)


async def process_with_input():
    process = await create_process("cat; cat /dev/zero", shell=True, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    async with process:
        await process.communicate(bytes(500000), max_output=10)


async def ended_process():
    async with await create_process(["true"], stdin=PIPE, stdout=PIPE) as process:
        await process.wait()


ENDLESS = {
    "quiet": lambda: run(FOREVER),
    "noisy": lambda: run(["cat", "/dev/zero"], max_output=100, input=bytes(200000)),
    "callback": lambda: run("while echo hi; do echo ho >&2; done", shell=True, on_output=in_callback),
    "late": lambda: run(FOREVER, timeout=1000, capture_output=True),
    "process": process_with_input,
}
FINITE = {
    "short": lambda: run(["echo", "hi"], capture_output=True),
    "started": lambda: create_process(["cat"], stdin=PIPE, stdout=PIPE, stderr=PIPE),
    "ended": ended_process,
}


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("what", ENDLESS)
def test_cancelled_at_any_time(what, times):
    async def main():
        for rounds in [*range(24), 40, 70, 100, 300]:
            assert await cancelled_after(rounds, ENDLESS[what](), times)
    on_loop(main())


@pytest.mark.parametrize("what", FINITE)
def test_cancelled_at_any_time_until_the_end(what):
    async def main():
        rounds, cancelled, finished = 0, 0, 0
        while finished < 3:
            if await cancelled_after(rounds, FINITE[what]()):
                cancelled += 1
            else:
                finished += 1
            rounds += 1 if rounds < 30 else rounds // 3
        assert cancelled >= 1
    on_loop(main())


def test_cancelled_among_many():
    async def main():
        for rounds in (1, 5, 20, 60):
            before = (descriptors(), children())
            group = asyncio.gather(*(run(FOREVER, policy=policy, capture_output=True) for _ in range(20)))
            for _ in range(rounds):
                await asyncio.sleep(0)
            group.cancel()
            with pytest.raises(asyncio.CancelledError):
                await group
            # gather() tells of the first: the others are on their way.
            while (descriptors(), children()) != before:
                await asyncio.sleep(0.01)
    policy = nucleus.Policy()
    keep_root(policy)
    on_loop(main())


def test_one_of_many_is_cancelled_and_the_others_go_on():
    async def main():
        tasks = [asyncio.ensure_future(run(f"sleep {0.3 if n % 2 else 100000}; echo {n}", shell=True, policy=policy,
                                           stdout=PIPE))
                 for n in range(12)]
        await asyncio.sleep(0)
        for n in range(0, 12, 2):
            for _ in range(n):
                await asyncio.sleep(0)
            tasks[n].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)
    policy = nucleus.Policy()
    for n, result in enumerate(on_loop(main())):
        if n % 2:
            assert result.stdout == b"%d\n" % n
        else:
            assert isinstance(result, asyncio.CancelledError)


def test_wait_for():
    async def main():
        before = children()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(run(["cat", "/dev/zero"], max_output=1), 0.3)
        assert children() == before
    on_loop(main())


def test_the_loop_is_not_blocked_while_a_sandbox_ends(monkeypatch):
    """An end takes as long as the kernel likes; here it is told of when the loop has gone on for a while."""
    ended, rounds = [], [0]

    async def main():
        original = nucleus.aio.Watch._ended

        def held_up(watch):
            if rounds[0] >= 50:
                ended.append(rounds[0])
                original(watch)
        monkeypatch.setattr(nucleus.aio.Watch, "_ended", held_up)
        task = asyncio.ensure_future(run(FOREVER))
        while not children() - before:
            await asyncio.sleep(0.001)
        task.cancel()
        while not task.done():
            rounds[0] += 1
            task.cancel()
            await asyncio.sleep(0.001)
        with pytest.raises(asyncio.CancelledError):
            task.result()
    before = children()
    on_loop(main())
    assert ended and ended[0] >= 50


def test_a_keyboard_interrupt_of_asyncio_run():
    async def main():
        def interrupt(stream, data):
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        await asyncio.gather(*(run("echo hi; exec sleep 100000", shell=True, on_output=interrupt)
                               for _ in range(5)))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("what", ["quiet", "noisy", "callback", "process"])
def test_a_loop_that_is_closed_without_asking(what, caplog):
    loop = asyncio.new_event_loop()
    before = children()
    task = loop.create_task(ENDLESS[what]())

    async def begun():
        while not children() - before:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
    loop.run_until_complete(asyncio.wait_for(begun(), PATIENCE))
    mine = children() - before
    assert mine
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        loop.close()
        del task
        gc.collect()
    assert not children() & mine


def test_in_debug_mode_no_coroutine_is_forgotten():
    async def main():
        task = asyncio.ensure_future(run("while echo hi; do :; done", shell=True, on_output=in_callback))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await run(["echo", "hi"], stdout=PIPE)).stdout == b"hi\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main(), debug=True)
        gc.collect()
    assert sys.get_coroutine_origin_tracking_depth() == 0
