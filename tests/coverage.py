#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The line coverage of lib/, out of what the tests left in a build with -Db_coverage=true.

    coverage.py BUILD_DIR [LEAST]

Prints the figure, and for each file below it the lines that were not run, by function. Ends with
"N passed, N failed": that the figure is LEAST percent (85), and that every file of lib/ is either in it
or named below with the reason why it cannot be.
"""

import json
import pathlib
import re
import subprocess
import sys

NOT_MEASURED = {
    "lib/launch/child.c": "runs in the caller's memory by raw system calls, and may call nothing; "
                          "the live, fault and attack suites run every step of it",
    **{f"lib/launch/{name}.c": "of nucleus-init, a static program without libc; the same suites run it"
       for name in ("ahead", "init", "learn", "look", "mounts", "observe", "observe_files", "trace")},
    "lib/seccomp/filters.c": "data: it has no line of code",
}
SOURCE = pathlib.Path(__file__).resolve().parent.parent
SHOWN = 6  # functions of a file


def measure(build):
    """{file of lib/: {line: how often it was run}}"""
    out = subprocess.run(["gcovr", "--root", SOURCE, "--filter", f"{SOURCE}/lib/",
                          "--object-directory", build, build, "--json", "-"],
                         check=True, capture_output=True, text=True).stdout
    files = {}
    for f in json.loads(out)["files"]:
        lines = {n["line_number"]: n["count"] for n in f["lines"]
                 if not n.get("gcovr/noncode", False)}
        if lines:
            files[f["file"]] = lines
    return files


def functions(path):
    """[(first line, name)], by the way that this project writes them: a name and '(' in column 0."""
    found = []
    for number, line in enumerate((SOURCE / path).read_text(encoding="utf-8").splitlines(), 1):
        m = re.match(r"[a-z][\w\s*]*?\b(\w+)\(", line)
        if m and not line.rstrip().endswith(";"):
            found.append((number, m[1]))
    return found


def missed(path, lines):
    """'name 3 of 9 (12-14), ...': functions with lines that were not run, the most first."""
    names = functions(path)
    by_name = {}
    for number in sorted(lines):
        name = next((n for first, n in reversed(names) if first <= number), "?")
        by_name.setdefault(name, []).append(number)
    parts = []
    for name, numbers in by_name.items():
        bad = [n for n in numbers if not lines[n]]
        if bad:
            where = f"{bad[0]}-{bad[-1]}" if len(bad) > 1 else f"{bad[0]}"
            parts.append((len(bad), f"{name}() {len(bad)} of {len(numbers)} ({where})"))
    parts.sort(key=lambda p: -p[0])
    rest = [f"{len(parts) - SHOWN} more"] if len(parts) > SHOWN else []
    return ", ".join([words for _, words in parts[:SHOWN]] + rest)


def percent(lines):
    return 100 * sum(1 for n in lines.values() if n) / len(lines)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    least = float(sys.argv[2]) if len(sys.argv) > 2 else 85.0
    passed = failed = 0

    def check(ok, what):
        nonlocal passed, failed
        passed, failed = passed + bool(ok), failed + (not ok)
        if not ok:
            print(f"FAILED: {what}")

    files = measure(build)
    every = {(f, n): count for f, lines in files.items() for n, count in lines.items()}
    figure = percent(every)
    print(f"note: line coverage of lib/: {figure:.1f} % of {len(every)} lines (at least {least:g} %)")
    for name, lines in sorted(files.items(), key=lambda f: percent(f[1])):
        if percent(lines) < least:
            print(f"note:   {name} {percent(lines):.0f} %: not run: {missed(name, lines)}")
    for name, why in NOT_MEASURED.items():
        print(f"note:   {name} is not measured: {why}")
    for name, lines in sorted(files.items()):
        print(f"{percent(lines):6.1f} %  {len(lines):4}  {name}")

    check(figure >= least, f"the figure is {figure:.1f} %, below {least:g} %")
    for path in sorted(SOURCE.glob("lib/**/*.c")):
        name = str(path.relative_to(SOURCE))
        if name in NOT_MEASURED:
            check(name not in files, f"{name} is measured: it must have no instrumentation")
        else:
            check(name in files, f"{name} is not in the figure, and nothing says why")
    check(all((SOURCE / name).is_file() for name in NOT_MEASURED), "a file named here is gone")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
