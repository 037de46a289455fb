# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators whose meaning the official tests show only in part: random numbers, transforms, axes at run time."""
import numpy
import pytest
import tegula
from onnx import TensorProto, helper, parser


def compiled(text, opset=24, **options):
    return tegula.compile(parser.parse_model(f'<ir_version: 10, opset_import: ["" : {opset}]>\n' + text), **options)


def test_seeded_numbers_are_those_of_numpy():
    model = compiled("g (float[n, 3] x) => (double[n, 3] y) { y = RandomUniformLike <dtype = 11, seed = 7.0> (x) }")
    for rows in (1, 4, 300):  # 300 rows: the generator's state is used up and renewed
        wanted = numpy.random.RandomState(7).random_sample((rows, 3))
        assert numpy.array_equal(model(numpy.zeros((rows, 3), numpy.float32)), wanted)


def test_numbers_without_a_seed_are_the_same_in_every_run():
    model = compiled("g () => (float[1000] y, float[1000] z) {\n"
                     "y = RandomNormal <shape = [1000], mean = 3.0, scale = 2.0> ()\n"
                     "z = RandomUniform <shape = [1000], low = -1.0, high = 1.0> () }")
    first, second = model.run([]), model.run([])
    assert numpy.array_equal(first[0], second[0]) and numpy.array_equal(first[1], second[1])
    assert abs(first[0].mean() - 3) < 0.3 and abs(first[0].std() - 2) < 0.3
    assert first[1].min() >= -1 and first[1].max() < 1 and abs(first[1].mean()) < 0.1


def test_dropout_drops_in_training_only():
    model = compiled("g (float[n] x, float r, bool t) => (float[n] y, bool[n] kept) { y, kept = Dropout <seed = 5> (x, r, t) }")
    x = numpy.arange(1, 1001, dtype=numpy.float32)
    y, kept = model.run([x, numpy.float32(0.25), numpy.array(False)])
    assert numpy.array_equal(y, x) and kept.all()
    y, kept = model.run([x, numpy.float32(0.25), numpy.array(True)])
    assert numpy.array_equal(kept, numpy.random.RandomState(5).random_sample(1000) >= 0.25)
    numpy.testing.assert_allclose(y, numpy.where(kept, x / 0.75, 0), rtol=1e-6)


def test_transforms():
    text = ("g (float[a, b, 2] x, int64 n, int64 axis) => (float[c, d, e] y, float[f, g, h] z, float[i, j, k] r) {\n"
            "y = DFT (x, n, axis) z = DFT <inverse = 1> (x, n, axis) r = DFT <inverse = 1, onesided = 1> (x, n, axis) }")
    model = compiled(text)
    values = numpy.random.default_rng(3).standard_normal((3, 5, 2), numpy.float32)
    signal = values[..., 0] + 1j * values[..., 1]
    for length in (1, 2, 7, 12):
        for axis, place in ((0, 0), (1, 1), (-2, 1)):
            y, z, r = model.run([values, numpy.int64(length), numpy.int64(axis)])
            forward, inverse = numpy.fft.fft(signal, length, place), numpy.fft.ifft(signal, length, place)
            close = dict(rtol=1e-5, atol=1e-5)
            numpy.testing.assert_allclose(y, numpy.stack([forward.real, forward.imag], -1), **close)
            numpy.testing.assert_allclose(z, numpy.stack([inverse.real, inverse.imag], -1), **close)
            numpy.testing.assert_allclose(r[..., 0], numpy.fft.irfft(signal, length, place), **close)


@pytest.mark.parametrize("noop", [0, 1])
def test_any_number_of_axes_at_run_time(noop):
    model = compiled("g (float[a, b, c] x, int64[k] axes) => (float[d, e, f] y) "
                     "{ y = ReduceSum <keepdims = 1, noop_with_empty_axes = %d> (x, axes) }" % noop)
    x = numpy.random.default_rng(1).standard_normal((2, 3, 4), numpy.float32)
    for axes in ([1], [0, -1], [2, 1, 0], [-3, 0]):
        got = model.run([x, numpy.array(axes, numpy.int64)])[0]
        wanted = x.sum(tuple({axis % 3 for axis in axes}), keepdims=True)
        numpy.testing.assert_allclose(got, wanted, rtol=1e-5)
    got = model.run([x, numpy.zeros(0, numpy.int64)])[0]
    numpy.testing.assert_allclose(got, x if noop else x.sum(keepdims=True), rtol=1e-5)
    with pytest.raises(tegula.TegulaError, match="out of range"):
        model.run([x, numpy.array([3], numpy.int64)])


