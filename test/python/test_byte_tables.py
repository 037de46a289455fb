# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions of one 8-bit tensor that are quantized again, which are read from a table of 256 bytes: every byte, signed
and unsigned, against the steps in f64."""
import math

import numpy
import pytest
import tegula
from onnx import helper, numpy_helper

F32 = numpy.float32
FUNCTIONS = {"Tanh": numpy.tanh, "Sigmoid": lambda x: 1 / (1 + numpy.exp(-x)), "Erf": numpy.vectorize(math.erf),
             "Exp": numpy.exp}
SCALES = {"x": F32(0.031), "f": F32(0.0111), "y": F32(0.017)}


def make_model(operator, element, zero, shape):
    """Quantized f(x), times x, quantized."""
    nodes, tensors = [], [numpy_helper.from_array(zero, "zero")]
    tensors += [numpy_helper.from_array(scale, name) for name, scale in SCALES.items()]

    def add(operator, operands, result):
        nodes.append(helper.make_node(operator, operands, [result]))

    add("DequantizeLinear", ["q", "x", "zero"], "real")
    add(operator, ["real"], "function")
    add("QuantizeLinear", ["function", "f", "zero"], "function_q")
    add("DequantizeLinear", ["function_q", "f", "zero"], "function_real")
    add("Mul", ["real", "function_real"], "product")
    add("QuantizeLinear", ["product", "y", "zero"], "result")
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(element))
    graph = helper.make_graph(nodes, "test", [helper.make_tensor_value_info("q", kind, shape)],
                              [helper.make_tensor_value_info("result", kind, None)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def quantize(x, scale, zero):
    about = numpy.iinfo(zero.dtype)
    return numpy.clip(numpy.rint(x / numpy.float64(scale)) + float(zero), about.min, about.max)


@pytest.mark.parametrize("operator", FUNCTIONS)
@pytest.mark.parametrize("element, zero", [(numpy.uint8, 131), (numpy.uint8, 0), (numpy.int8, -7), (numpy.int8, 0)])
@pytest.mark.parametrize("shape", [["n", 16], [5, "n", 16], [64, 16]])
def test_every_byte(operator, element, zero, shape):
    zero = numpy.asarray(zero, element)
    extents = [extent if isinstance(extent, int) else 64 for extent in shape]
    q = numpy.resize(numpy.arange(256).astype(numpy.uint8).view(element), extents)
    [y] = tegula.compile(make_model(operator, element, zero, shape)).run([q])
    real = (q.astype(numpy.float64) - float(zero)) * numpy.float64(SCALES["x"])
    function = (quantize(FUNCTIONS[operator](real), SCALES["f"], zero) - float(zero)) * numpy.float64(SCALES["f"])
    wanted = quantize(real * function, SCALES["y"], zero).astype(element)
    assert y.dtype == element and y.shape == tuple(extents)
    differences = numpy.abs(y.astype(int) - wanted.astype(int))
    assert differences.max() <= 1 and numpy.mean(differences > 0) <= 0.01


def test_nothing():
    model = tegula.compile(make_model("Tanh", numpy.uint8, numpy.uint8(3), ["n", 16]))
    assert model.run([numpy.zeros((0, 16), numpy.uint8)])[0].shape == (0, 16)
