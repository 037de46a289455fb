# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convolutions of 8-bit integers: on blocked channels with an instruction that sums products of four bytes, or of two
16-bit values, and in the matmul family without AVX2.

With scales that are powers of two and sums below 2^24, float arithmetic is exact: results are equal to the last bit."""
import numpy
import onnx
import pytest
import tegula
from onnx import helper
from test_convolution import convolve, families

RANDOM = numpy.random.default_rng(7)
TARGETS = ["host", "x86-64-v3", "x86-64-v2"]


def integers(dtype, *shape):
    low, high = numpy.iinfo(dtype).min, numpy.iinfo(dtype).max
    return RANDOM.integers(low, high, shape, dtype=dtype, endpoint=True)


def quantize(value, scale, zero, dtype):
    limits = numpy.iinfo(dtype)
    return numpy.clip(numpy.rint(value / scale) + zero, limits.min, limits.max).astype(dtype)


def make_model(nodes, x, arrays, y_dtype):
    def value(name, dtype, shape):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype)), shape)

    graph = helper.make_graph(
        nodes,
        "test",
        [value("x", x.dtype, x.shape)],
        [value("y", y_dtype, None)],
        [onnx.numpy_helper.from_array(numpy.asarray(array), name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


# Operand, weight, attributes.
CASES = {
    "three": ((1, 64, 13, 15), (64, 64, 3, 3), dict(pads=(1, 1, 1, 1))),
    "strided": ((2, 128, 15, 12), (64, 128, 3, 3), dict(strides=(2, 1), pads=(1, 1, 0, 1))),
    "dilated": ((1, 128, 14, 11), (64, 128, 3, 2), dict(dilations=(2, 3), pads=(2, 0, 2, 3))),
    "pointwise": ((2, 256, 7, 7), (512, 256, 1, 1), {}),
    "partial": ((1, 70, 9, 9), (37, 70, 5, 3), dict(pads=(0, 1, 0, 1))),
    "stem": ((1, 3, 41, 39), (64, 3, 7, 7), dict(strides=(2, 2), pads=(3, 3, 3, 3))),
    "thirteen": ((1, 13, 21, 19), (64, 13, 5, 5), dict(pads=(2, 2, 2, 2))),
}
# Types of operand, weight and result, and whether the weight has a zero point.
TYPES = {
    "unsigned": ("uint8", "int8", "uint8", False),
    "signed": ("int8", "int8", "int8", False),
    "unsigned_weight": ("uint8", "uint8", "int8", False),
    "weight_zero_point": ("int8", "uint8", "uint8", True),
}


@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", TARGETS)
def test_one_convolution(name, types, target):
    x_shape, w_shape, attributes = CASES[name]
    x_type, w_type, y_type, has_zero = TYPES[types]
    x, w = integers(x_type, *x_shape), integers(w_type, *w_shape)
    x_zero, y_zero = int(integers(x_type, 1)[0]), int(integers(y_type, 1)[0])
    w_zero = 125 if has_zero else 128 if w_type == "uint8" else 0
    bias = RANDOM.integers(-50000, 50000, w_shape[0]).astype(numpy.int32)
    w_scale = (2.0 ** RANDOM.integers(-9, -6, w_shape[0])).astype(numpy.float32)
    x_scale, y_scale = numpy.float32(0.5), numpy.float32(16)
    arrays = {
        "xs": x_scale, "xz": numpy.array(x_zero, x_type), "w": w, "ws": w_scale,
        "wz": numpy.full(w_shape[0], w_zero, w_type), "ys": y_scale, "yz": numpy.array(y_zero, y_type), "b": bias,
    }
    node = helper.make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"], **attributes)
    model = tegula.compile(make_model([node], x, arrays, y_type), target=target)
    assert target == "x86-64-v2" or "cpu_convolution" in families(model)
    sums = convolve(x.astype(numpy.int64) - x_zero, w.astype(numpy.int64) - w_zero, bias.astype(numpy.float64), **attributes)
    assert numpy.abs(sums).max() < 2**24
    wanted = quantize(sums * x_scale * w_scale.reshape(-1, 1, 1), y_scale, y_zero, y_type)
    assert len(numpy.unique(wanted)) > 50
    numpy.testing.assert_array_equal(model.run([x])[0], wanted)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("depthwise", [(3, 3, 1, 1), (3, 3, 2, 1), (5, 5, 1, 1), (3, 2, 1, 2), (9, 9, 1, 1)])
def test_region(depthwise, target, signed):
    """An inverted bottleneck of channels that fill no blocks: pointwise, depthwise, pointwise, and what it starts from."""
    rows, columns, stride, dilation = depthwise
    dtype = "int8" if signed else "uint8"
    zero = -128 if signed else 0
    x = integers(dtype, 2, 24, 19, 22)
    weights = [integers("int8", 72, 24, 1, 1), integers("int8", 72, 1, rows, columns), integers("int8", 24, 72, 1, 1)]
    window = dict(strides=(stride, stride), dilations=(dilation, dilation), group=72,
                  pads=(rows // 2 * dilation, columns // 2 * dilation) * 2)
    scales = [0.5, 16.0, 256.0, 2048.0, 4096.0]
    zeros = [zero + 100, zero, zero + 3, zero + 128, zero + 120]
    arrays = {"ws": numpy.float32(0.25)}
    nodes = []

    def linear(kind, source, name, i):
        nodes.append(helper.make_node(f"{kind}Linear", [source, f"s{i}", f"z{i}"], [name]))

    for i, (scale, point) in enumerate(zip(scales, zeros)):
        arrays |= {f"s{i}": numpy.float32(scale), f"z{i}": numpy.array(point, dtype)}
    current = "x"
    for i, weight in enumerate(weights):
        arrays[f"w{i}"] = weight
        linear("Dequantize", current, f"d{i}", i)
        nodes.append(helper.make_node("DequantizeLinear", [f"w{i}", "ws"], [f"v{i}"]))
        nodes.append(helper.make_node("Conv", [f"d{i}", f"v{i}"], [f"c{i}"], **(window if i == 1 else {})))
        if i == 0:
            nodes.append(helper.make_node("Relu", ["c0"], ["r0"]))
        linear("Quantize", "r0" if i == 0 else f"c{i}", f"q{i}", i + 1)
        current = f"q{i}"
    linear("Dequantize", "q2", "last", 3)
    adds = stride == 1 and columns % 2 == 1
    nodes.append(helper.make_node("Add", ["last", "d0"], ["sum"]) if adds else helper.make_node("Neg", ["last"], ["sum"]))
    linear("Quantize", "sum", "y", 4)
    model = tegula.compile(make_model(nodes, x, arrays, dtype), target=target)
    if target != "x86-64-v2":
        assert {"cpu_convolution", "cpu_depthwise"} <= families(model)
        assert "cpu_matmul" not in families(model)

    value = x
    for i, weight in enumerate(weights):
        real = convolve(value.astype(numpy.int64) - zeros[i], weight, numpy.zeros(1), **(window if i == 1 else {}))
        real *= scales[i] * 0.25
        value = quantize(numpy.maximum(real, 0) if i == 0 else real, scales[i + 1], zeros[i + 1], dtype)
        assert len(numpy.unique(value)) > 50
    total = (value.astype(numpy.int64) - zeros[3]) * scales[3]
    total = total + (x.astype(numpy.int64) - zeros[0]) * scales[0] if adds else -total
    numpy.testing.assert_array_equal(model.run([x])[0], quantize(total, scales[4], zeros[4], dtype))


@pytest.mark.parametrize("target", TARGETS)
def test_any_scales(target):
    """Scales of all kinds: half a step and what float arithmetic rounds."""
    x, w = integers("uint8", 1, 64, 14, 14), integers("int8", 96, 64, 3, 3)
    w_scale = RANDOM.uniform(0.001, 0.003, 96).astype(numpy.float32)
    x_scale, y_scale = numpy.float32(0.0371), numpy.float32(0.6137)
    arrays = {"xs": x_scale, "xz": numpy.uint8(113), "w": w, "ws": w_scale, "wz": numpy.zeros(96, numpy.int8), "ys": y_scale,
              "yz": numpy.uint8(121)}
    node = helper.make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"], ["y"], pads=(1, 1, 1, 1))
    model = tegula.compile(make_model([node], x, arrays, "uint8"), target=target)
    sums = convolve(x.astype(numpy.int64) - 113, w, numpy.zeros(1), pads=(1, 1, 1, 1))
    real = sums * numpy.float64(x_scale) * w_scale.astype(numpy.float64).reshape(-1, 1, 1) / numpy.float64(y_scale) + 121
    error = numpy.abs(model.run([x])[0] - numpy.clip(real, 0, 255))
    assert error.max() <= 0.5 + 1e-4
