# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention of a quantized model, which is one kernel where its form allows: against the integers of ONNX's semantics.

A weight may differ by one step where the rounding of its quotient decides, so that a sum differs by at most as many
differences to the zero point of the values as there are such weights; most results are equal."""
import numpy
import onnx
import pytest
import tegula
from onnx import helper, numpy_helper

RANDOM = numpy.random.default_rng(23)
F32 = numpy.float32
#: Scale and zero point, by the name of what is quantized. No multiple of a product of scales is half of a step.
STEPS = {"q": (0.02, 131), "k": (0.03, 115), "s": (0.0517, 128), "c": (0.04, 120), "w": (1 / 255, 0), "v": (0.01, 117),
         "y": (0.00437, 122)}


def step(name, element):
    scale, zero = STEPS[name]
    return F32(scale), numpy.asarray(zero if element == numpy.uint8 else zero - 128, element)


def quantize(x, name, element):
    scale, zero = step(name, element)
    about = numpy.iinfo(element)
    return numpy.clip(numpy.rint(x / scale) + F32(zero), about.min, about.max).astype(element)


def dequantize(x, name):
    scale, zero = step(name, x.dtype)
    return (x.astype(F32) - F32(zero)) * scale


def make_model(shapes, element, transposed, flattened, maskFirst):
    """Products, mask, softmax and products, each dequantized and quantized."""
    nodes, tensors = [], [numpy_helper.from_array(F32(8**0.5), "divisor")]
    for name in STEPS:
        for part, value in zip(("scale", "zero"), step(name, element)):
            tensors.append(numpy_helper.from_array(value, f"{name}_{part}"))

    def add(operator, operands, result, **attributes):
        nodes.append(helper.make_node(operator, operands, [result], **attributes))

    def pair(source, result, name):
        add("QuantizeLinear", [source, f"{name}_scale", f"{name}_zero"], f"{result}_q")
        add("DequantizeLinear", [f"{result}_q", f"{name}_scale", f"{name}_zero"], result)

    for name in "qkv":
        add("DequantizeLinear", [name, f"{name}_scale", f"{name}_zero"], f"{name}_f")
    if transposed:
        order = list(range(len(shapes["k"])))
        order[-2:] = order[:-3:-1]
        add("Transpose", ["k_f"], "t", perm=order)
    add("MatMul", ["q_f", "t" if transposed else "k_f"], "products")
    pair("products", "s", "s")
    add("Div", ["s", "divisor"], "scaled")
    if "mask" in shapes:
        add("Add", ["mask", "scaled"] if maskFirst else ["scaled", "mask"], "masked")
    pair("masked" if "mask" in shapes else "scaled", "c", "c")
    if flattened:
        add("Shape", ["c"], "shape")
        add("Flatten", ["c"], "rows", axis=len(shapes["q"]) - 1)
    add("Softmax", ["rows" if flattened else "c"], "p", axis=-1)
    pair("p", "w", "w")
    if flattened:
        add("Reshape", ["w", "shape"], "w_shaped")
    add("MatMul", ["w_shaped" if flattened else "w", "v_f"], "sums")
    add("QuantizeLinear", ["sums", "y_scale", "y_zero"], "y")
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(element))
    inputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT if name == "mask" else kind, shape)
              for name, shape in shapes.items()]
    graph = helper.make_graph(nodes, "test", inputs, [helper.make_tensor_value_info("y", kind, None)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def attend(operands, element, transposed):
    q, k, v = (operands[name].astype(numpy.int64) - int(step(name, element)[1]) for name in "qkv")
    products = (q @ (k.swapaxes(-1, -2) if transposed else k)).astype(F32) * (step("q", element)[0] * step("k", element)[0])
    scores = dequantize(quantize(products, "s", element), "s") / F32(8**0.5)
    if "mask" in operands:
        scores = scores + operands["mask"]
    scores = dequantize(quantize(scores, "c", element), "c")
    weights = numpy.exp((scores - scores.max(axis=-1, keepdims=True, initial=-numpy.inf)).astype(numpy.float64))
    weights = quantize((weights / weights.sum(axis=-1, keepdims=True)).astype(F32), "w", element)
    sums = (weights.astype(numpy.int64) - int(step("w", element)[1])) @ v
    return quantize(sums.astype(F32) * (step("w", element)[0] * step("v", element)[0]), "y", element)


def check(sizes, element=numpy.uint8, transposed=True, flattened=False, maskFirst=False, dynamic=True, mask=True):
    """`sizes`: batch, heads, queries, keys, elements of a key, of a value."""
    batch, heads, queries, keys, depth, width = sizes
    key = [keys, depth] if transposed else [depth, keys]
    extents = {"q": [batch, heads, queries, depth], "k": [batch, heads, *key], "v": [batch, heads, keys, width]}
    if mask:
        extents["mask"] = [batch, 1, 1, keys]
    names = {batch: "batch", queries: "queries", keys: "keys"} if dynamic else {}
    shapes = {name: [extent if axis == 1 or extent in (depth, width) else names.get(extent, extent)
                     for axis, extent in enumerate(shape)] for name, shape in extents.items()}
    about = numpy.iinfo(element)
    operands = {name: numpy.where(RANDOM.uniform(size=shape) < 0.8, 0, -3).astype(F32) if name == "mask" else
                RANDOM.integers(about.min, about.max + 1, shape).astype(element) for name, shape in extents.items()}
    [y] = tegula.compile(make_model(shapes, element, transposed, flattened, maskFirst)).run(list(operands.values()))
    wanted = attend(operands, element, transposed)
    assert y.shape == wanted.shape and y.dtype == wanted.dtype
    differences = numpy.abs(y.astype(int) - wanted.astype(int))
    assert differences.max(initial=0) <= 1 and numpy.count_nonzero(differences) <= 0.01 * y.size


@pytest.mark.parametrize("queries, keys", [(16, 16), (1, 37), (4, 5), (3, 300), (33, 600), (7, 256), (20, 257), (50, 1)])
@pytest.mark.parametrize("dynamic", [True, False])
def test_extents(queries, keys, dynamic):
    check((2, 3, queries, keys, 8, 13), dynamic=dynamic)


@pytest.mark.parametrize("depth, width", [(1, 1), (8, 8), (16, 16), (3, 16), (16, 5), (64, 64), (257, 9), (30, 258)])
def test_elements(depth, width):
    check((2, 3, 19, 45, depth, width))


@pytest.mark.parametrize("element", [numpy.uint8, numpy.int8])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("flattened", [True, False])
@pytest.mark.parametrize("mask, maskFirst", [(False, False), (True, False), (True, True)])
def test_forms(element, transposed, flattened, mask, maskFirst):
    check((2, 3, 21, 39, 12, 16), element, transposed, flattened, maskFirst, mask=mask)


def test_no_rows_and_no_keys():
    check((2, 3, 0, 5, 12, 16))
    check((2, 3, 5, 0, 12, 16), mask=False)


def test_broadcasting_mask():
    """An extent of 1 at run time broadcasts: the mask decides how many there are."""
    shapes = {"q": ["n", 2, "s", 8], "k": ["n", 2, "t", 8], "v": ["m", 2, "t", 8], "mask": ["m", 1, 1, "t"]}
    extents = {"q": [1, 2, 6, 8], "k": [1, 2, 20, 8], "v": [3, 2, 20, 8], "mask": [3, 1, 1, 20]}
    operands = {name: RANDOM.uniform(-2, 0, shape).astype(F32) if name == "mask" else
                RANDOM.integers(0, 256, shape).astype(numpy.uint8) for name, shape in extents.items()}
    [y] = tegula.compile(make_model(shapes, numpy.uint8, True, False, False)).run(list(operands.values()))
    wanted = attend(operands, numpy.uint8, True)
    assert y.shape == wanted.shape and numpy.abs(y.astype(int) - wanted.astype(int)).max() <= 1
