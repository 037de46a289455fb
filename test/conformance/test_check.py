# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `tegula check` may cost on a real model."""
import os
import subprocess
from pathlib import Path

import pytest

import cases

BUILD = os.environ.get("TEGULA_BUILD") or str(cases.ROOT / "build")
SECONDS, BYTES = 2, 300 << 20  # of processor time; beyond the model's files


def model_names():
    try:
        return [case.model.parent.name for case in cases.model_cases(None)]
    except cases.CorpusAbsent:
        return []


@pytest.mark.parametrize("name", model_names())
def test_cost(name):
    folder = cases.corpus_folder() / "models" / name
    process = subprocess.Popen([Path(BUILD) / "bin" / "tegula", "check", folder / "model.onnx"], stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, output.decode()
    seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
    files = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    print(f"{seconds:.2f} s, {memory >> 20} MiB, files of {files >> 20} MiB")
    assert seconds < SECONDS and memory < BYTES + files, (seconds, memory, files)
