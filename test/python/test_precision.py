# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the modes of `precision` promise, on random numbers."""
import ml_dtypes
import numpy
import pytest
import tegula
from onnx import helper
from test_convolution import check, convolve, families, make_model, uniform


@pytest.mark.parametrize("channels, side", [(16, 28), (64, 12), (64, 56), (128, 28), (512, 14), (512, 28), (2048, 28)])
def test_winograd_stays_under_ten_times_the_direct_error(channels, side):
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1])
    x, w, b = uniform(1, channels, side, side), uniform(64, channels, 3, 3), uniform(64)
    wanted = convolve(x, w, b, pads=(1, 1, 1, 1))
    source = make_model([node], x.shape, {"w": w, "b": b})
    errors = {}
    for precision in ("f32", "f32-strict"):
        model = tegula.compile(source, precision=precision)
        assert ("cpu_winograd" in families(model)) == (precision == "f32")
        assert model.provenance["precision"] == precision
        check(model, x, wanted, 1e-5 if precision == "f32-strict" else 1e-4)
        errors[precision] = numpy.abs(model(x) - wanted).max()
    assert errors["f32"] < 10 * errors["f32-strict"], errors


def round_to_bf16(array):
    return array.astype(ml_dtypes.bfloat16).astype(numpy.float64)


@pytest.mark.parametrize("target", ["host", "x86-64-v3"])
@pytest.mark.parametrize("shape", [(128, 256, 128), (33, 257, 95), (64, 96, 512)])
def test_bf16_product_sums_in_f32(target, shape):
    """The operands are rounded, and nothing else."""
    rows, depth, columns = shape
    x, w, b = uniform(rows, depth), uniform(depth, columns), uniform(columns)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    model = tegula.compile(make_model(nodes, ["n", depth], {"w": w, "b": b}), target=target, precision="bf16")
    check(model, x, round_to_bf16(x) @ round_to_bf16(w) + b, 1e-5)
    # A row alone, and denormals, which an instruction for bf16 may take for zeros.
    check(model, x[:1], round_to_bf16(x[:1]) @ round_to_bf16(w) + b, 1e-5)
    check(model, x * numpy.float32(1e-38), 0 * x @ w + b, 1e-5)


@pytest.mark.parametrize("target", ["host", "x86-64-v3"])
@pytest.mark.parametrize("attributes", [{}, dict(strides=[2, 2]), dict(pads=[1, 2, 1, 0], dilations=[1, 2])])
@pytest.mark.parametrize("channels", [64, 70])
def test_bf16_convolution_sums_in_f32(target, attributes, channels):
    x, w, b = uniform(2, channels, 17, 15), uniform(80, channels, 3, 2), uniform(80)
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], **attributes)
    model = tegula.compile(make_model([node], x.shape, {"w": w, "b": b}), target=target, precision="bf16")
    check(model, x, convolve(round_to_bf16(x), round_to_bf16(w), b, **attributes), 1e-5)


@pytest.mark.parametrize("target", ["host", "x86-64-v3"])
def test_bf16_residual_network(target):
    """Pools, residuals, gates and concatenations between convolutions, one of which could use Winograd's algorithm."""
    arrays = dict(w0=uniform(64, 3, 3, 3), w1=uniform(64, 64, 3, 3), w2=uniform(64, 64, 1, 1), w3=uniform(32, 128, 1, 1),
                  b=uniform(64), c=uniform(32))
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b"], ["a"], strides=(2, 2), pads=(1, 1, 1, 1)),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["m"], kernel_shape=(3, 3), pads=(1, 1, 1, 1)),
        helper.make_node("Conv", ["m", "w1", "b"], ["d"], pads=(1, 1, 1, 1)),
        helper.make_node("Relu", ["d"], ["e"]),
        helper.make_node("Conv", ["e", "w2", "b"], ["f"]),
        helper.make_node("Add", ["f", "m"], ["g"]),
        helper.make_node("Concat", ["g", "e"], ["k"], axis=1),
        helper.make_node("Conv", ["k", "w3", "c"], ["y"]),
    ]
    x = uniform(1, 3, 56, 52)
    source = make_model(nodes, x.shape, arrays)
    f32, bf16 = tegula.compile(source, target=target), tegula.compile(source, target=target, precision="bf16")
    assert bf16.provenance["precision"] == "bf16"
    # Roundings of 2^-9 each, a handful in a row.
    check(bf16, x, f32(x), 1e-2)
    assert numpy.abs(bf16(x) - f32(x)).max() > 0


@pytest.mark.parametrize("target", ["host", "x86-64-v3"])
def test_bf16_attention(target):
    """Softmax stays f32: its sums are 1 to more digits than bf16 has."""
    length, width = 64, 96
    arrays = {name: uniform(width, width) / 8 for name in ("q", "k", "v")} | {"s": numpy.float32([0.125])}
    nodes = [
        *(helper.make_node("MatMul", ["x", name], [name + "x"]) for name in "qkv"),
        helper.make_node("Transpose", ["kx"], ["kt"], perm=[1, 0]),
        helper.make_node("MatMul", ["qx", "kt"], ["a"]),
        helper.make_node("Mul", ["a", "s"], ["b"]),
        helper.make_node("Softmax", ["b"], ["p"], axis=1),
        helper.make_node("MatMul", ["p", "vx"], ["y"]),
    ]
    x = uniform(length, width)
    source = make_model(nodes, x.shape, arrays)
    source.graph.output.append(helper.make_tensor_value_info("p", 1, None))
    model = tegula.compile(source, target=target, precision="bf16")
    (y, p), (wanted, probabilities) = model.run([x]), tegula.compile(source, target=target).run([x])
    numpy.testing.assert_allclose(p.sum(1, dtype=numpy.float64), 1, rtol=1e-6)
    numpy.testing.assert_allclose(p, probabilities, rtol=0, atol=1e-2 * probabilities.max())
    numpy.testing.assert_allclose(y, wanted, rtol=0, atol=1e-2 * numpy.abs(wanted).max())
