# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The judgement of benchmarks/compare: which outputs count, which runs are void, what the speed is."""
import os
import sys
from pathlib import Path

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "compare"))
import engines  # noqa: E402
import measure  # noqa: E402
import models  # noqa: E402
import report  # noqa: E402


def model_expecting(*expected):
    return models.Model("model", None, [], list(expected))


def test_outputs_must_match():
    want = numpy.array([1.0, -2.0, numpy.nan], numpy.float32)
    model = model_expecting(want, numpy.array([3], numpy.int64))
    right = [want * numpy.float32(1 + 1e-4), numpy.array([3], numpy.int64)]
    assert model.error_of(right, True) is None
    assert "1 outputs instead of 2" in model.error_of(right[:1], True)
    assert "output 1 differs" in model.error_of([right[0], right[1] + 1], True)
    assert "1 wrong elements of 3" in model.error_of([want + numpy.float32([0.5, 0, 0]), right[1]], True)
    assert "float64[3] instead of float32[3]" in model.error_of([want.astype(numpy.float64), right[1]], True)


def test_other_numerics_have_another_tolerance():
    want = numpy.linspace(1, 2, 100, dtype=numpy.float32)
    model = model_expecting(want)
    assert model.error_of([want * numpy.float32(1.02)], True)
    assert model.error_of([want * numpy.float32(1.02)], False) is None
    assert "relative error" in model.error_of([want * numpy.float32(1.1)], False)


def result_of(void=False, **times):
    return {"model": "m", "threads": 1, "void": void, "drift": 0.0,
            "engines": {name.replace("_", "-"): {"p50_ms": time} for name, time in times.items()}}


def test_speed_is_against_the_better_rival():
    assert report.speed_of(result_of(tegula=2.0, onnxruntime=4.0, openvino_f32=3.0, openvino=0.5)) == 1.5
    assert report.speed_of(result_of(tegula=2.0, openvino=0.5)) is None
    assert report.speed_of(result_of(void=True, tegula=2.0, onnxruntime=4.0)) is None
    assert report.geometric_mean([2, 8]) == pytest.approx(4)


def test_table_names_failures():
    result = result_of(tegula=2.0, onnxruntime=3.0)
    result["engines"]["iree"] = {"error": "RuntimeError: no"}
    result["engines"]["tvm"] = {"error": "wrong: output 0 differs"}
    text = report.markdown({"engines": ["tegula", "onnxruntime", "iree", "tvm"], "command": "c", "commit": "0", "cpu": "p",
                            "cpus": 2, "results": [result]})
    assert "| m | 2 | 3 | fails | wrong | 1.50 |" in text
    assert "- iree, m: RuntimeError: no" in text


def test_random_weights_replace_constants():
    shape = numpy_helper.from_array(numpy.array([8, 3, 3, 3]), "w_shape")
    graph = helper.make_graph(
        [helper.make_node("ConstantOfShape", ["w_shape"], ["w"]), helper.make_node("Conv", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8]),
         helper.make_tensor_value_info("w_shape", TensorProto.INT64, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6])], [shape])
    model = models.with_random_weights(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)]), seed=0)
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    assert [about.name for about in model.graph.input] == ["x"]
    (weight,) = map(numpy_helper.to_array, model.graph.initializer)
    assert weight.shape == (8, 3, 3, 3) and 0.2 < weight.std() < 0.35


class FakeWorker:
    def __init__(self, engine, log):
        self.engine, self.log = engine, log

    def ask(self, **order):
        self.log.append(self.engine)
        return {"samples_ns": [1, 2, 3], "peak_mib": 1.0}


def test_rounds_are_interleaved_and_rotated():
    log = []
    workers = [FakeWorker(name, log) for name in "abc"]
    samples, controls, _ = measure.measure_rounds(workers, 2, 0.1, sorted(os.sched_getaffinity(0)))
    assert log == ["a", "b", "c", "b", "c", "a"]
    assert samples["a"] == [[1, 2, 3], [1, 2, 3]] and len(controls) == 3


def test_control_leaves_the_processors_as_they_were():
    before = os.sched_getaffinity(0)
    assert measure.control_ns(sorted(before)[:1]) > 0
    assert os.sched_getaffinity(0) == before


def test_every_rival_is_an_engine():
    assert set(report.engines.RIVALS) < set(engines.ENGINES)
