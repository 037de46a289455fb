# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Convolutions with constant weights, which the layout stage gives to the families on blocked channels."""
import math

import numpy
import onnx
import pytest
import tegula
from onnx import helper

RANDOM = numpy.random.default_rng(5)


def uniform(*shape):
    return RANDOM.uniform(-1, 1, shape).astype(numpy.float32)


def convolve(x, w, b, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1):
    """In f64, one kernel position after the other."""
    x = numpy.pad(x.astype(numpy.float64), ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    kernel = w.shape[2:]
    rows, columns = ((x.shape[2 + i] - dilations[i] * (kernel[i] - 1) - 1) // strides[i] + 1 for i in (0, 1))
    outer, inner = w.shape[0] // group, w.shape[1]
    y = numpy.zeros((x.shape[0], w.shape[0], rows, columns))
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilations[0], j * dilations[1]
            part = x[:, :, top : top + rows * strides[0] : strides[0], left : left + columns * strides[1] : strides[1]]
            part = part[:, :, :rows, :columns]
            for g in range(group):
                y[:, g * outer : (g + 1) * outer] += numpy.einsum(
                    "nchw,mc->nmhw", part[:, g * inner : (g + 1) * inner], w[g * outer : (g + 1) * outer, :, i, j]
                )
    return y + b.reshape(-1, 1, 1)


def make_model(nodes, x_shape, arrays, dtype="float32"):
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", kind, x_shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def families(model):
    return {kernel["schedule"].split("<")[0].removeprefix("#sched.") for kernel in model.kernels}


def check(model, x, wanted, tolerance):
    numpy.testing.assert_allclose(model.run([x])[0], wanted, rtol=0, atol=tolerance * numpy.abs(wanted).max())


# Operand, weight, attributes, family.
CASES = {
    "three": ((1, 64, 13, 15), (64, 64, 3, 3), dict(pads=(1, 1, 1, 1)), "winograd"),
    "odd": ((4, 128, 9, 7), (96, 128, 3, 3), dict(pads=(0, 2, 1, 0)), "winograd"),
    "strided": ((1, 128, 15, 12), (64, 128, 3, 3), dict(strides=(2, 1), pads=(1, 1, 0, 1)), "convolution"),
    "dilated": ((1, 128, 14, 11), (64, 128, 3, 2), dict(dilations=(2, 3), pads=(2, 0, 2, 3)), "convolution"),
    "pointwise": ((2, 512, 7, 7), (512, 512, 1, 1), {}, "convolution"),
    "pointwise_strided": ((1, 512, 9, 9), (2048, 512, 1, 1), dict(strides=(2, 2)), "convolution"),
    "five": ((1, 128, 9, 33), (48, 128, 5, 5), dict(pads=(2, 2, 2, 2)), "convolution"),
    "stem": ((1, 3, 41, 39), (128, 3, 11, 11), dict(strides=(4, 4), pads=(5, 5, 5, 5)), "convolution"),
    "twelve": ((1, 12, 21, 19), (64, 12, 5, 5), dict(pads=(2, 2, 2, 2)), "convolution"),
    "partial": ((1, 256, 9, 9), (37, 256, 5, 3), dict(pads=(0, 1, 0, 1)), "convolution"),
    "grouped": ((1, 64, 9, 9), (32, 16, 3, 3), dict(group=4), "matmul"),
    "uneven": ((1, 70, 9, 9), (32, 70, 3, 3), {}, "matmul"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", ["host", "x86-64-v2"])
def test_one_convolution(name, target):
    x_shape, w_shape, attributes, family = CASES[name]
    x, w, b = uniform(*x_shape), uniform(*w_shape), uniform(w_shape[0])
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], **attributes)
    model = tegula.compile(make_model([node], x_shape, {"w": w, "b": b}), target=target)
    assert "cpu_" + family in families(model)
    check(model, x, convolve(x, w, b, **attributes), 1e-4 if family == "winograd" else 1e-5)


def test_dynamic_extents():
    w, b = uniform(64, 64, 3, 3), uniform(64)
    v, c = uniform(64, 64, 3, 3), uniform(64)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["p"], pads=(1, 1, 1, 1)),
        helper.make_node("Relu", ["p"], ["r"]),
        helper.make_node("Conv", ["r", "v", "c"], ["y"], strides=(2, 2)),
    ]
    model = tegula.compile(make_model(nodes, ["n", 64, "h", "w"], {"w": w, "b": b, "v": v, "c": c}))
    assert {"cpu_winograd", "cpu_convolution"} <= families(model)
    for shape in ((1, 64, 9, 17), (3, 64, 4, 3), (0, 64, 8, 8), (2, 64, 31, 6)):
        x = uniform(*shape)
        if not x.size:
            assert model.run([x])[0].shape == (0, 64, 3, 3)
            continue
        wanted = convolve(numpy.maximum(convolve(x, w, b, pads=(1, 1, 1, 1)), 0), v, c, strides=(2, 2))
        check(model, x, wanted, 1e-4)


