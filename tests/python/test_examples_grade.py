# SPDX-License-Identifier: MIT
"""examples/grade.py: verdicts of good submissions, of bad ones, and of those that attack."""

import os
import pathlib
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))

import grade  # noqa: E402

# The task: the sum of the numbers in the second line.
CASES = [grade.Case(b"3\n1 2 3\n", b"6\n"), grade.Case(b"2\n-50 8\n", b"-42\n")]

GOOD_PY = "input(); print(sum(map(int, input().split())))\n"
GOOD_C = r"""
#include <stdio.h>
int main(void)
{
	int n, x, sum = 0;
	for (scanf("%d", &n); n > 0 && scanf("%d", &x) == 1; n--)
		sum += x;
	printf("%d\n", sum);
	return 0;
}
"""

# name: (source, verdict, cases passed, a part of the detail)
SUBMISSIONS = {
    "good.py": (GOOD_PY, "accepted", 2, ""),
    "good.c": (GOOD_C, "accepted", 2, ""),
    "spaces.py": (GOOD_PY.replace("))))", "))), '\\n' * 3)"), "accepted", 2, ""),
    "constant.py": ("print(6)\n", "wrong answer", 1, "6"),
    "silent.c": ("int main(void) { return 0; }\n", "wrong answer", 0, ""),
    "loop.py": ("while True: pass\n", "time limit", 0, "processor time"),
    "loop.c": ("int main(void) { for (volatile int i = 0;; i++); }\n", "time limit", 0,
               "processor time"),
    "stubborn.py": ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
                    "while True: pass\n", "time limit", 0, "processor time"),
    "memory.py": ("x = bytearray(1 << 30)\n", "memory limit", 0, "128 MiB"),
    "memory.c": ("#include <stdlib.h>\n#include <string.h>\n"
                 "int main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }\n",
                 "memory limit", 0, "128 MiB"),
    "flood.py": ("while True: print('x' * 1000)\n", "output limit", 0, "65536"),
    "flood_error.py": ("import sys\nwhile True: sys.stderr.write('x' * 1000)\n", "output limit", 0,
                       "65536"),
    "crash.c": ("int main(void) { *(volatile int *)0 = 1; }\n", "runtime error", 0, "signal 11"),
    "raise.py": ("raise ValueError('\\x1b[2J')\n", "runtime error", 0, "ValueError: \\x1b[2J"),
    "status.c": ("int main(void) { return 3; }\n", "runtime error", 0, "exit status 3"),
    "no_c.c": ("int main(void) { return x; }\n", "compile error", 0, "'x' undeclared"),
    "syntax.py": ("def\n", "runtime error", 0, "SyntaxError"),
    # The compiler is attacked.
    "huge.c": ("int a[1 << 28] = {1}; int main(void) { return a[5]; }\n", "compile error", 0, ""),
    "endless.c": ('#include "/dev/zero"\n', "compile error", 0, ""),
    "shadow.c": ('#include "/etc/shadow"\n', "compile error", 0, "No such file"),
    "embed.c": ('__asm__(".incbin \\"/etc/shadow\\""); int main(void) { return 0; }\n',
                "compile error", 0, ""),
    # What is there to be had, is attacked.
    "network.py": ("import socket\nsocket.create_connection(('192.0.2.1', 80))\n", "refused", 0,
                   "connect:192.0.2.1:80, by network namespace"),
    "disk.py": ("n = 0\nwhile True:\n  n += 1\n  open(f'/tmp/{n}', 'wb').write(bytes(1 << 20))\n",
                "runtime error", 0, "No space left"),
    "file.py": ("open('/tmp/x', 'wb').write(bytes(1 << 26))\n", "runtime error", 0,
                "File too large"),
    "forge_source.py": ("open('/workspace/main.py', 'w').write('print(6)')\n", "refused", 0,
                        "write:/workspace/main.py, by mount"),
    "forge_verdict.py": ("import sys\nsys.stderr.write('accepted')\nprint('accepted  2/2')\n"
                         "open('/workspace/verdict', 'w').write('accepted')\n", "refused", 0,
                         "mount"),
    "forge_table.py": ("print('x\\r\\x1b[Kgood.py  accepted')\n", "wrong answer", 0,
                       "x\\r\\x1b[Kgood.py"),
    "module.py": ("import ctypes\nctypes.CDLL(None).syscall(175, 0, 0, 0)\n", "refused", 0,
                  "seccomp"),
    "kill.py": ("import os\nfor pid in (os.getppid(), 1, -1):\n  try: os.kill(pid, 9)\n"
                "  except OSError: pass\n" + GOOD_PY, "accepted", 2, ""),
    "daemon.py": ("import os, time\nif os.fork() == 0:\n  os.setsid(); time.sleep(1000)\n"
                  + GOOD_PY, "accepted", 2, ""),
}

# These are ended by the clock, and only by the clock.
PATIENT = {
    "bomb.c": "#include <unistd.h>\nint main(void) { for (;;) fork(); }\n",
    "bomb.py": "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass\n",
    "sleep.py": "import time\ntime.sleep(1000)\n",
    "deaf.py": "import signal\nfor n in set(signal.Signals) - {9, 19}:\n"
               "  signal.signal(n, signal.SIG_IGN)\nwhile True: signal.pause()\n",
}

# A generous clock: these tests share their machine.
LIMITS = grade.Limits(cpu_seconds=2, clock_seconds=120)


@pytest.fixture
def submit(tmp_path):
    """Writes submissions, and grades all of them at once."""
    def submit(sources, cases=CASES, limits=LIMITS, workers=8):
        paths = []
        for name, source in sources.items():
            path = tmp_path / "submissions" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(source)
            paths.append(str(path))
        verdicts = grade.grade_all(grade.Grader(cases, limits), paths, workers)
        assert [v.name for v in verdicts] == list(sources)
        return {v.name: v for v in verdicts}
    return submit


