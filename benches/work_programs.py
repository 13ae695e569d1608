# SPDX-License-Identifier: MIT
"""Steady work of programs: git, gcc, Python's own tests. And what all scripts of bench `work` begin with."""

import pathlib
import random
import subprocess
from typing import List

from work_task import Figure, Task, nothing

# measure NAME COUNT COMMAND...: runs it COUNT times. Builtins only: a process started here would be measured, too.
PRELUDE = r"""set -eu
folder=$1
shift
LC_ALL=C
exec 3>&1 # figures; what is measured says what it likes
cpu_us() { # of all children that have ended, in REPLY
	times >"$folder/times"
	{ read -r _; read -r user system; } <"$folder/times"
	REPLY=0
	for t in "$user" "$system"; do
		m=${t%m*} s=${t#*m} s=${s%s}
		REPLY=$((REPLY + m * 60000000 + 10#${s/./} * 1000))
	done
}
measure() {
	local name=$1 n=$2 i begin end cpu
	shift 2
	cpu_us
	cpu=$REPLY
	begin=${EPOCHREALTIME/./}
	for ((i = 0; i < n; i++)); do "$@" >/dev/null; done
	end=${EPOCHREALTIME/./}
	cpu_us
	echo "$name $n $((end - begin)) $((REPLY - cpu))" >&3
}
"""

GIT_AUTHOR = "bench <bench@example.org>"


def fast_import(files: int, commits: int) -> bytes:
    """A history for `git fast-import`: the first commit makes all files, each other changes some."""
    source = random.Random(1)
    paths = [f"d{i % 40}/e{i // 40 % 25}/file{i}.txt" for i in range(files)]
    out: List[bytes] = []
    for commit in range(commits):
        subject = f"commit {commit}\n".encode()
        out.append(b"commit refs/heads/main\ncommitter %s %d +0000\ndata %d\n%s"
                   % (GIT_AUTHOR.encode(), 1600000000 + 60 * commit, len(subject), subject))
        for path in source.sample(paths, 20) if commit else paths:
            text = "".join(f"line {source.randrange(1000)}\n" for _ in range(20)).encode()
            out.append(b"M 100644 inline %s\ndata %d\n%s" % (path.encode(), len(text), text))
    return b"".join(out)


def fill_git(folder: pathlib.Path, quick: bool, inside: List[str]) -> None:
    git = [*inside, "git", "-C", str(folder)]
    history = fast_import(*((2000, 50) if quick else (20000, 500)))
    subprocess.run([*git, "init", "-q", "-b", "main", "repository"], check=True)
    git[-1] += "/repository"
    subprocess.run([*git, "fast-import", "--quiet"], check=True, input=history)
    subprocess.run([*git, "reset", "-q", "--hard", "main"], check=True)


# The index keeps what files are, owners among it, which a sandbox sees otherwise: each refreshes it first.
GIT = r"""
cd "$folder/repository"
git update-index -q --refresh
measure status "$1" git status --porcelain
measure log "$1" git log --stat
"""


def c_program(functions: int) -> str:
    """Loops, switches and calls, for the optimiser to look at."""
    source = random.Random(1)
    lines = ["static unsigned table[256];"]
    for i in range(functions):
        call = f"f{source.randrange(i)}(x ^ {i}, n / 2)" if i else "x"
        lines += [f"unsigned f{i}(unsigned x, unsigned n)", "{",
                  f"\tfor (unsigned i = 0; i < n; i++) {{", f"\t\tswitch ((x + i) % {source.randrange(5, 12)}) {{"]
        lines += [f"\t\tcase {c}: x = x * {source.randrange(3, 99)}u + "
                  f"table[(x >> {source.randrange(1, 24)}) & 255]; break;" for c in range(5)]
        lines += [f"\t\tdefault: table[i & 255] ^= x + {call}; break;", "\t\t}", "\t}",
                  f"\treturn x - table[n & 255];", "}"]
    return "\n".join(lines) + "\n"


def fill_gcc(folder: pathlib.Path, quick: bool, inside: List[str]) -> None:
    del inside
    (folder / "program.c").write_text(c_program(30 if quick else 80), encoding="utf-8")


# -pipe: /tmp of a sandbox is memory, and of a host may not be.
GCC = r"""
cd "$folder"
measure gcc 1 gcc -O2 -pipe -c program.c -o program.o
"""

# Of computing and of the interpreter itself; those of processes and of files are about what a sandbox has not. By
# unittest: `python3 -m test` wants the machine's load averages (sysinfo), which the filter refuses.
SUITES = "test.test_dict test.test_string test.test_textwrap test.test_heapq test.test_bisect"
PYTHON = rf"""
cd "$folder"
suites() {{ python3 -m unittest -q {SUITES} 2>&1; }}
measure python 1 suites
"""


TASKS = [
    Task("git", {"status": Figure("git status, 20,000 files", "runs/s", 0.97),
                 "log": Figure("git log --stat, 500 commits", "runs/s", 0.97)},
         fill_git, lambda quick: ["1" if quick else "2"], GIT, rounds=12, in_runsc=True),
    Task("gcc", {"gcc": Figure("gcc -O2 of a generated program", "runs/s", 0.97)},
         fill_gcc, lambda quick: [], GCC, rounds=12, in_runsc=True),
    Task("python", {"python": Figure("python3 -m unittest, five suites of Python's own", "runs/s", 0)},
         nothing, lambda quick: [], PYTHON, rounds=12, notes=[f"Suites: {SUITES}."]),
]
