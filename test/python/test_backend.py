# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's own test runner drives tegula.backend; a few tests show that it can (test/conformance runs them all)."""
import unittest

import numpy
import onnx.backend.test
import pytest
import tegula.backend
from onnx import helper
# ONNX computes its expected values with warnings.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:onnx")
TESTS = ["add_bcast", "exp", "relu", "sigmoid", "sub_int8"]


@pytest.mark.parametrize("name", TESTS)
def test_onnx_runner(name):
    runner = onnx.backend.test.BackendTest(tegula.backend, __name__)
    case = runner.test_cases["OnnxBackendNodeModelTest"](f"test_{name}_cpu")
    result = unittest.TestResult()
    case.run(result)
    assert result.testsRun == 1 and not result.skipped
    assert result.wasSuccessful(), (result.errors + result.failures)[0][1]


def test_devices():
    assert tegula.backend.supports_device("CPU") and tegula.backend.supports_device("CPU:0")
    assert not tegula.backend.supports_device("CUDA")
    model = helper.make_model(helper.make_graph([], "empty", [], []))
    with pytest.raises(ValueError, match="expected the device CPU, but got CUDA"):
        tegula.backend.prepare(model, "CUDA")


def test_run_model_and_prepare():
    node = helper.make_node("Relu", ["x"], ["y"])
    x = numpy.array([-1, 2], numpy.float32)
    value = [helper.make_tensor_value_info(name, 1, ["n"]) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "g", value[:1], value[1:]))
    for inputs in ([x], (x,), {"x": x}, x):
        (y,) = tegula.backend.run_model(model, inputs)
        numpy.testing.assert_array_equal(y, [0, 2])
    prepared = tegula.backend.prepare(model, target="x86-64-v2")
    numpy.testing.assert_array_equal(prepared.run([x])[0], [0, 2])


def test_run_node():
    x = numpy.array([[-1, 2]], numpy.float32)
    (y,) = tegula.backend.run_node(helper.make_node("Relu", ["x"], ["y"]), [x])
    numpy.testing.assert_array_equal(y, [[0, 2]])
    (y,) = tegula.backend.run_node(
        helper.make_node("Add", ["a", "b"], ["y"]), {"a": x, "b": x}, outputs_info=[(numpy.float32, (1, 2))]
    )
    numpy.testing.assert_array_equal(y, 2 * x)
