# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantization and dequantization right after it, whose integers nobody else reads: bit for bit what the integers give."""
import numpy
import pytest
import tegula
from onnx import TensorProto, helper, numpy_helper

RANDOM = numpy.random.default_rng(5)
SPECIAL = numpy.float32([0.0, -0.0, numpy.nan, numpy.inf, -numpy.inf, 1e-45, -1e-40, 3.4e38, -3.4e38])


def make_model(element, scale, zero, axis, keeps_integers, type=TensorProto.FLOAT):
    parameters = ["scale"] + (["zero"] if zero is not None else [])
    arrays = {"scale": scale} | ({"zero": zero} if zero is not None else {})
    nodes = [helper.make_node("QuantizeLinear", ["x", *parameters], ["q"], axis=axis, output_dtype=element),
             helper.make_node("DequantizeLinear", ["q", *parameters], ["y"], axis=axis)]
    outputs = [helper.make_tensor_value_info("y", type, None)]
    if keeps_integers:
        outputs.append(helper.make_tensor_value_info("q", element, None))
    graph = helper.make_graph(nodes, "pair", [helper.make_tensor_value_info("x", type, ["n", 5])], outputs,
                              [numpy_helper.from_array(numpy.asarray(array), name) for name, array in arrays.items()])
    return tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]))


def inputs(scale, count=4000):
    """Numbers in and out of range, exact halves, and the special ones."""
    halves = (numpy.arange(-600, 600) / numpy.float32(2)).astype(numpy.float32) * numpy.float32(scale)
    spread = RANDOM.standard_normal(count).astype(numpy.float32) * numpy.float32(100 * scale)
    values = numpy.concatenate([halves, spread, SPECIAL, SPECIAL])
    return numpy.resize(values, (-(-values.size // 5), 5))


@pytest.mark.parametrize("element, zero", [
    (TensorProto.UINT8, numpy.uint8(131)), (TensorProto.UINT8, numpy.uint8(0)), (TensorProto.UINT8, None),
    (TensorProto.INT8, numpy.int8(-7)), (TensorProto.INT16, numpy.int16(300)), (TensorProto.UINT16, numpy.uint16(40000)),
])
@pytest.mark.parametrize("scale", [0.0123, 0.25, 3.0])
def test_one_scale(element, zero, scale):
    x = inputs(scale)
    alone = make_model(element, numpy.float32(scale), zero, 1, False)(x)
    beside, integers = make_model(element, numpy.float32(scale), zero, 1, True)(x)
    numpy.testing.assert_array_equal(alone.view(numpy.int32), beside.view(numpy.int32))
    about, offset = numpy.iinfo(integers.dtype), 0 if zero is None else int(zero)
    with numpy.errstate(over="ignore", invalid="ignore"):
        wanted = numpy.clip(numpy.rint(x / numpy.float32(scale)).astype(numpy.float64) + offset, about.min, about.max)
    finite = ~numpy.isnan(x)
    numpy.testing.assert_array_equal(integers[finite], wanted[finite].astype(integers.dtype))
    numpy.testing.assert_array_equal(alone[finite], (wanted[finite] - offset).astype(numpy.float32) * numpy.float32(scale))


def test_scale_for_each_channel():
    scale, zero = numpy.float32([0.1, 0.02, 3, 1, 0.5]), numpy.int8([0, 3, -128, 127, 5])
    x = inputs(1.0)
    alone = make_model(TensorProto.INT8, scale, zero, 1, False)(x)
    beside, _ = make_model(TensorProto.INT8, scale, zero, 1, True)(x)
    numpy.testing.assert_array_equal(alone.view(numpy.int32), beside.view(numpy.int32))


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(rows):
    x = RANDOM.standard_normal((rows, 5), numpy.float32)
    alone = make_model(TensorProto.UINT8, numpy.float32(0.01), numpy.uint8(100), 1, False)(x)
    beside, _ = make_model(TensorProto.UINT8, numpy.float32(0.01), numpy.uint8(100), 1, True)(x)
    assert alone.shape == (rows, 5)
    numpy.testing.assert_array_equal(alone, beside)


def test_halves():
    """The quotient is rounded to the precision of the scale first."""
    with numpy.errstate(over="ignore"):
        x = inputs(0.05).astype(numpy.float16)
    alone = make_model(TensorProto.UINT8, numpy.float16(0.05), numpy.uint8(9), 1, False, TensorProto.FLOAT16)(x)
    beside, _ = make_model(TensorProto.UINT8, numpy.float16(0.05), numpy.uint8(9), 1, True, TensorProto.FLOAT16)(x)
    numpy.testing.assert_array_equal(alone.view(numpy.int16), beside.view(numpy.int16))
