# SPDX-License-Identifier: MIT
"""What benches/ says of what it measured: expected values are by hand. And that its driver measures at all."""

import importlib
import os
import pathlib
import subprocess
import sys
import types
import xml.etree.ElementTree as xml

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benches"))
import drive  # noqa: E402
import figures  # noqa: E402
import peers  # noqa: E402
import picture  # noqa: E402
import report  # noqa: E402
import suite  # noqa: E402
from figures import Group, Ratio, Target  # noqa: E402

# `ninja -C BUILD benches` makes what is there.
BUILT = pathlib.Path(os.environ["NUCLEUS_LIBRARY"]).parents[1] / "benches"


def group(**more):
    fields = {"bench": "start", "title": "static true, strict-agent, root", "unit": "us", "baseline": "plain",
              "values": {"plain": [1.0, 2.0, 3.0], "ours": [2.0, 4.0, 6.0]}}
    return Group(**{**fields, **more})


# ---- figures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values, q, expected", [
    ([3], 0.5, 3), ([3], 0.99, 3), ([5, 1, 3], 0.5, 3), ([4, 3, 2, 1], 0.5, 2),
    (range(1, 11), 0.95, 10), (range(1, 101), 0.95, 95), (range(1, 101), 0.99, 99), (range(1, 201), 0.99, 198)])
def test_quantile(values, q, expected):
    assert figures.quantile(values, q) == expected


def test_ratio_of_what_is_always_twice_as_long():
    assert figures.ratio([2, 4, 6], [1, 2, 3]) == Ratio(2, 2, 2)


def test_interval_spans_what_the_rounds_can_be():
    # Of two rounds drawn twice, the medians are 1, 2, 2 and 3: the ends are more than 2.5 % each.
    assert figures.ratio([1, 3], [1, 1]) == Ratio(2, 1, 3)


def test_rounds_are_drawn_together():
    # Whatever hit one hit both: apart, 1/4 and 4 would be there too.
    assert figures.ratio([1, 1, 4, 4], [1, 1, 4, 4]) == Ratio(1, 1, 1)


def test_ratio_of_a_tail():
    values = [float(v) for v in range(1, 101)]
    assert figures.ratio(values, values, 0.99).value == 99 / 50.5


@pytest.mark.parametrize("ours, theirs", [([], []), ([1], [1, 2])])
def test_no_ratio_of_other_rounds(ours, theirs):
    with pytest.raises(ValueError, match="have no ratio"):
        figures.ratio(ours, theirs)


@pytest.mark.parametrize("value, at_least, met", [
    (3.99, False, True), (4, False, True), (4.01, False, False), (3.99, True, False), (4, True, True)])
def test_target(value, at_least, met):
    assert Target("ours", "plain", 4, at_least).met(Ratio(value, value, value)) is met


def test_target_in_words():
    assert str(Target("ours", "plain", 4)) == "at most 4 of plain"
    assert str(Target("ours", "plain", 0.98, at_least=True)) == "at least 0.98 of plain"
    assert str(Target("ours", "runc", 1 / 7)) == "at most 0.143 of runc"
    assert str(Target("ours", "ours", 3, q=0.99)) == "p99 at most 3 of its median"


@pytest.mark.parametrize("value, text", [
    (0.1429, "0.143 (0.143 to 0.143)"), (0.98, "0.98 (0.98 to 0.98)"), (47.1, "47 (47 to 47)")])
def test_ratio_in_words(value, text):
    assert str(Ratio(value, value, value)) == text


def test_target_with_somebody_left_out():
    assert group().reached(Target("ours", "runc", 1)) is None
    assert group().reached(Target("runc", "plain", 1)) is None
    assert group().reached(Target("ours", "plain", 1)) == Ratio(2, 2, 2)


def test_written_and_read(tmp_path):
    some = [group(left_out={"runc": "no"}, targets=[Target("ours", "ours", 3, q=0.99)], notes=["so"]), group()]
    figures.write(tmp_path / "start.json", {"kernel": "6.1"}, some)
    assert figures.read(tmp_path / "start.json") == ({"kernel": "6.1"}, some)


