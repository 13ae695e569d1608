# SPDX-License-Identifier: MIT
"""What the Python examples share: a memory limit for any host, and what happened as text."""

import errno
from typing import Any, List, Sequence

import nucleus

MAX_DENIALS = 5  # told of one run: the last ones, which mostly are why it failed

_LIMIT_MEMORY = 'ulimit -v "$1" && shift && exec "$@"'


def limited(argv: Sequence[str], memory: int) -> List[str]:
    """`argv` with at most `memory` bytes of address space for each process: RLIMIT_AS.

    The shell is gone when the program starts, and no program can raise the limit again. It holds
    on any host, but each process has its own: policy_with_memory() adds one for all of them.
    """
    return ["/bin/sh", "-c", _LIMIT_MEMORY, "sh", str(memory // 1024), *argv]


def policy_with_memory(memory: int, **options: Any) -> nucleus.Policy:
    """A policy whose sandboxes may use `memory` bytes in all, if this host has control groups.

    Mode strict-agent refuses to do without, where memory is asked for. That limited() is enough
    then is decided here.
    """
    policy = nucleus.Policy(memory=memory, **options)
    try:
        policy.hash()  # compiles it for this host
    except nucleus.NucleusError as error:
        if error.errno != errno.EOPNOTSUPP or error.layer != "limit by control group":
            raise
        return nucleus.Policy(**options)
    return policy


def visible(text: str) -> str:
    """`text` with all but newlines and tabs shown that would not be seen as it is.

    Terminal escapes, other controls, marks that turn the direction of writing: \\x1b, \\u202e.
    """
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii")
        for c in text)


def one_line(text: str, limit: int = 500) -> str:
    """`text` as one visible line of at most about `limit` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= limit else line[:limit] + " ..."


def ending(result: nucleus.CompletedProcess) -> str:
    """How a run ended, in words."""
    if result.outcome == "exited":
        return f"exit status {result.returncode}"
    if result.outcome == "timed out":
        return "ended, with all that it had started: the time limit"
    if result.outcome == "oom":
        return "ended, with all that it had started: the memory limit"
    if result.outcome == "refused":
        return "ended for a system call that no program may make"
    return f"ended by signal {-result.returncode}"


def tried(denial: nucleus.Denial) -> str:
    """What was refused: "open:/etc/shadow"."""
    return denial.query if denial.target is not None else denial.operation or "something"


def refusals(result: nucleus.CompletedProcess) -> List[str]:
    """What was refused, by what, and what would allow it, one line each.

    Of what programs try and live without (weight "low") only where the program failed.
    """
    telling = [d for d in result.denials if (result.returncode != 0 or d.weight != "low")
               and d.operation != "time"]  # that is how it ended
    lines = []
    for d in telling[-MAX_DENIALS:]:
        times = f", {d.count} times" if d.count and d.count > 1 else ""
        lines.append(one_line(f"refused: {d.program or 'a program'} tried {tried(d)}{times}: "
                              f"{d.errno or 'ended'}, by {d.layer}"
                              f"{': ' + d.rule if d.rule else ''}"))
        lines.append("  what would allow it: " + one_line(d.fix or "nothing, in such a sandbox"))
    if len(telling) > MAX_DENIALS:
        lines.insert(0, f"refused: {len(telling) - MAX_DENIALS} other things before these")
    if lines:
        lines.append("The policy is not yours to change: do without, or say in your answer what "
                     "you need, and what for.")
    return lines


def report(result: nucleus.CompletedProcess) -> str:
    """A run as the text that a model gets. Standard output holds all that was written, as bytes.

    What we know comes first, with no more of the program's words in it than names and paths,
    escaped. Its output comes last, up to the end: what it writes there cannot speak for us.
    """
    output = result.stdout.decode("utf-8", "replace")
    count = f"{len(result.stdout)} bytes"
    if result.stdout_dropped:
        total = len(result.stdout) + result.stdout_dropped
        count = f"the first {len(result.stdout)} of {total} bytes"
    return "\n".join([ending(result), *refusals(result), f"output, {count}:", visible(output)])