def test_squeeze_of_unnamed_dimensions_refuses_a_surprise():
    model = compiled("g (float[n, 1, 3] x) => (float[n, 3] y) { y = Squeeze (x) }")
    x = numpy.arange(6, dtype=numpy.float32).reshape(2, 1, 3)
    assert numpy.array_equal(model(x), x[:, 0])
    with pytest.raises(tegula.TegulaError, match="Squeeze"):
        model(x[:1])


def test_deformed_convolution_without_offsets_is_a_convolution():
    names = ["x", "w", "offset", "", "mask"]
    shapes = {"x": [2, 4, 6, 5], "w": [6, 2, 3, 2], "offset": [2, 24, 3, 5], "mask": [2, 12, 3, 5]}
    attributes = dict(group=2, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1], dilations=[1, 1])
    nodes = [helper.make_node("DeformConv", names, ["y"], offset_group=2, **attributes),
             helper.make_node("Conv", ["x", "w"], ["z"], **attributes)]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 6, 3, 5]) for name in "yz"]
    model = tegula.compile(helper.make_model(helper.make_graph(nodes, "g", values, outputs),
                                             opset_imports=[helper.make_opsetid("", 22)]))
    random = numpy.random.default_rng(2)
    arrays = {name: random.standard_normal(shape, numpy.float32) for name, shape in shapes.items()}
    arrays["offset"][:], arrays["mask"][:] = 0, 1
    y, z = model.run(arrays)
    numpy.testing.assert_allclose(y, z, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["float", "double"])
def test_determinants(kind):
    model = compiled(f"g ({kind}[a, n, m] x, {kind}[k, l] z) => ({kind}[a] y, {kind} w) {{ y = Det (x) w = Det (z) }}")
    element = {"float": numpy.float32, "double": numpy.float64}[kind]
    random = numpy.random.default_rng(4)
    for n in (1, 2, 5, 17):
        x, z = random.standard_normal((3, n, n)).astype(element), random.standard_normal((n, n)).astype(element)
        x[0, 0, 0] = z[0, 0] = 0  # no pivot where one is looked for first
        x[1, :, 0] = 0  # singular
        y, w = model.run([x, z])
        numpy.testing.assert_allclose(y, numpy.linalg.det(x), rtol=1e-3, atol=1e-4)
        numpy.testing.assert_allclose(w, numpy.linalg.det(z), rtol=1e-3, atol=1e-4)


def scan_of_batches(text, options=""):
    body = "body = scan_body (float[2] s, float[2] next) => (float[2] t, float[2] shown) { t = Add (s, next) shown = Neg (t) }"
    return tegula.compile(parser.parse_model(
        '<ir_version: 3, opset_import: ["" : 8]>\n'
        f"g ({text}float[b, 2] s, float[b, n, 2] x) => (float[b, 2] y, float[b, n, 2] z) {{\n"
        f"y, z = Scan ({'lengths' if text else ''}, s, x) <num_scan_inputs = 1, {options}{body}> }}".replace("(,", '("",')))


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_of_batches(reverse):
    s = numpy.float32([[1, 2], [3, 4], [0, 0]])
    x = numpy.arange(24, dtype=numpy.float32).reshape(3, 4, 2)
    options = "directions = [1], " if reverse else ""
    order = x[:, ::-1] if reverse else x
    y, z = scan_of_batches("", options).run([s, x])
    assert numpy.array_equal(y, s + x.sum(1)) and numpy.array_equal(z, -(s[:, None] + order.cumsum(1)))
    y, z = scan_of_batches("int64[b] lengths, ", options).run([numpy.int64([4, 1, 2]), s, x])
    for batch, length in enumerate([4, 1, 2]):
        part = x[batch, :length][::-1] if reverse else x[batch, :length]
        assert numpy.array_equal(y[batch], s[batch] + part.sum(0))
        assert numpy.array_equal(z[batch, :length], -(s[batch] + part.cumsum(0))) and not z[batch, length:].any()


@pytest.mark.parametrize("shape", ["2, 3, n", "b, c, n"])
def test_causal_convolution(shape):
    weight = "3, 1, k" if "c" not in shape else "c, 1, k"
    model = compiled(f"g (float[{shape}] x, float[{weight}] w, float[c] bias, float[b, c, l] past)\n"
                     f"=> (float[b, c, n] y, float[b, c, l] state) {{\n"
                     "y, state = CausalConvWithState <activation = 'silu'> (x, w, bias, past) }".replace("'", '"'),
                     opset=27)
    random = numpy.random.default_rng(6)
    for length, kernel in ((5, 3), (1, 4), (2, 1)):
        x, w = random.standard_normal((2, 3, length), numpy.float32), random.standard_normal((3, 1, kernel), numpy.float32)
        bias, past = random.standard_normal(3, numpy.float32), random.standard_normal((2, 3, kernel - 1), numpy.float32)
        y, state = model.run([x, w, bias, past])
        whole = numpy.concatenate([past, x], 2)
        sums = numpy.stack([(whole[..., t:t + kernel] * w[:, 0]).sum(-1) for t in range(length)], -1) + bias[:, None]
        numpy.testing.assert_allclose(y, sums / (1 + numpy.exp(-sums)), rtol=1e-4, atol=1e-5)
        assert numpy.array_equal(state, whole[..., length:])


