# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators whose meaning the official tests show only in part: random numbers, transforms, axes at run time."""
import numpy
import pytest
import tegula
from onnx import TensorProto, helper, parser


def compiled(text, **options):
    return tegula.compile(parser.parse_model("<ir_version: 10, opset_import: ['' : 24]>\n".replace("'", '"') + text),
                          **options)


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
