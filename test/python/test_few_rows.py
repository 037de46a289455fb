# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Products of few rows and constant weights, which stage `layout` lays out in blocks of columns, against f64."""
import ml_dtypes
import numpy
import onnx
import oracle
import pytest
import tegula
from onnx import helper

RANDOM = numpy.random.default_rng(9)
#: Depth and columns: less than a vector, whole vectors, blocks of registers that the columns do not fill.
SHAPES = [(18000, 1), (1400, 13), (257, 64), (480, 517), (130, 259), (1, 18001)]


def uniform(shape, element):
    return RANDOM.uniform(-1, 1, shape).astype(element)


def make_model(rows, element, is_transposed):
    """One product for each shape; bias and Relu follow."""
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(element))
    nodes, inputs, outputs, tensors, arrays = [], [], [], [], []
    for i, (depth, columns) in enumerate(SHAPES):
        w = uniform((columns, depth) if is_transposed else (depth, columns), element)
        b = uniform((columns,), element)
        nodes.append(helper.make_node("Gemm", [f"x{i}", f"w{i}", f"b{i}"], [f"s{i}"], transB=int(is_transposed)))
        nodes.append(helper.make_node("Relu", [f"s{i}"], [f"y{i}"]))
        inputs.append(helper.make_tensor_value_info(f"x{i}", kind, [rows, depth]))
        outputs.append(helper.make_tensor_value_info(f"y{i}", kind, [rows, columns]))
        tensors += [onnx.numpy_helper.from_array(w, f"w{i}"), onnx.numpy_helper.from_array(b, f"b{i}")]
        arrays.append((w.T if is_transposed else w, b))
    graph = helper.make_graph(nodes, "test", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), arrays


def check(model, arrays, rows, element):
    operands = [uniform((rows, depth), element) for depth, _ in SHAPES]
    for x, (w, b), (depth, _), got in zip(operands, arrays, SHAPES, model.run(operands)):
        want = numpy.maximum(x.astype(numpy.float64) @ w.astype(numpy.float64) + b.astype(numpy.float64), 0)
        assert got.shape == want.shape and got.dtype == numpy.dtype(element)
        error = numpy.abs(got.astype(numpy.float64) - want).max(initial=0)
        assert error <= oracle.tolerance(element, depth) * max(1, numpy.abs(want).max(initial=0)), (rows, depth)


@pytest.mark.parametrize("element", [numpy.float32, numpy.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("rows,is_transposed,target", [
    (1, False, "host"), (2, True, "host"), (7, False, "host"), (8, True, "host"), (3, False, "x86-64-v3"), (5, True, "x86-64-v2")])
def test_rows(rows, is_transposed, target, element):
    model, arrays = make_model(rows, element, is_transposed)
    check(tegula.compile(model, target=target), arrays, rows, element)


@pytest.mark.parametrize("element", [numpy.float32, numpy.float16])
def test_rows_of_a_run(element):
    model, arrays = make_model("rows", element, False)
    compiled = tegula.compile(model)
    for rows in (1, 2, 8, 21, 0):
        check(compiled, arrays, rows, element)


@pytest.mark.parametrize("precision", ["f32", "f32-strict"])
@pytest.mark.parametrize("rows,is_transposed,scales", [(1, False, 300), (4, True, 300), (33, False, 1)])
def test_bytes(rows, is_transposed, scales, precision, tmp_path):
    """8-bit weights with scales stay bytes, but for the strict precision."""
    depth, columns = 1000, 300
    w = RANDOM.integers(-128, 128, (columns, depth) if is_transposed else (depth, columns)).astype(numpy.int8)
    s = RANDOM.uniform(0.001, 0.01, (scales,) if scales > 1 else ()).astype(numpy.float32)
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0 if is_transposed else 1),
             helper.make_node("Gemm", ["x", "d"], ["y"], transB=int(is_transposed))]
    graph = helper.make_graph(nodes, "test", [helper.make_tensor_value_info("x", 1, [rows, depth])],
                              [helper.make_tensor_value_info("y", 1, [rows, columns])],
                              [onnx.numpy_helper.from_array(array, name) for array, name in ((w, "w"), (s, "s"))])
    compiled = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), precision=precision)
    compiled.save(tmp_path / "model.so")
    assert ((tmp_path / "model.so").stat().st_size < 2 * w.size) == (precision == "f32")
    x = uniform((rows, depth), numpy.float32)
    want = x.astype(numpy.float64) @ (w.T if is_transposed else w).astype(numpy.float64) * s.astype(numpy.float64)
    got = compiled.run([x])[0]
    assert numpy.abs(got - want).max() <= oracle.tolerance(numpy.float32, depth) * numpy.abs(want).max()


def halves(shape):
    """f32 numbers that f16 holds: the denormals, zeros of both signs, the largest, infinities, and others."""
    values = numpy.arange(1 << 16, dtype=numpy.uint16).view(numpy.float16)
    return numpy.resize(values[~numpy.isnan(values)], shape).astype(numpy.float32)


@pytest.mark.parametrize("kind", ["halves", "bfloats", "one more bit", "too small", "too large", "a NaN"])
def test_exact_weights(kind, tmp_path):
    """f32 weights that are numbers of a narrow type take half the memory; the sums are those of f32."""
    depth, columns = 512, 256
    w = uniform((depth, columns), ml_dtypes.bfloat16).astype(numpy.float32) if kind == "bfloats" else halves((depth, columns))
    w[7, 9] = {"one more bit": 1 + 2.0**-11, "too small": 2.0**-25, "too large": 65536, "a NaN": numpy.nan}.get(kind, w[7, 9])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "test", [helper.make_tensor_value_info("x", 1, [2, depth])],
                              [helper.make_tensor_value_info("y", 1, [2, columns])],
                              [onnx.numpy_helper.from_array(w, "w")])
    compiled = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    compiled.save(tmp_path / "model.so")
    size = (tmp_path / "model.so").stat().st_size
    assert (size < w.nbytes * 3 // 4) == (kind in ("halves", "bfloats"))
    # Rows that pick one weight each: the numbers themselves.
    for row in (0, 7, 300):
        x = numpy.zeros((2, depth), numpy.float32)
        x[:, row] = 1
        with numpy.errstate(invalid="ignore"):
            infinite = ~numpy.isfinite(w).all(axis=0)
        got = compiled.run([x])[0]
        numpy.testing.assert_array_equal(got[:, ~infinite], numpy.stack([w[row], w[row]])[:, ~infinite])
        assert not numpy.isfinite(got[:, infinite]).any()


def test_special_values():
    """Infinities, NaNs and denormals go through products as they do in f32; what fills the last block does not count."""
    depth, columns = 300, 70
    w = uniform((depth, columns), numpy.float32)
    w[5, 3], w[6, 69], w[7, 20] = numpy.inf, numpy.nan, -numpy.inf
    w[:, 40] = 1e-41
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "test", [helper.make_tensor_value_info("x", 1, [1, depth])],
                              [helper.make_tensor_value_info("y", 1, [1, columns])],
                              [onnx.numpy_helper.from_array(w, "w")])
    compiled = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    x = numpy.ones((1, depth), numpy.float32)
    y = compiled.run([x])[0][0]
    assert y[3] == numpy.inf and y[20] == -numpy.inf and numpy.isnan(y[69])
    assert numpy.isfinite(numpy.delete(y, [3, 20, 69])).all()
    assert abs(float(y[40]) - depth * float(w[0, 40])) <= depth * 2.0**-149
