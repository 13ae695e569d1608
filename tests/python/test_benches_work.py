# SPDX-License-Identifier: MIT
"""The benches' programs say what the benches read, and their generators make the same each time."""

import os
import pathlib
import subprocess
import sys
import time
from typing import Iterator, List

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))

import figures  # noqa: E402
import idle  # noqa: E402
import suite  # noqa: E402
import sustained  # noqa: E402
import work_programs  # noqa: E402
import work_storm  # noqa: E402

# `ninja -C build benches` makes them, beside the library that is tested.
PROGRAMS = pathlib.Path(os.environ["NUCLEUS_LIBRARY"]).resolve().parents[1] / "benches"


def said(*command: str, text: str = "") -> List[str]:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(name="place")
def made_place(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """As run.sh makes it: what runs in sandboxes is in bin/."""
    (tmp_path / "bin").mkdir()
    for name in ("true", "pause", "bench-storm"):
        (tmp_path / "bin" / name).symlink_to(PROGRAMS / name)
    for name in ("bench-sustained", "bench-idle", "bench-layers"):
        (tmp_path / name).symlink_to(PROGRAMS / name)
    yield tmp_path


def test_storm(tmp_path: pathlib.Path) -> None:
    work_storm.make_tree(tmp_path)
    lines = said(str(PROGRAMS / "bench-storm"), str(tmp_path), "2")
    assert [line.split("\t")[0] for line in lines] == list(work_storm.PHASES)
    assert all(float(line.split("\t")[1]) > 0 for line in lines)


@pytest.mark.parametrize("layers", ["none", "entry", "seccomp", "landlock", "landlock,seccomp"])
def test_layers(tmp_path: pathlib.Path, layers: str) -> None:
    work_storm.make_tree(tmp_path)
    volumes = f"{tmp_path}:{tmp_path}:ro,{PROGRAMS}:{PROGRAMS}:ro"
    bench = str(PROGRAMS / "bench-layers")
    lines = said(bench, layers, volumes, str(PROGRAMS / "bench-storm"), str(tmp_path), "1", "storm", "open 12")
    assert [line.split("\t")[0] for line in lines] == ["storm", "open 12"]
    # What the rules do not name cannot be read, and only then.
    done = subprocess.run([bench, layers, volumes, "/bin/cat", "/var/lib/dpkg/status"], capture_output=True,
                          timeout=120, check=False)
    assert (done.returncode != 0) == ("landlock" in layers), done.stderr


def test_sustained(place: pathlib.Path) -> None:
    lines = said(str(place / "bench-sustained"), str(place / "bin" / "true"),
                 text="plain 1 1 20\ncall 1 1 20\nahead 1 1 20\ncall 1 4 20\n")
    answers = [sustained.Answer(*map(float, line.split())) for line in lines]
    assert len(answers) == 4
    for answer in answers:
        assert answer.per_second > 0 and 0 < answer.median_us <= answer.p99_us


def test_idle_ends_with_its_sandboxes(place: pathlib.Path) -> None:
    user = suite.User("user", [], os.getuid())
    with idle.idle(place, user) as made:
        inits = {started.pid for started in made.run(2)}
        assert inits == idle.children(made.process.pid)
        made.prepare(2)
        everybody = idle.children(made.process.pid)
        assert len(everybody) == 2 + 2 + 1  # and their maker
    assert not any(pathlib.Path(f"/proc/{pid}").exists() for pid in everybody)


def test_idle_ends_when_interrupted(place: pathlib.Path) -> None:
    with pytest.raises(KeyboardInterrupt), idle.idle(place, suite.User("user", [], os.getuid())) as made:
        init = made.run(1)[0].pid
        raise KeyboardInterrupt
    end = time.monotonic() + 60
    while pathlib.Path(f"/proc/{init}").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not pathlib.Path(f"/proc/{init}").exists()


def test_c_program(tmp_path: pathlib.Path) -> None:
    text = work_programs.c_program(20)
    assert text == work_programs.c_program(20)
    (tmp_path / "program.c").write_text(text, encoding="utf-8")
    said("gcc", "-Werror", "-fsyntax-only", str(tmp_path / "program.c"))


def test_history(tmp_path: pathlib.Path) -> None:
    assert work_programs.fast_import(100, 5) == work_programs.fast_import(100, 5)
    said("git", "init", "-q", "-b", "main", str(tmp_path))
    subprocess.run(["git", "-C", str(tmp_path), "fast-import", "--quiet"], check=True, timeout=60,
                   input=work_programs.fast_import(100, 5))
    git = ("git", "-C", str(tmp_path))
    assert len(said(*git, "ls-tree", "-r", "--name-only", "main")) == 100
    assert len(said(*git, "log", "--oneline", "main")) == 5
    assert len(said(*git, "diff", "--name-only", "main~1", "main")) == 20


def test_paired_ratio() -> None:
    group = figures.Group("b", "t", "u", "bare", {"bare": [1.0, 10.0, 100.0], "ours": [0.5, 5.0, 99.0]}, paired=True)
    assert group.ratio("ours", "bare") == figures.Ratio(0.5, 0.5, 0.99)
    group.paired = False
    assert group.ratio("ours", "bare").value == 0.5
