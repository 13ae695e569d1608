# SPDX-License-Identifier: MIT
"""What of the host a marked test needs to be run: the project, Python, and what it imports."""

import os
import sys
from typing import Iterable, List

import pytest

# What a sandbox has of its own, or of the host's system directories.
_THERE = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc", "/sys")
# Directories in which everybody has something: never as a whole.
_SHARED = frozenset("/ /home /root /tmp /var /var/tmp /mnt /media /opt /srv /run".split())


class Unfit(Exception):
    """The project cannot be bound into a sandbox; says why and what to do."""


def is_within(path: str, directory: str) -> bool:
    """Whether `path`, an absolute one, is `directory` or something in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _too_wide(path: str) -> bool:
    home = os.path.expanduser("~")  # unchanged for a user without one
    return path in _SHARED or (os.path.isabs(home) and is_within(os.path.realpath(home), path))


def _imported() -> List[str]:
    """Where Python is, and where it looks for modules."""
    package = os.path.dirname(os.path.abspath(__file__))
    places = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, package]
    if sys.executable:
        places += [sys.executable, os.path.realpath(sys.executable)]
    return places + [entry for entry in sys.path if entry and os.path.isabs(entry)]


def _conftests(config: pytest.Config) -> List[str]:
    files = [getattr(plugin, "__file__", None) for plugin in config.pluginmanager.get_plugins()]
    return [name for name in files if name and os.path.basename(name) == "conftest.py"]


def project(item: pytest.Item) -> str:
    """The project's root. Raises Unfit where that is too much to let a sandbox read."""
    root = os.path.abspath(item.config.rootpath)
    if _too_wide(root):
        raise Unfit(
            f"the project's rootdir is {root}, all of which a sandboxed test could read:"
            " put a pytest.ini or pyproject.toml into the project, or use --rootdir"
        )
    return root


def _least(paths: Iterable[str]) -> List[str]:
    """Without what is there anyway, what does not exist, and what is in another one of them."""
    kept: List[str] = []
    for path in sorted({os.path.abspath(path) for path in paths}):
        if any(is_within(path, place) for place in (*_THERE, *kept)):
            continue
        if not _too_wide(path) and os.path.exists(path):
            kept.append(path)
    return kept


def needed(item: pytest.Item) -> List[str]:
    """Paths to bind read-only at their own place. Raises Unfit."""
    paths = [project(item), str(item.path), *_conftests(item.config), *_imported()]
    if item.config.inipath is not None:
        paths.append(str(item.config.inipath))
    return _least(paths)


def start_directory(item: pytest.Item, binds: Iterable[str]) -> str:
    """Where pytest was started, if the sandbox has that, else the project's root."""
    start = os.path.abspath(item.config.invocation_params.dir)
    if any(is_within(start, place) for place in (*_THERE, *binds)):
        return start
    return project(item)