# ---- report ---------------------------------------------------------------------------------------------


def test_markdown():
    some = group(left_out={"runc": "no | pipe", "crun": "a stop."}, notes=["So it is"])
    assert report.markdown(some) == """\
### static true, strict-agent, root

|  | median, us | p95 | p99 | ratio to plain (95 % interval) |
|---|---:|---:|---:|---:|
| plain | 2 | 3 | 3 | 1.00 (1.00 to 1.00) |
| ours | 4 | 6 | 6 | 2.00 (2.00 to 2.00) |

- 3 rounds.
- Left out: runc: no | pipe.
- Left out: crun: a stop.
- So it is.
"""


def test_table_of_nothing():
    assert report.table(group(values={}, left_out={"ours": "no"}, baseline="")).splitlines()[1:] == [
        "start: static true, strict-agent, root", "  median, us  p95  p99", "Nothing was measured.",
        "Left out: ours: no."]


def test_table_without_those_that_ratios_are_to():
    some = group(values={"ours": [4.0]}, left_out={"plain": "no"})
    assert report.table(some).splitlines()[2:] == ["      median, us  p95  p99", "ours           4    4    4", "1 rounds.",
                                                   "Left out: plain: no."]
    assert picture.of([some]) == {}


def test_targets_come_first():
    some = group(targets=[Target("ours", "plain", 2), Target("ours", "plain", 1.5), Target("runc", "plain", 1)])
    text = report.document({"start": ({"kernel": "6.1", "date": "then"}, [some]),
                            "work": ({"kernel": "6.1", "date": "now"}, [group(bench="work", title="git")])}, "Prose.\n")
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("| start: ")]
    where = "| start: static true, strict-agent, root"
    assert rows == [f"{where} | ours | at most 2 of plain | 2.00 (2.00 to 2.00) | met |",
                    f"{where} | ours | at most 1.5 of plain | 2.00 (2.00 to 2.00) | **NOT met** |",
                    f"{where} | runc | at most 1 of plain | - | **not measured** |"]
    assert "1 of 3 are met." in lines
    order = [lines.index(line) for line in ("- kernel: 6.1", "## Targets", rows[0], "Prose.", "## start",
                                            "- date: then", "## work", "- date: now", "### git")]
    assert order == sorted(order)
    assert "`sh benches/run.sh work`" in lines


def test_quick_is_kept_apart(tmp_path, monkeypatch, capsys):
    fake = types.ModuleType("fake")
    fake.measure = lambda place: [group(notes=[f"{place.rounds(200)} and {place.rounds(10)}"])]
    monkeypatch.setitem(sys.modules, "fake", fake)
    monkeypatch.setattr(suite, "BENCHES", {"fake": "for this test"})
    monkeypatch.setattr(suite, "REPOSITORY", tmp_path)
    (tmp_path / "benches").mkdir()
    monkeypatch.setattr(sys, "argv", ["suite.py", str(tmp_path), "--quick", "fake"])
    assert suite.main() == 0
    assert "20 and 5." in capsys.readouterr().out
    made = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    quick = {f"build-benches/results/quick/{name}" for name in ("fake.json", "RESULTS.md", "results.svg")}
    assert made == quick
    monkeypatch.setattr(sys, "argv", ["suite.py", str(tmp_path), "fake"])
    assert suite.main() == 0
    assert "200 and 10." in (tmp_path / "benches" / "RESULTS.md").read_text()


