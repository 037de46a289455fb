# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products whose number of columns only a run knows, around the length of a vector, against f64."""
import numpy
import oracle
import pytest
import tegula
from onnx import helper, numpy_helper

RANDOM = numpy.random.default_rng(10)
#: None, less than a vector of each target, a whole one, one more, more than a panel.
COLUMNS = [0, 1, 2, 3, 4, 5, 8, 9, 15, 16, 17, 64, 100]
#: Rows and depth: one row, fewer than a register block, more than one block of the depth.
SHAPES = [(1, 40), (5, 3), (30, 700), (129, 1)]


def uniform(shape, element):
    return RANDOM.uniform(-1, 1, shape).astype(element)


def check(got, want, element, depth):
    assert got.shape == want.shape and got.dtype == numpy.dtype(element)
    error = numpy.abs(got.astype(numpy.float64) - want).max(initial=0)
    assert error <= oracle.tolerance(element, depth) * max(1, numpy.abs(want).max(initial=0))


def compile_graph(nodes, inputs, outputs, tensors, target):
    graph = helper.make_graph(nodes, "test", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in tensors.items()])
    return tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), target=target)


@pytest.mark.parametrize("element", [numpy.float32, numpy.float64, numpy.float16])
@pytest.mark.parametrize("target", ["host", "x86-64-v3", "x86-64-v2"])
def test_products(element, target):
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(element))
    weights = [uniform(shape, element) for shape in SHAPES]
    nodes, inputs, outputs = [], [], []
    for i, (rows, depth) in enumerate(SHAPES):
        nodes += [helper.make_node("MatMul", [f"w{i}", f"x{i}"], [f"p{i}"]), helper.make_node("Relu", [f"p{i}"], [f"y{i}"])]
        inputs.append(helper.make_tensor_value_info(f"x{i}", kind, [depth, "columns"]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", kind, [rows, "columns"]))
    model = compile_graph(nodes, inputs, outputs, {f"w{i}": w for i, w in enumerate(weights)}, target)
    for columns in COLUMNS:
        operands = [uniform((depth, columns), element) for _, depth in SHAPES]
        for w, x, got in zip(weights, operands, model.run(operands)):
            want = numpy.maximum(w.astype(numpy.float64) @ x.astype(numpy.float64), 0)
            check(got, want, element, w.shape[1])


def test_rows_and_columns_of_a_run():
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(numpy.float32))
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    operands = [helper.make_tensor_value_info("a", kind, ["batch", "rows", 33]),
                helper.make_tensor_value_info("b", kind, ["batch", 33, "columns"])]
    result = helper.make_tensor_value_info("y", kind, ["batch", "rows", "columns"])
    model = compile_graph([node], operands, [result], {}, "host")
    for rows in (0, 1, 2, 13, 50):
        for columns in COLUMNS:
            a, b = uniform((2, rows, 33), numpy.float32), uniform((2, 33, columns), numpy.float32)
            check(model.run([a, b])[0], a.astype(numpy.float64) @ b.astype(numpy.float64), numpy.float32, 33)


def test_short_signals():
    """A convolution along a signal, with stride, padding and bias: 250 channels from 3, kernels of 16."""
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(numpy.float32))
    w, bias = uniform((250, 3, 16), numpy.float32), uniform((250,), numpy.float32)
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[4], pads=[2, 3])
    model = compile_graph([node], [helper.make_tensor_value_info("x", kind, [1, 3, "samples"])],
                          [helper.make_tensor_value_info("y", kind, [1, 250, "frames"])], {"w": w, "b": bias}, "host")
    for samples in (11, 12, 30, 72, 75, 76, 400):
        x = uniform((1, 3, samples), numpy.float32)
        padded = numpy.pad(x[0].astype(numpy.float64), ((0, 0), (2, 3)))
        frames = (samples + 5 - 16) // 4 + 1
        want = numpy.stack([numpy.einsum("mck,ck->m", w.astype(numpy.float64), padded[:, 4 * i:4 * i + 16])
                            for i in range(frames)], axis=1) + bias[:, None]
        check(model.run([x])[0], want[None], numpy.float32, 48)
