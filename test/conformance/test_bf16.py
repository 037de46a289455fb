# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Real models with the precisions beside f32: how far from their recorded outputs they may be."""
import os
import re
import subprocess
from pathlib import Path

import pytest

import cases

TEGULA = Path(os.environ.get("TEGULA_BUILD") or cases.ROOT / "build") / "bin" / "tegula"
#: A network rounds some tens of times by 2^-9 at most. Measured: 0.003 to 0.03 of the largest value of an output.
BF16_SPAN = 0.05
NAMES = {"bert-toy-12", "deeplabv3-mnv2-257", "llm-decoder-opset24", "oww-embedding", "person-reid-0248"}


def model_cases():
    try:
        return [case for case in cases.model_cases(None) if case.model.parent.name in NAMES]
    except cases.CorpusAbsent:
        return []


def run(case, precision, tolerances):
    command = [TEGULA, "run", case.model, f"--precision={precision}", "--data", case.data[0], *tolerances]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("case", model_cases(), ids=lambda case: case.model.parent.name)
def test_bf16(case):
    process = run(case, "bf16", ["--rtol=0", f"--span={BF16_SPAN}"])
    assert process.returncode == 0, process.stdout + process.stderr
    changed = re.search(r"remark: precision bf16: (\d+) of \d+ convolutions and matrix products", process.stderr)
    assert changed and int(changed[1]) > 10, process.stderr


@pytest.mark.parametrize("case", model_cases(), ids=lambda case: case.model.parent.name)
def test_strict(case):
    process = run(case, "f32-strict", [f"--rtol={case.rtol:g}", f"--atol={case.atol:g}", f"--span={case.span:g}"])
    assert process.returncode == 0, process.stdout + process.stderr