def transpose_convolve(x, w, b, strides, pads=(0, 0, 0, 0), group=1):
    """In f64: each element adds its multiple of the kernel."""
    inner, outer = x.shape[1] // group, w.shape[1]
    extents = [(x.shape[2 + i] - 1) * strides[i] + w.shape[2 + i] for i in (0, 1)]
    y = numpy.zeros((x.shape[0], outer * group, *extents))
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            for g in range(group):
                own = slice(g * inner, (g + 1) * inner)
                top, left = i * strides[0], j * strides[1]
                y[:, g * outer : (g + 1) * outer, top : top + w.shape[2], left : left + w.shape[3]] += numpy.einsum(
                    "nc,cmhw->nmhw", x[:, own, i, j].astype(numpy.float64), w[own]
                )
    return y[:, :, pads[0] : extents[0] - pads[2], pads[1] : extents[1] - pads[3]] + b.reshape(-1, 1, 1)


# Operand, weight, attributes.
TRANSPOSED = {
    "disjoint": ((1, 24, 13, 17), (24, 24, 2, 2), dict(strides=(2, 2))),
    "one_channel": ((2, 24, 16, 9), (24, 1, 2, 3), dict(strides=(2, 3))),
    "cropped": ((1, 8, 7, 5), (8, 6, 3, 2), dict(strides=(3, 2), pads=(1, 0, 2, 1))),
    "grouped": ((2, 12, 5, 6), (12, 5, 2, 1), dict(strides=(2, 1), group=3)),
    "overlapping": ((1, 16, 9, 7), (16, 8, 3, 3), dict(strides=(2, 1), pads=(1, 1, 0, 1))),
    "gaps": ((1, 4, 6, 1), (4, 3, 2, 1), dict(strides=(3, 2))),
}


@pytest.mark.parametrize("name", TRANSPOSED)
@pytest.mark.parametrize("dynamic", [False, True])
def test_transposed(name, dynamic):
    x_shape, w_shape, attributes = TRANSPOSED[name]
    x, w = uniform(*x_shape), uniform(*w_shape)
    b = uniform(w_shape[1] * attributes.get("group", 1))
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w", "b"], ["t"], **attributes),
        helper.make_node("Relu", ["t"], ["y"]),
    ]
    shape = ["n", x_shape[1], "h", "w"] if dynamic else x_shape
    model = tegula.compile(make_model(nodes, shape, {"w": w, "b": b}))
    check(model, x, numpy.maximum(transpose_convolve(x, w, b, **attributes), 0), 1e-5)


