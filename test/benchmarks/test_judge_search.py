# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""benchmarks/record-spaces and judge-search on a handful of points."""
import pathlib
import re
import subprocess
import sys

BENCHMARKS = pathlib.Path(__file__).resolve().parents[2] / "benchmarks"
CASE = "matmul-tashkeel-expand-512"


def run(name, *words):
    done = subprocess.run([sys.executable, BENCHMARKS / name, *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def test_record_and_judge(tmp_path):
    output = run("record-spaces", f"--folder={tmp_path}", f"--case={CASE}", "--points=3")
    assert re.match(rf"{CASE}: 50 of \d+ points, 0 failed", output)
    table = run("judge-search", f"--recordings={tmp_path}", f"--case={CASE}", "--seeds=1")
    row = next(line for line in table.splitlines() if line.startswith(f"| {CASE} | 50 |"))
    percent = [float(cell) for cell in row.split("|")[4:9]]
    quartile, default, best16, best64, chosen = percent
    # Fifty points are all tried within 64 trials; the tie rule costs at most 1 %.
    assert 0 < quartile <= 100 and 0 < default <= best16 <= best64 == 100
    assert 99 <= chosen <= 100
