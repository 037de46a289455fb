# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs every `sh` block of docs/Tutorial.md in one folder and compares with the `text` block that follows it."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TEGULA_BUILD") or ROOT / "build")
BLOCK = re.compile(r"```sh\n(.*?)```\n(?:```text\n(.*?)```\n)?", re.DOTALL)


def matches(expected, got):
    """Whether `got` is `expected`, where a line `...` stands for any lines and `...` within a line for any text."""
    pattern = ""
    for line in expected.splitlines():
        if line == "...":
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + "\n"
    return re.fullmatch(pattern, got) is not None


@pytest.mark.parametrize("expected, got, same", [
    ("a\n", "a\n", True), ("a\n", "b\n", False), ("a ... c\n", "a b c\n", True), ("...\nz\n", "x\ny\nz\n", True),
    ("...\nz\n", "x\ny\n", False), ("a\n", "a\nb\n", False), ("a.c\n", "abc\n", False)])
def test_matches(expected, got, same):
    assert matches(expected, got) is same


def test_tutorial(tmp_path):
    blocks = BLOCK.findall((ROOT / "docs" / "Tutorial.md").read_text())
    assert len(blocks) > 5
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(BUILD / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    for commands, expected in blocks:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200)
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        if expected:
            assert matches(expected, done.stdout), f"{commands}\nexpected:\n{expected}\ngot:\n{done.stdout}"