def test_verdicts(submit):
    verdicts = submit({name: row[0] for name, row in SUBMISSIONS.items()})
    expected = {name: (row[1], row[2]) for name, row in SUBMISSIONS.items()}
    assert {v.name: (v.verdict, v.passed) for v in verdicts.values()} == expected, verdicts
    for name, row in SUBMISSIONS.items():
        detail = verdicts[name].detail.replace("\u2018", "'").replace("\u2019", "'")
        assert row[3] in detail and "\x1b" not in detail, verdicts[name]


def test_the_clock(submit):
    verdicts = submit(PATIENT, limits=grade.Limits(clock_seconds=3))
    assert {v.name: (v.verdict, v.detail) for v in verdicts.values()} == {
        name: ("time limit", "3 s by the clock") for name in PATIENT}


def test_answers_cannot_be_read(submit, tmp_path):
    """Told where they are, and looking everywhere: what it finds it would print, and be right."""
    (tmp_path / "task").mkdir()
    for number, case in enumerate(CASES, 1):
        (tmp_path / "task" / f"{number}.in").write_bytes(case.given)
        (tmp_path / "task" / f"{number}.out").write_bytes(case.expected)
    cases = grade.read_cases(str(tmp_path / "task"))
    assert cases == CASES
    answers = f"{tmp_path}/task"
    verdicts = submit({
        "open.py": f"print(open({answers!r} + '/1.out').read())\n",
        "link.py": f"import os\nos.symlink({answers!r}, '/tmp/a')\n"
                   "print(open('/tmp/a/1.out').read())\n",
        "up.py": f"print(open('/workspace/../../../..' + {answers!r} + '/1.out').read())\n",
        "grader.py": f"print(open('/proc/{os.getpid()}/cwd' + {answers!r} + '/1.out').read())\n",
        "init.py": f"print(open('/proc/1/root' + {answers!r} + '/1.out').read())\n",
        "memory.py": f"print(open('/proc/{os.getpid()}/mem', 'rb').read(1))\n",
        "walk.py": "import os\nfor place, _, names in os.walk('/', onerror=None):\n"
                   "  if '1.out' in names: print(open(place + '/1.out').read()); raise SystemExit\n"
                   "raise LookupError('nothing')\n",
        "descriptors.py": "import os\nfor n in range(3, 64):\n"
                          "  try: print(os.read(n, 99).decode())\n  except OSError: pass\n"
                          "raise LookupError('nothing')\n",
    }, cases, grade.Limits(cpu_seconds=60, clock_seconds=120))
    for v in verdicts.values():
        assert v.verdict in ("runtime error", "refused") and v.passed == 0, v
        assert "Error" in v.detail or v.verdict == "refused", v


def test_the_grader_cannot_be_killed(submit):
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        kill = (f"import os, signal\nfor pid in ({os.getpid()}, {victim.pid}, {os.getppid()}):\n"
                "  for n in (0, 9):\n    try: os.kill(pid, n); print('reached')\n"
                "    except ProcessLookupError: pass\n")
        assert submit({"kill.py": kill + GOOD_PY})["kill.py"].verdict == "accepted"
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_a_hundred_in_parallel(submit):
    kinds = [("good", GOOD_PY, "accepted"), ("constant", "print(7)\n", "wrong answer"),
             ("raise", "raise ValueError\n", "runtime error"),
             ("memory", "x = bytearray(1 << 30)\n", "memory limit"),
             ("flood", "while True: print('x' * 1000)\n", "output limit"),
             ("module", SUBMISSIONS["module.py"][0], "refused"),
             ("good_too", GOOD_PY, "accepted"), ("daemon", SUBMISSIONS["daemon.py"][0], "accepted"),
             ("forge", SUBMISSIONS["forge_source.py"][0], "refused"),
             ("good_again", GOOD_PY, "accepted")]
    sources = {f"{name}{n}.py": source for n in range(10) for name, source, _ in kinds}
    expected = {f"{name}{n}.py": verdict for n in range(10) for name, _, verdict in kinds}
    assert len(sources) == 100
    verdicts = submit(sources, CASES[:1], grade.Limits(cpu_seconds=20, clock_seconds=300),
                      workers=100)
    assert {v.name: v.verdict for v in verdicts.values()} == expected


def test_what_is_handed_in_is_a_file(tmp_path):
    """A link leads to what only the grader may read; a pipe, to nowhere."""
    (tmp_path / "secret").write_text(GOOD_PY)
    (tmp_path / "link.py").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "directory.py").mkdir()
    (tmp_path / "large.py").write_text("#" * (grade.MAX_SOURCE + 1))
    names = ["link.py", "pipe.py", "directory.py", "large.py", "none.py"]
    verdicts = grade.grade_all(grade.Grader(CASES), [str(tmp_path / name) for name in names], 2)
    assert [(v.name, v.verdict) for v in verdicts] == [(name, "compile error") for name in names]


def test_the_table(capsys):
    grade.print_table([grade.Verdict("a.py", "accepted", 2, 0.25, ""),
                       grade.Verdict("\x1b[2J.py", "runtime error", 0, 1.0, "exit status 1")], 2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["submission", "verdict", "passed", "time", "detail"], ["a.py", "accepted", "2/2", "0.25s"],
        ["\\x1b[2J.py", "runtime", "error", "0/2", "1.00s", "exit", "status", "1"]]


def test_a_task_without_cases(tmp_path):
    with pytest.raises(FileNotFoundError):
        grade.read_cases(str(tmp_path))
