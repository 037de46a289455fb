# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The arena of a static model is hardly bigger than what lives at once: read from the planned host function."""
import math
import os
import re
import subprocess
from pathlib import Path

import onnx
import pytest

TEGULA = Path(os.environ.get("TEGULA_BUILD", Path(__file__).resolve().parents[4] / "build")) / "bin" / "tegula"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
ALIGNMENT = 64
BYTES = {"f32": 4, "i64": 8, "i32": 4, "i8": 1}


def bytes_of(memref):
    *extents, element = memref.split(",")[0].split("x")
    size = math.prod(map(int, extents)) * BYTES[element]
    return -(-size // ALIGNMENT) * ALIGNMENT


def union(intervals):
    total = end = 0
    for begin, stop in sorted(intervals):
        total += max(stop - max(begin, end), 0)
        end = max(end, stop)
    return total


def plan_of(text):
    """(bytes of the arena, the largest number of its bytes that are in use at one operation)"""
    arena = int(re.search(r"exec\.arena_bytes = (\d+)", text)[1])
    body = text[text.index("func.func @main"):text.index("exec.kernel")]
    buffers, owner = {}, {}  # name: [offset, bytes, uses]; alias: name
    for number, line in enumerate(body.splitlines()):
        if view := re.match(r"\s*(%\w+) = exec\.arena_view (\d+) : memref<([^>]*)>", line):
            buffers[view[1]] = [int(view[2]), bytes_of(view[3]), []]
            owner[view[1]] = view[1]
            continue
        used = {owner[name] for name in re.findall(r"%\w+", line) if name in owner}
        if alias := re.match(r"\s*(%\w+) = memref\.\w+", line):
            owner.update((alias[1], name) for name in used)
            continue
        for name in used:
            buffers[name][2].append(number)
    lives = [(offset, size, min(uses), max(uses)) for offset, size, uses in buffers.values() if uses]
    moments = {first for _, _, first, _ in lives}
    return arena, max(union((offset, offset + size) for offset, size, first, last in lives if first <= moment <= last)
                      for moment in moments)


@pytest.mark.parametrize("name", ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet",
                                  "squeezenet", "zfnet512"])
def test_arena_is_what_lives_at_once(name, tmp_path):
    planned = tmp_path / "model.mlir"
    subprocess.run([TEGULA, "compile", LIGHT / f"light_{name}.onnx", "--emit=buffers", "--target=x86-64-v3", "-o", planned],
                   check=True)
    arena, live = plan_of(planned.read_text())
    assert live > 0
    assert arena <= 1.1 * live, f"{arena} bytes where {live} live at once"


def test_what_lives_at_once():
    text = """module attributes {exec.arena_bytes = 384 : i64} {
      func.func @main() {
        %0 = exec.arena_view 0 : memref<32xf32>
        %1 = exec.arena_view 128 : memref<32xf32>
        %2 = exec.arena_view 256 : memref<32xf32>
        exec.dispatch @k ins(%0) outs(%1)
        %view = memref.expand_shape %1
        exec.dispatch @k ins(%view) outs(%2)
      }
      exec.kernel @k"""
    assert plan_of(text) == (384, 256)
