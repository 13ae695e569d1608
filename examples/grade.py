#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Grades programs that nobody has read: Python and C, many at once, each in a sandbox of its own.

    python3 examples/grade.py TASK SUBMISSION...

TASK is a directory with 1.in, 1.out, 2.in, 2.out, ...: what a submission reads, and what it is to
write. C is compiled in a sandbox too. What is compared stays outside, and so does the verdict: the
sandbox has the submission and its input, and nothing that it writes is more than an answer.

Time is processor time, so that it does not matter how many are graded beside; sleeping is bounded
by the clock. Memory is a control group's where the host has them, and always the address space of
each process. Of that a program learns by an allocation that fails: see _out_of_memory().
"""

import argparse
import os
import signal
import stat
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Iterable, List, NamedTuple, Optional, Tuple

import nucleus
from shared import ending, limited, one_line, policy_with_memory, tried

COMPILER_SECONDS = 60  # by the clock
COMPILER_MEMORY = 512 << 20
MAX_PROGRAM = 16 << 20
MAX_SOURCE = 1 << 20

ACCEPTED, WRONG, TIME, MEMORY, OUTPUT, RUNTIME, COMPILE, REFUSED = (
    "accepted", "wrong answer", "time limit", "memory limit", "output limit", "runtime error",
    "compile error", "refused")

_LIMIT_CPU = 'ulimit -S -t "$1" && ulimit -H -t $(($1 + 1)) && shift && exec "$@"'


class Limits(NamedTuple):
    """For one case."""

    cpu_seconds: int = 2
    clock_seconds: int = 20
    memory: int = 128 << 20  # bytes
    output: int = 64 << 10  # bytes of standard output, and of standard error
    files: int = 8 << 20  # bytes of a file, and of all in /tmp


class Case(NamedTuple):
    given: bytes
    expected: bytes


class Verdict(NamedTuple):
    name: str
    verdict: str
    passed: int  # cases, up to the first that was not
    seconds: float  # of processor time, the most for one case
    detail: str


class _TooMuchOutput(Exception):
    pass


class Grader:
    """Policies, made once, for all submissions of a task. Any thread may grade()."""

    def __init__(self, cases: List[Case], limits: Limits = Limits()) -> None:
        self._cases, self._limits = cases, limits
        self._run = policy_with_memory(
            limits.memory, mode="strict-agent", workspace_exec=True, workspace_mode="bind-ro",
            observe="all", limits_timeout=limits.clock_seconds, limits_processes=16,
            limits_files=64, limits_file_size=limits.files, limits_tmp_size=limits.files,
            limits_home_size=limits.files, limits_shm_size=limits.files)
        self._compile = policy_with_memory(
            COMPILER_MEMORY, mode="strict-agent", limits_timeout=COMPILER_SECONDS,
            limits_processes=16, limits_file_size=MAX_PROGRAM, limits_tmp_size="64M")

    def grade(self, path: str) -> Verdict:
        """Runs a submission on each case, up to the first that goes wrong."""
        name = os.path.basename(path)
        source = _read_source(path)
        if source is None:
            return Verdict(name, COMPILE, 0, 0.0, f"no regular file of up to {MAX_SOURCE} bytes")
        with tempfile.TemporaryDirectory() as directory:
            if name.endswith(".c"):
                argv = ["./program"]
                complaint = self._compile_c(source, directory)
                if complaint is not None:
                    return Verdict(name, COMPILE, 0, 0.0, complaint)
            else:
                argv = ["python3", "-S", "main.py"]
                _write(os.path.join(directory, "main.py"), source, 0o644)
            most = 0.0
            for number, case in enumerate(self._cases):
                verdict, detail, seconds = self._case(argv, directory, case)
                most = max(most, seconds)
                if verdict != ACCEPTED:
                    return Verdict(name, verdict, number, most, detail)
        return Verdict(name, ACCEPTED, len(self._cases), most, "")

    def _compile_c(self, source: bytes, directory: str) -> Optional[str]:
        """Makes `directory`/program, or says why there is none.

        The sandbox is given the source by its standard input, and gives the program by its output:
        no directory of the host is written to on behalf of what is in the source.
        """
        build = "gcc -O2 -pipe -x c -o /tmp/program - -lm && cat /tmp/program"
        done = nucleus.run(limited(["sh", "-c", build], COMPILER_MEMORY), policy=self._compile,
                           input=source, max_output=MAX_PROGRAM)
        if done.returncode != 0 or done.stdout_dropped:
            return one_line(done.stderr.decode("utf-8", "replace") or ending(done), 120)
        _write(os.path.join(directory, "program"), done.stdout, 0o755)
        return None

    def _case(self, argv: List[str], directory: str, case: Case) -> Tuple[str, str, float]:
        output = {"stdout": bytearray(), "stderr": bytearray()}

        def take(stream: str, data: bytes) -> None:
            output[stream] += data
            if len(output[stream]) > self._limits.output:
                raise _TooMuchOutput

        bounded = ["/bin/sh", "-c", _LIMIT_CPU, "sh", str(self._limits.cpu_seconds),
                   *limited(argv, self._limits.memory)]
        try:
            done = nucleus.run(bounded, policy=self._run, workspace_path=directory,
                               input=case.given, on_output=take)
        except _TooMuchOutput:  # nucleus.run() has ended it
            return OUTPUT, f"more than {self._limits.output} bytes", 0.0
        seconds = (done.stats.get("user_time_us", 0) + done.stats.get("system_time_us", 0)) / 1e6
        verdict, detail = _judge(done, seconds, bytes(output["stderr"]), self._limits)
        if verdict == ACCEPTED and output["stdout"].split() != case.expected.split():
            verdict, detail = WRONG, one_line(output["stdout"].decode("utf-8", "replace"), 60)
        return verdict, detail, seconds


def _judge(done: nucleus.CompletedProcess, seconds: float, stderr: bytes,
           limits: Limits) -> Tuple[str, str]:
    """What a program's end says of it; ACCEPTED if nothing speaks against it yet."""
    refused = [d for d in done.denials if d.weight != "low"]
    if done.outcome == "timed out":
        return TIME, f"{limits.clock_seconds} s by the clock"
    if done.returncode == -signal.SIGXCPU or seconds > limits.cpu_seconds:
        return TIME, f"{limits.cpu_seconds} s of processor time"
    if done.outcome == "oom" or _out_of_memory(done, stderr, limits.memory):
        return MEMORY, f"{limits.memory >> 20} MiB"
    if done.outcome == "refused" or (done.returncode != 0 and refused):
        return REFUSED, one_line("; ".join(f"{tried(d)}, by {d.layer}" for d in refused[-2:]), 120)
    if done.returncode != 0:
        last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return RUNTIME, one_line(f"{ending(done)}: {last}" if last else ending(done), 120)
    return ACCEPTED, ""


