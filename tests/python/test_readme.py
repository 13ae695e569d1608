# SPDX-License-Identifier: MIT
"""The code in the READMEs, run as it stands there; a text block after it is what it prints."""

import os
import pathlib
import re
import subprocess
import sys
from typing import List, Optional, Tuple

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)
READMES = {"README.md": 1, "bindings/python/README.md": 7}  # blocks that there are at least


def blocks(name: str) -> "List[Tuple[str, Optional[str]]]":
    return [(m[1], m[2]) for m in FENCE.finditer((ROOT / name).read_text(encoding="utf-8"))]


BLOCKS = [pytest.param(*block, id=f"{name}:{number}")
          for name in READMES for number, block in enumerate(blocks(name), 1)]


@pytest.mark.parametrize("name", READMES)
def test_all_blocks_were_found(name: str) -> None:
    found = (ROOT / name).read_text(encoding="utf-8").count("```python\n")
    assert len(blocks(name)) == found >= READMES[name]


@pytest.mark.parametrize("code, output", BLOCKS)
def test_block(code: str, output: Optional[str], tmp_path: pathlib.Path) -> None:
    named = re.match(r"# (test_\w+\.py)\n", code)
    (tmp_path / (named[1] if named else "block.py")).write_text(code)
    if named:
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "pytest_nucleus",
                 "--rootdir", str(tmp_path), "--basetemp", str(tmp_path / "temporary"), named[1]]
    else:
        words = ["block.py"]
    done = subprocess.run([sys.executable, "-B", *words], cwd=tmp_path, text=True,
                          env={**os.environ, "PYTEST_ADDOPTS": ""}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    if named:
        assert re.search(rf"^{len(re.findall(r'^def test_', code, re.M))} passed in ", done.stdout, re.M)
    if output is not None:
        assert done.stdout.strip() == output.strip()