@pytest.mark.parametrize("inverse, onesided, components", [(0, 0, 1), (0, 0, 2), (0, 1, 1), (1, 0, 2), (1, 1, 2)])
def test_transform_of_unknown_components(inverse, onesided, components):
    model = compiled(f"g (float[a, b, c] x) => (float[d, e, f] y) {{ y = DFT <inverse = {inverse}, onesided = {onesided}> (x) }}")
    x = numpy.random.default_rng(8).standard_normal((2, 6, components), numpy.float32)
    signal = x[..., 0] + (1j * x[..., 1] if components == 2 else 0)
    if onesided:
        wanted = numpy.fft.irfft(signal, axis=1) if inverse else numpy.fft.rfft(signal.real, axis=1)
    else:
        wanted = numpy.fft.ifft(signal, axis=1) if inverse else numpy.fft.fft(signal, axis=1)
    y = model(x)
    got = y[..., 0] + (1j * y[..., 1] if y.shape[-1] == 2 else 0)
    numpy.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    if onesided and not inverse:
        with pytest.raises(tegula.TegulaError, match="DFT"):
            model(numpy.zeros((2, 6, 2), numpy.float32))


DERIVATIVES = [("d = Add (a, b)", lambda a, b: a + b), ("c = Sub (a, b) d = Mul (c, a)", lambda a, b: (a - b) * a),
               ("d = Div (a, b)", lambda a, b: a / b), ("c = Pow (a, b) d = Neg (c)", lambda a, b: -a ** b),
               ("c = Tanh (a) e = Exp (b) d = Mul (c, e)", lambda a, b: numpy.tanh(a) * numpy.exp(b)),
               ("c = Log (a) e = Sqrt (b) d = Add (c, e)", lambda a, b: numpy.log(a) + numpy.sqrt(b)),
               ("c = Sigmoid (a) e = Reciprocal (b) d = Mul (c, e)", lambda a, b: 1 / (1 + numpy.exp(-a)) / b),
               ("c = Sin (a) e = Cos (b) d = Mul (c, e)", lambda a, b: numpy.sin(a) * numpy.cos(b)),
               ("c = Sub (a, b) e = Relu (c) f = Abs (c) d = Add (e, f)",
                lambda a, b: numpy.maximum(a - b, 0) + abs(a - b))]


@pytest.mark.parametrize("shapes", [((3, 2), (3, 2)), ((4, 3, 1), (2,))])
@pytest.mark.parametrize("body, function", DERIVATIVES)
def test_derivatives(body, function, shapes):
    """Against differences in f64; operands broadcast, and shapes are known at run time only."""
    ranks = [", ".join(f"{name}{i}" for i in range(len(shape))) for name, shape in zip("ab", shapes)]
    model = tegula.compile(parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 21, "ai.onnx.preview.training" : 1]>\n'
        f"g (double[{ranks[0]}] a, double[{ranks[1]}] b) => (double[{ranks[0]}] x, double[{ranks[1]}] y) {{\n{body}\n"
        'x, y = ai.onnx.preview.training.Gradient <xs = ["a", "b"], y = "d"> (a, b) }'))
    random = numpy.random.default_rng(5)
    operands = [random.uniform(0.5, 2, shape) for shape in shapes]
    for got, index in zip(model.run(operands), (0, 1)):
        wanted = numpy.zeros(shapes[index])
        for place in numpy.ndindex(*shapes[index]):
            sums = []
            for step in (1e-6, -1e-6):
                moved = [operand.copy() for operand in operands]
                moved[index][place] += step
                sums.append(function(*moved).sum())
            wanted[place] = (sums[0] - sums[1]) / 2e-6
        numpy.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_derivative_of_a_product_of_matrices():
    model = tegula.compile(parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 21, "ai.onnx.preview.training" : 1]>\n'
        "g (float[m, k] a, float[k, n] b, float[m, n] w) => (float[m, k] x, float[k, n] y, float[m, n] z) {\n"
        "c = MatMul (a, b) d = Mul (c, w)\n"
        'x, y, z = ai.onnx.preview.training.Gradient <xs = ["a", "b", "w"], y = "d"> (a, b, w) }'))
    random = numpy.random.default_rng(7)
    a, b, w = (random.standard_normal(shape).astype(numpy.float32) for shape in ((2, 3), (3, 4), (2, 4)))
    for got, wanted in zip(model.run([a, b, w]), (w @ b.T, a.T @ w, a @ b)):
        numpy.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
