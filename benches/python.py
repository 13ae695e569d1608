# SPDX-License-Identifier: MIT
"""What nucleus.run costs beside the C call, and beside subprocess.run of bubblewrap with an equal root.

python3 benches/python.py PLACE ROUNDS USER, with NUCLEUS_LIBRARY set: started by start.py, as the user that it is
about. Prints its groups as JSON. From the call to the end of a static `true`, seen by the caller. Standard
input is /dev/null for both; what one captures, the other does.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List, Sequence

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bindings" / "python"))
import figures  # noqa: E402
import nucleus  # noqa: E402
from drive import Contender, Driver  # noqa: E402
from figures import Group  # noqa: E402

THREADS = 8
WARM_UP = 5
REST = 0.06  # seconds, in which the next is made ahead: whoever is next does not pay for it
PROGRAM = ["/bench/true"]
PLAIN, CALL, BWRAP = "vfork and exec, no sandbox", "nucleus_sandbox_spawn()", "subprocess.run of bwrap"


def run_bwrap(command: Sequence[str], seccomp: str, capture: bool) -> None:
    fd = os.open(seccomp, os.O_RDONLY | os.O_CLOEXEC)
    try:
        words = [str(fd) if word == "@" else word for word in command]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=capture, pass_fds=(fd,))
    finally:
        os.close(fd)


def one_thread(rounds: int, drivers: Dict[str, Driver], functions: Dict[str, Callable[[], object]]
               ) -> Dict[str, List[float]]:
    """All take turns, in another order each time, so that none finds its caches warmer than another; microseconds."""
    times: Dict[str, List[float]] = {name: [] for name in (*drivers, *functions)}
    turns, source = list(times), random.Random(1)
    for number in range(rounds + WARM_UP):
        source.shuffle(turns)
        for name in turns:
            if name in drivers:
                value = drivers[name].round()[0]
            else:
                start = time.perf_counter_ns()
                functions[name]()
                value = (time.perf_counter_ns() - start) / 1e3
            if "made ahead" in name:
                time.sleep(REST)
            if number >= WARM_UP:
                times[name].append(value)
    return times


def many_threads(chunks: int, functions: Dict[str, Callable[[], object]]) -> Dict[str, List[float]]:
    """Finished runs a second."""
    rates: Dict[str, List[float]] = {name: [] for name in functions}
    size = 10 * THREADS

    def again(function: Callable[[], object]) -> Callable[[int], object]:
        return lambda _: function()

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        for number in range(chunks + 1):
            for name, function in functions.items():
                start = time.perf_counter()
                list(pool.map(again(function), range(size)))
                if number:  # the first makes the threads
                    rates[name].append(size / (time.perf_counter() - start))
    return rates


def overhead(times: Dict[str, List[float]]) -> str:
    """Of nucleus.run over the C call."""
    ours, call = times["nucleus.run"], times[CALL]
    plain = statistics.median(times[PLAIN])
    more = figures.interval(lambda picked: statistics.median([ours[i] for i in picked]) -
                            statistics.median([call[i] for i in picked]), len(ours))
    share = figures.Ratio(*(value / plain for value in more))
    return (f"nucleus.run beside the C call: {more.value:+.0f} us ({more.low:+.0f} to {more.high:+.0f}), "
            f"{share} of vfork and exec.")


def times_as_many(times: Dict[str, List[float]]) -> List[str]:
    """Runs a second are the inverse of times."""
    said = []
    for name in times:
        if name.startswith("nucleus.run"):
            theirs = BWRAP + (", captured" if "captured" in name else "")
            said.append(f"{name}: {figures.ratio(times[theirs], times[name])} times as many runs a second as {theirs}.")
    return said


def main() -> int:
    place, rounds, user = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    options: Dict[str, Any] = {"mode": "strict-agent", "volumes": [f"{place}/bin:/bench:ro"]}
    policy, ahead = nucleus.Policy(options), nucleus.Policy(options)
    ahead.prepare(2)
    with tempfile.TemporaryDirectory() as scratch:
        seccomp = f"{scratch}/filter"
        call: Contender = {"name": CALL, "kind": "call", "argv": PROGRAM, "policy": options, "whole": True}
        plain: Contender = {"name": PLAIN, "kind": "exec", "argv": [f"{place}/bin/true"]}
        bwrap: Contender = {"name": "bwrap", "kind": "bwrap", "argv": PROGRAM, "policy": options}
        launcher = place / "bench-launch"
        # The third runs nothing: what its command binds is there as long as it is.
        with Driver(launcher, [], [call]) as of_call, Driver(launcher, [], [plain]) as of_plain, \
                Driver(launcher, [], [bwrap], warm_up=0, filter=seccomp) as other:
            command = other.commands[0]
            functions: Dict[str, Callable[[], object]] = {
                "nucleus.run": lambda: nucleus.run(PROGRAM, policy=policy, check=True),
                "nucleus.run, captured": lambda: nucleus.run(PROGRAM, policy=policy, check=True, capture_output=True),
                "nucleus.run, made ahead": lambda: nucleus.run(PROGRAM, policy=ahead, check=True),
                "nucleus.run, made ahead, captured":
                    lambda: nucleus.run(PROGRAM, policy=ahead, check=True, capture_output=True),
                "nucleus.run, policy made anew": lambda: nucleus.run(PROGRAM, check=True, **options),
                BWRAP: lambda: run_bwrap(command, seccomp, False),
                f"{BWRAP}, captured": lambda: run_bwrap(command, seccomp, True),
            }
            times = one_thread(rounds, {CALL: of_call, PLAIN: of_plain}, functions)
            rates = many_threads(max(4, rounds // 10), {name: functions[name] for name in (
                "nucleus.run", "nucleus.run, made ahead", BWRAP)})
    groups = [
        Group("start", f"Python, static true, strict-agent, {user}", "us", PLAIN, times,
              notes=[overhead(times), *times_as_many(times),
                     f"After a run of what was made ahead, {1000 * REST:.0f} ms of rest, in which the next is made."]),
        Group("start", f"Python, the same from {THREADS} threads, {user}", "runs a second", BWRAP, rates,
              notes=[f"Each round is {10 * THREADS} runs."]),
    ]
    json.dump([dataclasses.asdict(group) for group in groups], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