def _out_of_memory(done: nucleus.CompletedProcess, stderr: bytes, limit: int) -> bool:
    """Whether a program failed for RLIMIT_AS: a guess, which decides between two failures.

    Python says so. Others had most of what there was, if they used what they asked for.
    """
    return done.returncode != 0 and (stderr.rstrip().endswith(b"MemoryError")
                                     or done.stats.get("max_rss_bytes", 0) > limit * 3 // 4)


def _read_source(path: str) -> Optional[bytes]:
    """What was handed in: what a link leads to was not, and reading a pipe might never end."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            source = file.read(MAX_SOURCE + 1)
    except OSError:
        return None
    return source if len(source) <= MAX_SOURCE else None


def _write(path: str, data: bytes, mode: int) -> None:
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def read_cases(task: str) -> List[Case]:
    """The cases of a task, in order of their numbers."""
    cases: List[Case] = []
    while os.path.exists(os.path.join(task, f"{len(cases) + 1}.in")):
        both = []
        for suffix in ("in", "out"):
            with open(os.path.join(task, f"{len(cases) + 1}.{suffix}"), "rb") as file:
                both.append(file.read())
        cases.append(Case(*both))
    if not cases:
        raise FileNotFoundError(f"{task}: there is no 1.in")
    return cases


def grade_all(grader: Grader, paths: Iterable[str], workers: int) -> List[Verdict]:
    """The verdicts in the order of the submissions, `workers` of which are graded at once."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(grader.grade, paths))


def print_table(verdicts: List[Verdict], cases: int) -> None:
    width = max([len(v.name) for v in verdicts] + [10])
    print(f"{'submission':{width}}  {'verdict':13}  passed   time  detail")
    for v in verdicts:
        print(f"{one_line(v.name):{width}}  {v.verdict:13}  {v.passed:2}/{cases:<2}  "
              f"{v.seconds:5.2f}s  {v.detail}".rstrip())


def main() -> int:
    parser = argparse.ArgumentParser(description="Grades Python and C programs, each in a sandbox.")
    parser.add_argument("task", help="directory with 1.in, 1.out, 2.in, ...")
    parser.add_argument("submissions", nargs="+", help="*.py or *.c")
    parser.add_argument("--workers", type=int, default=2 * (os.cpu_count() or 1),
                        help="graded at once (default: %(default)s)")
    options = parser.parse_args()
    cases = read_cases(options.task)
    verdicts = grade_all(Grader(cases), options.submissions, options.workers)
    print_table(verdicts, len(cases))
    return 0 if all(v.verdict == ACCEPTED for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
