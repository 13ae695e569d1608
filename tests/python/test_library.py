# SPDX-License-Identifier: MIT
"""How the library is found, and what is said of one that is missing, too old, or none."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from support import BINDINGS, library, patience

TELL = "import nucleus; print(nucleus.library_path()); assert nucleus.run(['true']).returncode == 0"


def python(*args, package=BINDINGS, named=None, path=None, cwd="/"):
    """A fresh interpreter, with the package from somewhere."""
    env = {k: v for k, v in os.environ.items() if k not in ("NUCLEUS_LIBRARY", "LD_LIBRARY_PATH", "PYTHONPATH")}
    env["PYTHONPATH"] = str(package)
    if named is not None:
        env["NUCLEUS_LIBRARY"] = str(named)
    if path is not None:
        env["LD_LIBRARY_PATH"] = str(path)
    return subprocess.run([sys.executable, "-B", *map(str, args)], env=env, cwd=str(cwd), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=patience(120), check=False)


def refused(*parts, **how):
    """The import fails, with an ImportError that names all of these, in one line."""
    done = python("-c", "import nucleus", **how)
    assert done.returncode == 1, done
    last = done.stderr.rstrip("\n").rpartition("\n")[2]
    assert last.startswith("ImportError: "), done.stderr
    for part in parts:
        assert str(part) in last
    return last


def symbols():
    """All that the real library has, by its symbol table."""
    listed = subprocess.run(["nm", "-D", "--defined-only", library()], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r" T (nucleus_\w+)", listed)))


def stub(directory, version="0.0.1", without=(), name="libnucleus.so.0"):
    """A library with these functions, which all do nothing."""
    lines = [f"int {s}(void) {{ return -38; }}" for s in symbols() if s not in without and s != "nucleus_version"]
    if "nucleus_version" not in without:
        lines.append(f'const char *nucleus_version(void) {{ return "{version}"; }}')
    source = pathlib.Path(directory) / "stub.c"
    source.write_text("\n".join(lines))
    made = source.parent / name
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", "-o", made, source], check=True)
    return made


def test_by_name():
    done = python("-c", TELL, named=library())
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, library(), "")


def test_a_relative_name(tmp_path):
    os.symlink(library(), tmp_path / "other-name.so")
    done = python("-c", TELL, named="other-name.so", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.realpath(done.stdout.strip()) == library()


def test_a_name_of_nothing(tmp_path):
    for name in (tmp_path / "none.so", tmp_path, "/dev/null", "libc.so.6"):
        refused(name, "NUCLEUS_LIBRARY", named=name)
    (tmp_path / "text").write_text("no library\n")
    refused(tmp_path / "text", "NUCLEUS_LIBRARY", named=tmp_path / "text")
    # What is named is meant: no other is taken in its place.
    shutil.copytree(BINDINGS / "nucleus", tmp_path / "nucleus")
    os.symlink(library(), tmp_path / "nucleus" / "libnucleus.so.0")
    refused("none.so", named=tmp_path / "none.so", package=tmp_path, path=os.path.dirname(library()))


def test_too_old(tmp_path):
    refused(stub(tmp_path), "0.0.1", "0.1.0", "too old", named=tmp_path / "libnucleus.so.0")
    for version in ("", "x", "0.0.99", "0", "-1.0.0"):
        refused("too old", named=stub(tmp_path, version))


def test_lacking_functions(tmp_path):
    refused("nucleus_policy_copy", "0.1.0", "too old", named=stub(tmp_path, "0.1.0", ["nucleus_policy_copy"]))
    refused("nucleus_version", named=stub(tmp_path, "0.1.0", ["nucleus_version"]))
    refused("nucleus_sandbox_spawn", named=stub(tmp_path, "1.0.0", ["nucleus_sandbox_spawn", "nucleus_doctor"]))
    libc = subprocess.run(["gcc", "-print-file-name=libc.so.6"], capture_output=True, text=True, check=True).stdout.strip()
    refused("nucleus_version", named=libc)


def test_beside_the_package(tmp_path):
    shutil.copytree(BINDINGS / "nucleus", tmp_path / "nucleus")
    shutil.copy(library(), tmp_path / "nucleus" / "libnucleus.so.0")
    done = python("-c", TELL, package=tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, str(tmp_path / "nucleus" / "libnucleus.so.0"), "")
    # Before what the linker would find, and not passed over if it is too old.
    (tmp_path / "nucleus" / "libnucleus.so.0").unlink()
    refused("too old", tmp_path, package=tmp_path, named=None if stub(tmp_path / "nucleus") else None,
            path=os.path.dirname(library()))


def test_by_its_soname(tmp_path):
    os.symlink(library(), tmp_path / "libnucleus.so.0")
    done = python("-c", TELL, path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.realpath(done.stdout.strip()) == library()
    done = python("-c", TELL, path=tmp_path, named="")
    assert (done.returncode, done.stderr) == (0, "")


def test_found_nowhere():
    """What to do is said. (Where the machine has one installed, that one is found.)"""
    done = python("-c", "import nucleus")
    if done.returncode:
        refused("libnucleus.so.0", "NUCLEUS_LIBRARY", "install")
    else:
        assert re.search(r"libnucleus\.so", subprocess.run(["ldconfig", "-p"], capture_output=True, text=True,
                                                           check=True).stdout)


@pytest.mark.parametrize("cwd", ["/", BINDINGS])
def test_python_m_nucleus(cwd):
    done = python("-m", "nucleus", named=library(), cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    assert library() in done.stdout
    assert re.search(r"\b0\.\d+\.\d+\b", done.stdout)
    assert "strict-agent" in done.stdout
    done = python("-m", "nucleus", named="/no/such/library.so", cwd=cwd)
    assert done.returncode == 1 and "/no/such/library.so" in done.stderr


def test_what_an_import_does_not():
    code = ("import os, signal, sys, threading, warnings; warnings.simplefilter('error');"
            "before = [signal.getsignal(n) for n in signal.valid_signals()], sorted(os.listdir('/proc/self/fd')), dict(os.environ);"
            "import nucleus;"
            "assert ([signal.getsignal(n) for n in signal.valid_signals()], sorted(os.listdir('/proc/self/fd')), dict(os.environ)) == before;"
            "assert threading.active_count() == 1;"
            "assert not {'asyncio', 'multiprocessing'} & set(sys.modules), 'a heavy import'")
    done = python("-c", code, named=library())
    assert (done.returncode, done.stderr) == (0, "")


def test_all_names_are_there():
    code = ("import nucleus\nfor n in nucleus.__all__: getattr(nucleus, n)\nfrom nucleus import *\n"
            "for n in nucleus.__all__:\n x = getattr(nucleus, n)\n"
            " assert isinstance(x, int) or (x.__doc__ or '').strip(), n\n")
    done = python("-c", code, named=library())
    assert (done.returncode, done.stderr) == (0, "")
