# SPDX-License-Identifier: MIT
"""What is built of bindings/python, and what other people's tools make of it: without a network."""

import ast
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from typing import Dict, List

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINDINGS = ROOT / "bindings" / "python"
PACKAGES = ("nucleus", "pytest_nucleus")
SOURCES = sorted(p for package in PACKAGES for p in (BINDINGS / package).rglob("*")
                 if p.is_file() and "__pycache__" not in p.parts)
SCRIPTS = [*sorted((ROOT / "examples").glob("*.py")), *sorted((ROOT / "benches").glob("*.py"))]


def command(*words: object, cwd: pathlib.Path, **env: str) -> str:
    """The output of a program that must succeed, in an environment without what was set for these tests."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "PIP_", "MYPY"))}
    done = subprocess.run([str(w) for w in words], cwd=cwd, env={**clean, **env}, timeout=300, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


def python(*words: object, cwd: pathlib.Path, **env: str) -> str:
    return command(sys.executable, "-B", *words, cwd=cwd, **env)


def hook(name: str, tree: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    """Calls one of the two hooks that PEP 517 wants of a back end, as a front end does."""
    to.mkdir(exist_ok=True)
    code = ("import sys; import setuptools.build_meta as backend; "
            f"name = backend.{name}(sys.argv[1]); print('built:', name)")
    return to / python("-c", code, to, cwd=tree).rsplit("built: ", 1)[1].strip()


class Built:
    """An sdist, a wheel made of the same tree, a wheel made of the sdist, and that installed."""

    def __init__(self, place: pathlib.Path) -> None:
        self.tree = place / "tree"
        # The repository may be read-only, for this user too: setuptools writes beside its sources.
        shutil.copytree(BINDINGS, self.tree, ignore=shutil.ignore_patterns("__pycache__"))
        for path in (self.tree, *self.tree.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
        self.wheel = hook("build_wheel", self.tree, place / "wheel")
        self.sdist = hook("build_sdist", self.tree, place / "sdist")
        with tarfile.open(self.sdist) as archive:
            self.in_sdist = [m.name.split("/", 1)[1] for m in archive.getmembers() if m.isfile()]
            archive.extractall(place / "unpacked")
        (unpacked,) = (place / "unpacked").iterdir()
        self.again = hook("build_wheel", unpacked, place / "again")
        self.installed = place / "installed"
        python("-m", "pip", "install", "--no-index", "--no-deps", "--no-cache-dir", "--no-compile",
               "--disable-pip-version-check", "--target", self.installed, self.again, cwd=place)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("built"))


def members(wheel: pathlib.Path) -> Dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def meson_version() -> str:
    found = re.search(r"^\s*version: '([^']+)'", (ROOT / "meson.build").read_text(), re.M)
    assert found
    return found[1]


def metadata(built: Built) -> "dict[str, List[str]]":
    (name,) = (n for n in members(built.wheel) if n.endswith(".dist-info/METADATA"))
    message = Parser().parsestr(members(built.wheel)[name].decode())
    return {key: message.get_all(key) or [] for key in set(message.keys())}


def test_wheel_and_sdist_hold_the_packages_and_nothing_else(built: Built) -> None:
    sources = {str(p.relative_to(BINDINGS)): p.read_bytes() for p in SOURCES}
    assert {f"{p}/py.typed" for p in PACKAGES} <= set(sources)
    in_wheel = members(built.wheel)
    assert {n: data for n, data in in_wheel.items() if ".dist-info/" not in n} == sources
    assert set(sources) | {"pyproject.toml", "README.md", "LICENSE"} <= set(built.in_sdist)
    extra = {n for n in built.in_sdist if "egg-info/" not in n} - set(sources)
    assert extra == {"pyproject.toml", "README.md", "LICENSE", "PKG-INFO", "setup.cfg"}


def test_the_licence_is_in_both(built: Built) -> None:
    licence = (ROOT / "LICENSE").read_bytes()
    assert [d for n, d in members(built.wheel).items() if n.endswith(".dist-info/LICENSE")] == [licence]
    with tarfile.open(built.sdist) as archive:
        (member,) = (m for m in archive.getmembers() if m.name.endswith("/LICENSE"))
        file = archive.extractfile(member)
        assert file and file.read() == licence


def test_the_sdist_builds_the_same_wheel(built: Built) -> None:
    assert built.again.name == built.wheel.name
    assert members(built.again) == members(built.wheel)


def test_the_wheel_is_for_every_python_3_on_every_machine(built: Built) -> None:
    assert built.wheel.name == f"libnucleus-{meson_version()}-py3-none-any.whl"


def test_version_is_the_librarys(built: Built) -> None:
    assert metadata(built)["Version"] == [meson_version()]
    code = "import nucleus; print(nucleus.__version__)"
    assert python("-c", code, cwd=BINDINGS, PYTHONPATH=str(BINDINGS)).strip() == meson_version()


def test_metadata(built: Built) -> None:
    known = metadata(built)
    assert known["Requires-Python"] == [">=3.9"]
    assert known["License"] == ["MIT"]
    assert "Requires-Dist" not in known
    (points,) = (d for n, d in members(built.wheel).items() if n.endswith("/entry_points.txt"))
    assert points.decode().split() == ["[pytest11]", "pytest_nucleus", "=", "pytest_nucleus"]


def test_what_was_installed_runs_programs(built: Built, tmp_path: pathlib.Path) -> None:
    code = ("import importlib, nucleus, pkgutil\n"
            "for module in pkgutil.iter_modules(nucleus.__path__, 'nucleus.'):\n"
            "    importlib.import_module(module.name)\n"
            "done = nucleus.run(['echo', 'here'], capture_output=True)\n"
            "print(nucleus.__file__, nucleus.library_path(), done.outcome, done.stdout)\n")
    said = python("-c", code, cwd=tmp_path, PYTHONPATH=str(built.installed)).splitlines()[-1]
    library = os.path.abspath(os.environ["NUCLEUS_LIBRARY"])
    assert said == f"{built.installed}/nucleus/__init__.py {library} exited b'here\\n'"


def test_what_was_installed_is_a_plugin_of_pytest(built: Built, tmp_path: pathlib.Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(sandbox):\n"
        "    assert sandbox.run(['pwd'], capture_output=True, text=True).stdout == '/workspace\\n'\n")
    said = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, "--basetemp",
                  tmp_path / "t", tmp_path, cwd=tmp_path, PYTHONPATH=str(built.installed))
    assert re.search(r"^1 passed in", said, re.M), said


def test_library_beside_the_package_is_found(built: Built, tmp_path: pathlib.Path) -> None:
    shutil.copytree(built.installed, tmp_path / "site")
    beside = tmp_path / "site" / "nucleus" / "libnucleus.so.0"
    shutil.copy(os.environ["NUCLEUS_LIBRARY"], beside)
    code = "import nucleus; print(nucleus.library_path())"
    said = python("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"), NUCLEUS_LIBRARY="")
    assert said.strip() == str(beside)


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_syntax_is_that_of_python_3_9(path: pathlib.Path) -> None:
    if path.suffix == ".py":
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))
    else:
        assert path.name == "py.typed" and path.read_bytes() == b""


@pytest.mark.parametrize("version", ["3.9", "3.11"])
def test_types(version: str, tmp_path: pathlib.Path) -> None:
    said = command("mypy", "--strict", "--cache-dir", tmp_path, "--config-file=", "--python-version", version,
                   *(BINDINGS / p for p in PACKAGES), *SCRIPTS, cwd=ROOT, MYPYPATH=str(BINDINGS))
    assert said.startswith("Success: no issues found in "), said


def test_types_are_seen_by_those_who_use_it(built: Built, tmp_path: pathlib.Path) -> None:
    (tmp_path / "use.py").write_text("import nucleus\nreveal_type(nucleus.run(['true']).outcome)\n")
    said = command("mypy", "--strict", "--cache-dir", tmp_path / "cache", "--config-file=", "use.py",
                   cwd=tmp_path, MYPYPATH=str(built.installed))
    assert 'Revealed type is "builtins.str"' in said, said