def same_pads(x, kernel, strides, dilations, lower):
    """As the specification of Conv says."""
    spans = [dilations[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
    counts = [math.ceil(x.shape[2 + i] / strides[i]) for i in (0, 1)]
    totals = [max((counts[i] - 1) * strides[i] + spans[i] - x.shape[2 + i], 0) for i in (0, 1)]
    begins = [(total + lower) // 2 for total in totals]
    return begins + [total - begin for total, begin in zip(totals, begins)]


def test_channels_last():
    w, b = uniform(128, 3, 7, 9), uniform(128)
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=(0, 3, 1, 2)),
        helper.make_node("Conv", ["t", "w", "b"], ["y"], strides=(2, 1), pads=(3, 2, 0, 4)),
    ]
    x = uniform(2, 41, 38, 3)
    model = tegula.compile(make_model(nodes, x.shape, {"w": w, "b": b}))
    assert "cpu_convolution" in families(model)
    check(model, x, convolve(x.transpose(0, 3, 1, 2), w, b, strides=(2, 1), pads=(3, 2, 0, 4)), 1e-5)


@pytest.mark.parametrize("lower", [False, True])
def test_padding_of_the_run(lower):
    """SAME padding of a stem, a depthwise convolution, a pool and a convolution, of extents that the run knows."""
    w0, w1, w2, b = uniform(64, 3, 4, 3), uniform(64, 1, 3, 3), uniform(64, 64, 3, 5), uniform(64)
    same = "SAME_LOWER" if lower else "SAME_UPPER"
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b"], ["s"], strides=(2, 2), auto_pad=same),
        helper.make_node("Conv", ["s", "w1", "b"], ["d"], strides=(1, 2), group=64, auto_pad=same),
        helper.make_node("MaxPool", ["d"], ["m"], kernel_shape=(3, 2), strides=(2, 1), auto_pad=same),
        helper.make_node("Conv", ["m", "w2", "b"], ["y"], strides=(3, 2), dilations=(2, 1), auto_pad=same),
    ]
    model = tegula.compile(make_model(nodes, [1, 3, "h", "w"], {"w0": w0, "w1": w1, "w2": w2, "b": b}))
    assert {"cpu_convolution"} <= families(model) <= {"cpu_convolution", "cpu_map"}

    def conv(x, w, **attributes):
        attributes = {"strides": (1, 1), "dilations": (1, 1)} | attributes
        pads = same_pads(x, w.shape[2:], attributes["strides"], attributes["dilations"], lower)
        return convolve(x, w, b, pads=pads, **attributes)

    for rows, columns in ((1, 1), (2, 3), (7, 8), (12, 13), (29, 30), (31, 64), (32, 97), (33, 125)):
        x = uniform(1, 3, rows, columns)
        d = conv(conv(x, w0, strides=(2, 2)), w1, strides=(1, 2), group=64)
        top, left, bottom, right = same_pads(d, (3, 2), (2, 1), (1, 1), lower)
        d = numpy.pad(d, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=-numpy.inf)
        windows = numpy.lib.stride_tricks.sliding_window_view(d, (3, 2), (2, 3))[:, :, ::2]
        check(model, x, conv(windows.max((4, 5)), w2, strides=(3, 2), dilations=(2, 1)), 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("target", ["host", "x86-64-v3"])
def test_region(dtype, target):
    """Pools, residuals, gates, concatenations and a depthwise convolution stay in blocks. Halves are rounded by each."""
    arrays = dict(w0=uniform(64, 3, 3, 3), w1=uniform(64, 64, 3, 3), w2=uniform(64, 1, 3, 3), w3=uniform(64, 128, 1, 1),
                  b=uniform(64), slope=uniform(64, 1, 1))
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b"], ["a"], strides=(2, 2), pads=(1, 1, 1, 1)),
        helper.make_node("MaxPool", ["a"], ["m"], kernel_shape=(3, 3), pads=(1, 1, 1, 1)),
        helper.make_node("Conv", ["m", "w1", "b"], ["c"], pads=(1, 1, 1, 1)),
        helper.make_node("PRelu", ["c", "slope"], ["p"]),
        helper.make_node("Conv", ["p", "w2", "b"], ["d"], pads=(1, 1, 1, 1), group=64),
        helper.make_node("GlobalAveragePool", ["d"], ["g"]),
        helper.make_node("Sigmoid", ["g"], ["s"]),
        helper.make_node("Mul", ["d", "s"], ["e"]),
        helper.make_node("Add", ["e", "m"], ["f"]),
        helper.make_node("Concat", ["f", "p"], ["k"], axis=1),
        helper.make_node("Conv", ["k", "w3", "b"], ["y"]),
    ]
    def cast(array):
        return array.astype(dtype)

    x, arrays = cast(uniform(2, 3, 23, 26)), {name: cast(array) for name, array in arrays.items()}
    model = tegula.compile(make_model(nodes, x.shape, arrays, dtype), target=target)
    b, w = arrays["b"], arrays
    a = cast(convolve(x, w["w0"], b, strides=(2, 2), pads=(1, 1, 1, 1)))
    padded = numpy.pad(a, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-numpy.inf)
    m = numpy.max([padded[:, :, i : i + a.shape[2], j : j + a.shape[3]] for i in range(3) for j in range(3)], axis=0)
    c = cast(convolve(m, w["w1"], b, pads=(1, 1, 1, 1)))
    p = cast(numpy.where(c >= 0, c, c * w["slope"]))
    d = cast(convolve(p, w["w2"], b, pads=(1, 1, 1, 1), group=64))
    gate = cast(1 / (1 + numpy.exp(-cast(d.mean((2, 3), dtype=numpy.float64, keepdims=True)).astype(numpy.float64))))
    f = cast(cast(d * gate) + m)
    check(model, x, convolve(numpy.concatenate([f, p], 1), w["w3"], b), 1e-4 if dtype == "float32" else 2e-3)
    # Only the stem's operand and the result cross the border of the region.
    assert "cpu_matmul" not in families(model)