def test_benches_come_in_their_order_after_the_notes(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "HERE", tmp_path)
    (tmp_path / "NOTES.md").write_text("## What was tried\n")
    for name in ("a", "b", "gone"):
        figures.write(tmp_path / f"{name}.json", {"kernel": "6.1"}, [group(bench=name)])
    report.render(tmp_path, tmp_path, ["b", "not yet", "a"])
    lines = (tmp_path / "RESULTS.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("## ")] == ["## What was tried", "## b", "## a"]


def test_an_unknown_bench(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["suite.py", "/nowhere", "nonsense"])
    assert suite.main() == 2
    assert "no bench 'nonsense': choose from start" in capsys.readouterr().err


def test_every_bench_is_there():
    for name in suite.BENCHES:
        assert callable(importlib.import_module(name).measure)


# ---- picture --------------------------------------------------------------------------------------------


def test_bars_of_each_user_are_ordered():
    slow = group(title="static true, strict-agent, beside slow peers, root",
                 values={"plain": [1.0], "ours": [9.0], "podman": [100.0]})
    user = group(title="static true, strict-agent, user", values={"plain": [1.0], "b": [3.0], "a": [2.0]})
    other = group(title="node, user", values={"plain": [1.0], "c": [3.0]})
    assert picture.of([group(), slow, user, other]) == {
        "root": [("ours", Ratio(2, 2, 2)), ("podman", Ratio(100, 100, 100))],
        "user": [("a", Ratio(2, 2, 2)), ("b", Ratio(3, 3, 3))]}
    assert picture.of([other, group(bench="work")]) == {}


def test_picture_is_drawn_to_scale():
    bars = {"root": [("nucleus <run>", Ratio(10, 5, 20)), ("podman", Ratio(100, 100, 100))]}
    drawn = xml.fromstring(picture.svg(bars))
    one, two = drawn.findall("{*}rect")
    assert (one.get("class"), two.get("class")) == ("ours", "peer")
    assert one.get("x") == two.get("x")
    # 100 is twice as far from 1 as 10 is.
    assert float(two.get("width")) == pytest.approx(2 * float(one.get("width")), abs=0.2)
    texts = [t.text for t in drawn.findall("{*}text")]
    assert {"nucleus <run>", "podman", "10.00 (5.00 to 20.00)", "100 (100 to 100)", "root"} <= set(texts)
    for text in drawn.findall("{*}text"):
        # As wide as these letters are in DejaVu Sans, which is wider than most.
        span, at = 7.5 * len(text.text), float(text.get("x"))
        begin = at - {"end": span, "middle": span / 2}.get(text.get("text-anchor"), 0)
        assert begin >= 0 and begin + span <= float(drawn.get("width")), text.text


# ---- peers ----------------------------------------------------------------------------------------------


def test_root_of_bubblewraps_arguments(tmp_path):
    texts = tmp_path / "bench-bwrap.1"
    texts.mkdir()
    (texts / "0").write_text("somebody\n")
    root = peers.parse(["/usr/bin/bwrap", "--unshare-all", "--uid", "1000", "--dir", "/etc", "--ro-bind", "/usr", "/usr",
                        "--symlink", "usr/bin", "/bin", "--ro-bind", str(texts / "0"), "/etc/passwd", "--dev", "/dev",
                        "--size", "4096", "--perms", "1777", "--tmpfs", "/tmp", "--tmpfs", "/home", "--proc", "/proc",
                        "--ro-bind", "/dev/null", "/proc/keys", "--ro-bind", "/etc/passwd", "/etc/group",
                        "--remount-ro", "/", "--seccomp", "@", "/bench/true", "--dir", "/no"], tmp_path / "root")
    folder = root.folder
    assert (folder / "etc/passwd").read_text() == "somebody\n"
    assert os.readlink(folder / "bin") == "usr/bin"
    assert (folder / "usr").is_dir() and (folder / "etc/group").is_file() and not (folder / "no").exists()
    assert root.masked == ["/proc/keys"]
    assert [(m["destination"], m["type"], m["source"], m["options"]) for m in root.mounts] == [
        ("/usr", "bind", "/usr", ["rbind", "nosuid", "nodev", "ro"]),
        ("/tmp", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777", "size=4096"]),
        ("/home", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=755", "size=65536k"]),
        ("/etc/group", "bind", "/etc/passwd", ["rbind", "nosuid", "nodev", "ro"])]


# ---- the driver -----------------------------------------------------------------------------------------


@pytest.fixture
def launcher():
    assert (BUILT / "bench-launch").exists() and (BUILT / "true").exists(), f"ninja -C {BUILT.parent} benches"
    return BUILT / "bench-launch"


def program(name, *argv):
    return {"name": name, "kind": "exec", "argv": list(argv)}


def sandbox(kind):
    return {"name": kind, "kind": kind, "argv": ["/bench/true"],
            "policy": {"mode": "agent", "volumes": [f"{BUILT}:/bench:ro"]}}


def test_five_rounds(launcher):
    everybody = [program("plain", str(BUILT / "true")), sandbox("call"), sandbox("ahead"), sandbox("bwrap")]
    with drive.Driver(launcher, [], everybody, rounds=5, warm_up=1) as driver:
        times = driver.rounds(5)
        assert driver.commands[:2] == [[str(BUILT / "true")], ["/bench/true"]]
        bwrap = driver.commands[3]
        assert bwrap[0] == "/usr/bin/bwrap" and bwrap[-1] == "/bench/true" and bwrap[bwrap.index("--seccomp") + 1] == "@"
    assert list(times) == ["plain", "call", "ahead", "bwrap"]
    assert all(len(values) == 5 and min(values) > 0 for values in times.values())


def test_floor_is_in_namespaces_of_its_own(launcher):
    question = f'[ $$ = 1 ] && [ "$(readlink /proc/self/ns/net)" != "{os.readlink("/proc/self/ns/net")}" ]'
    floor = {**sandbox("floor"), "argv": ["/bin/sh", "-c", question]}
    good, left_out = drive.usable(launcher, [], [floor, program("plain", "/bin/sh", "-c", question)])
    assert [c["name"] for c in good] == ["floor"]
    assert left_out == {"plain": "it ended with status 0x100"}


def test_contenders_do_not_get_the_hosts_null_device(tmp_path):
    told = subprocess.run(["sh", str(ROOT / "benches/apart.sh"), str(tmp_path), "sh", "-c",
                           "echo word >/dev/null && cat /dev/null && stat -c %d /dev/null"],
                          check=True, capture_output=True, text=True).stdout
    # Who is not root cannot give it away, and makes none.
    assert (told != f"{os.stat('/dev/null').st_dev}\n") == (os.geteuid() == 0)
    assert not list(tmp_path.iterdir())


def test_rounds_when_they_are_asked_for(launcher, tmp_path):
    with drive.Driver(launcher, [], [program("plain", "/bin/true")], warm_up=0, filter=str(tmp_path / "filter")) as driver:
        assert [len(driver.round()) for _ in range(3)] == [1, 1, 1]
        size = (tmp_path / "filter").stat().st_size
        assert size > 0 and size % 8 == 0  # struct sock_filter


def test_contenders_have_nothing_to_read(launcher):
    # If it had the driver's own input, the second round would be eaten.
    with drive.Driver(launcher, [], [program("cat", "/bin/cat")], warm_up=0) as driver:
        assert len([driver.round() for _ in range(2)]) == 2


def test_who_cannot_run_is_left_out(launcher):
    everybody = [program("plain", "/bin/true"), program("no", "/bin/false"), program("not there", "/no/such"),
                 program("says", "/bin/sh", "-c", "echo 'it: broken' >&2; exit 3")]
    good, left_out = drive.usable(launcher, [], everybody)
    assert [c["name"] for c in good] == ["plain"]
    assert left_out == {"no": "it ended with status 0x100", "not there": "it ended with status 0x7f00",
                        "says": "it: broken"}
    assert drive.usable(launcher, [], [program("hangs", "/bin/sleep", "60")], seconds=1) == (
        [], {"hangs": "it did not end in time"})


def test_who_fails_later_is_left_out_of_all_rounds(launcher, tmp_path):
    mark = tmp_path / "mark"
    once = program("once", "/bin/sh", "-c", f"! test -e {mark} && touch {mark}")
    times, left_out = drive.measure(launcher, [], [program("plain", "/bin/true"), once], 3, warm_up=0)
    assert {name: len(values) for name, values in times.items()} == {"plain": 3}
    assert left_out == {"once": "it ended with status 0x100"}
