# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The judgement of benchmarks/sweep-kernels: shares of the peak, and which cases are named."""
import importlib.util
from pathlib import Path

import onnx
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "sweep" / "cli.py"
specification = importlib.util.spec_from_file_location("sweep_kernels", PATH)
sweep = importlib.util.module_from_spec(specification)
specification.loader.exec_module(sweep)


def result_of(flops, size, ours, blas):
    return {"case": "c", "flops": flops, "bytes": size, "samples": {
        "fma_gflops": [100.0] * 3, "read_gbs": [10.0] * 3, "tegula_ms": [ours] * 3, "openblas_ms": [blas] * 3}}


def test_share_of_arithmetic_and_of_memory():
    # A millisecond at 100 GFLOP/s; what caches hold does not count as memory.
    assert sweep.summarize(result_of(10**8, 10**7, 2.0, 3.0)) == pytest.approx((50.0, 0.5, 1.5))
    # 100 MB at 10 GB/s take ten.
    assert sweep.summarize(result_of(10**8, 10**8, 20.0, 10.0)) == pytest.approx((5.0, 0.5, 0.5))


def test_slow_cases_are_named():
    document = {"command": "c", "commit": "0", "cpu": "p", "results": [result_of(10**8, 0, 2.0, 3.0)]}
    text = sweep.markdown(document)
    assert "| c | 2 | 50.0 | 50 % | 1.50 |" in text
    assert "Below 75 % of the peak: c (50 %)." in text


def test_every_case_is_a_model(tmp_path):
    assert len({case.name for case in sweep.CASES}) == len(sweep.CASES)
    for case in sweep.CASES:
        if case.bytes < 4 << 20:
            case.save(tmp_path / "model.onnx")
            onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)


def test_a_convolution_counts_as_the_product_behind_im2col():
    assert sweep.convolution(56, 64, 128, 3, 2).products == [(1, 128, 28 * 28, 64 * 9)]
