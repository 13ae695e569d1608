# SPDX-License-Identifier: MIT
"""What nucleus.run costs beside the C call, and beside subprocess.run of bubblewrap with an equal root.

python3 benches/python.py BENCH_LAUNCH TRUE ROUNDS, with NUCLEUS_LIBRARY set. From the call to the end of a
static `true`, seen by the caller. Contenders take turns, so that whatever else the machine does hits all of
them; figures are medians, with the 95 % interval of 1,000 resamplings of the rounds. Standard
input is /dev/null for both; what one captures, the other does.
"""

import concurrent.futures
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bindings" / "python"))
import nucleus  # noqa: E402

THREADS = 8
WARM_UP = 5
PROGRAM = ["/bench/true"]


class Call:
    """The C call, in a process of its own that does one when it is asked to, and a plain vfork and exec."""

    def __init__(self, bench: str, true: str, filter_file: str) -> None:
        self._process = subprocess.Popen([bench, "--serve", true, filter_file], text=True, bufsize=1,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.bwrap = list(self._lines())
        self.plain: List[float] = []  # microseconds

    def _line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"benches/python.py: {self._process.args!r} ended")
        return line.rstrip("\n")

    def _lines(self) -> Iterator[str]:
        while True:
            line = self._line()
            if not line:
                return
            yield line

    def microseconds(self) -> float:
        assert self._process.stdin
        self._process.stdin.write("\n")
        call, plain = (int(word) / 1e3 for word in self._line().split())
        self.plain.append(plain)
        return call

    def close(self) -> None:
        self._process.communicate()


def seen(function: Callable[[], object]) -> Callable[[], float]:
    def microseconds() -> float:
        start = time.perf_counter_ns()
        function()
        return (time.perf_counter_ns() - start) / 1e3

    return microseconds


def interval(statistic: Callable[[List[int]], float], rounds: int) -> Tuple[float, float, float]:
    """A statistic of all rounds, and its 95 % interval."""
    source = random.Random(1)
    again = sorted(statistic(source.choices(range(rounds), k=rounds)) for _ in range(1000))
    return statistic(list(range(rounds))), again[25], again[974]


def median(values: Sequence[float], picked: List[int]) -> float:
    return statistics.median(values[i] for i in picked)


def one_thread(rounds: int, contenders: Dict[str, Callable[[], float]]) -> Dict[str, List[float]]:
    times: Dict[str, List[float]] = {name: [] for name in contenders}
    for number in range(rounds + WARM_UP):
        for name, microseconds in contenders.items():
            taken = microseconds()
            if number >= WARM_UP:
                times[name].append(taken)
    return times


def many_threads(rounds: int, function: Callable[[], object], pool: concurrent.futures.Executor) -> float:
    """Finished runs per second."""
    start = time.perf_counter()
    list(pool.map(lambda _: function(), range(rounds)))
    return rounds / (time.perf_counter() - start)


def say(name: str, values: Sequence[float], unit: str) -> None:
    ordered = sorted(values)
    print(f"{name:<44} {statistics.median(ordered):8.0f} {ordered[int(0.95 * (len(ordered) - 1))]:8.0f}  {unit}")


def compare(name: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Of times."""
    print("%-44s %.2f (%.2f to %.2f)  times as many runs as of bwrap"
          % (name, *interval(lambda p: median(theirs, p) / median(ours, p), len(ours))))


def main() -> int:
    bench, true, rounds = sys.argv[1], os.path.realpath(sys.argv[2]), int(sys.argv[3])
    options: Dict[str, Any] = {"mode": "strict-agent", "volumes": [f"{os.path.dirname(true)}:/bench:ro"]}
    policy, ahead = nucleus.Policy(options), nucleus.Policy(options)
    ahead.prepare(2)
    with tempfile.TemporaryDirectory() as scratch:
        call = Call(bench, true, os.path.join(scratch, "filter"))
        seccomp = os.path.join(scratch, "filter")

        def sandbox() -> None:
            nucleus.run(PROGRAM, policy=policy, check=True)

        def sandbox_ahead() -> None:
            nucleus.run(PROGRAM, policy=ahead, check=True)

        def sandbox_ahead_captured() -> None:
            nucleus.run(PROGRAM, policy=ahead, check=True, capture_output=True)

        def sandbox_of_options() -> None:
            nucleus.run(PROGRAM, check=True, **options)

        def sandbox_captured() -> None:
            nucleus.run(PROGRAM, policy=policy, check=True, capture_output=True)

        def bwrap(capture: bool = False) -> None:
            fd = os.open(seccomp, os.O_RDONLY | os.O_CLOEXEC)
            try:
                words = [str(fd) if word == "@" else word for word in call.bwrap]
                subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=capture,
                               pass_fds=(fd,))
            finally:
                os.close(fd)

        # What is made ahead while its program runs may take longer than that: one of ours then pays for it.
        contenders: Dict[str, Callable[[], float]] = {
            "nucleus_sandbox_spawn()": call.microseconds,
            "nucleus.run": seen(sandbox),
            "nucleus.run, captured": seen(sandbox_captured),
            "nucleus.run, made ahead": seen(sandbox_ahead),
            "nucleus.run, made ahead, captured": seen(sandbox_ahead_captured),
            "nucleus.run, policy made anew": seen(sandbox_of_options),
            "subprocess.run of bwrap": seen(bwrap),
            "subprocess.run of bwrap, captured": seen(lambda: bwrap(True)),
        }
        times = one_thread(rounds, contenders)
        print(f"{'one thread, ' + str(rounds) + ' rounds':<44} {'median':>8} {'p95':>8}")
        for name, values in times.items():
            say(name, values, "us")
        c, ours = times["nucleus_sandbox_spawn()"], times["nucleus.run"]
        plain = statistics.median(call.plain)
        more = interval(lambda p: median(ours, p) - median(c, p), rounds)
        print("nucleus.run beside the C call: %+.0f us (%+.0f to %+.0f)" % more, end="")
        print(", %.2f (%.2f to %.2f)" % tuple(us / plain for us in more), f"of vfork and exec, {plain:.0f} us")
        for name in list(times)[1:5]:
            compare(name, times[name],
                    times["subprocess.run of bwrap" + (", captured" if "captured" in name else "")])

        chunks, size = max(4, rounds // 20), 10 * THREADS
        many: Dict[str, Callable[[], object]] = {
            "nucleus.run": sandbox, "nucleus.run, made ahead": sandbox_ahead, "subprocess.run of bwrap": bwrap}
        rates: Dict[str, List[float]] = {name: [] for name in many}
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            for number in range(chunks + 1):
                for name, function in many.items():
                    rate = many_threads(size, function, pool)
                    if number:  # the first makes the threads
                        rates[name].append(rate)
        print(f"\n{THREADS} threads, {chunks} rounds of {size} runs")
        for name, values in rates.items():
            say(name, values, "runs a second")
        theirs = rates.pop("subprocess.run of bwrap")
        for name, values in rates.items():
            compare(name, [1 / rate for rate in values], [1 / rate for rate in theirs])
        call.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
