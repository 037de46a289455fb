# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random operators, whose numbers no official test can tell: their distribution, shape, type and seed. Seeds are fixed, so
that the outcome is, too; bounds are those of a sample that is one in a million."""
import math

import numpy
import pytest
import tegula
from onnx import parser

UNIFORM = {"float": 1, "float16": 10, "double": 11}


def compiled(text):
    return tegula.compile(parser.parse_model("<ir_version: 10, opset_import: [\"\" : 22]>\n" + text))


def assert_distributed(sample, cumulative):
    """Kolmogorov and Smirnov: the sample's share up to each value is near what the distribution says."""
    ordered = numpy.sort(sample.ravel().astype(numpy.float64))
    wanted = cumulative(ordered)
    below, upto = numpy.arange(ordered.size) / ordered.size, numpy.arange(1, ordered.size + 1) / ordered.size
    distance = max(numpy.max(wanted - below), numpy.max(upto - wanted))
    assert distance < 2.7 / math.sqrt(ordered.size), distance


def normal(mean, scale):
    return numpy.vectorize(lambda x: 0.5 * (1 + math.erf((x - mean) / (scale * math.sqrt(2)))))


def uniform(low, high):
    return lambda x: numpy.clip((x - low) / (high - low), 0, 1)


@pytest.mark.parametrize("name, number", UNIFORM.items())
def test_uniform(name, number):
    tight, wide = compiled("g () => (%s[20, 500] y, %s[20, 500] z) {\n"
                           "y = RandomUniform <shape = [20, 500], dtype = %d, low = -3.0, high = 5.0, seed = 1.0> ()\n"
                           "z = RandomUniform <shape = [20, 500], dtype = %d, low = -3.0, high = 5.0, seed = 2.0> () }"
                           % (name, name, number, number)).run([])
    for sample in (tight, wide):
        assert sample.shape == (20, 500) and sample.dtype.itemsize == {1: 4, 10: 2, 11: 8}[number]
        assert sample.min() >= -3 and sample.max() <= 5
        assert_distributed(sample, uniform(-3, 5))
    assert not numpy.array_equal(tight, wide)


@pytest.mark.parametrize("rows", [1, 7])
def test_like(rows):
    model = compiled("g (float[n, 1000] x) => (double[n, 1000] u, float[n, 1000] v) {\n"
                     "u = RandomNormalLike <dtype = 11, mean = 3.0, scale = 0.5, seed = 3.0> (x)\n"
                     "v = RandomUniformLike <low = 1.0, high = 2.0, seed = 4.0> (x) }")
    u, v = model.run([numpy.zeros((rows, 1000), numpy.float32)])
    assert u.shape == v.shape == (rows, 1000) and (u.dtype, v.dtype) == (numpy.float64, numpy.float32)
    assert_distributed(u, normal(3, 0.5))
    assert_distributed(v, uniform(1, 2))


def test_normal():
    model = compiled("g () => (float[30000] y, float[30000] z, float[30000] w) {\n"
                     "y = RandomNormal <shape = [30000], mean = -1.0, scale = 2.0, seed = 9.0> ()\n"
                     "z = RandomNormal <shape = [30000], mean = -1.0, scale = 2.0, seed = 9.0> ()\n"
                     "w = RandomNormal <shape = [30000], mean = -1.0, scale = 2.0> () }")
    y, z, w = model.run([])
    assert_distributed(y, normal(-1, 2))
    assert_distributed(w, normal(-1, 2))
    assert numpy.array_equal(y, z) and not numpy.array_equal(y, w)
    # Neighbours have nothing to do with each other.
    assert abs(numpy.corrcoef(y[:-1], y[1:])[0, 1]) < 5 / math.sqrt(y.size)


def test_bernoulli():
    model = compiled("g (float[n, m] p) => (float[n, m] y, int32[n, m] z, bool[n, m] w) {\n"
                     "y = Bernoulli <seed = 5.0> (p) z = Bernoulli <dtype = 6, seed = 5.0> (p) w = Bernoulli <dtype = 9> (p) }")
    shares = numpy.array([0, 0.1, 0.5, 0.75, 1], numpy.float32)
    y, z, w = model.run([numpy.repeat(shares[:, None], 20000, axis=1)])
    assert y.shape == z.shape == w.shape == (5, 20000)
    assert (y.dtype, z.dtype, w.dtype) == (numpy.float32, numpy.int32, numpy.bool_)
    assert set(numpy.unique(y)) == {0, 1} and numpy.array_equal(y, z) and not numpy.array_equal(y, w)
    for sample in (y, w):
        assert numpy.all(abs(sample.mean(1) - shares) <= 5 * numpy.sqrt(shares * (1 - shares) / 20000))


@pytest.mark.parametrize("kind, number, wanted", [("int32", 6, numpy.int32), ("int64", 7, numpy.int64)])
def test_multinomial(kind, number, wanted):
    model = compiled("g (float[n, c] x) => (%s[n, 20000] y, %s[n, 20000] z) {\n"
                     "y = Multinomial <sample_size = 20000, dtype = %d, seed = 11.0> (x)\n"
                     "z = Multinomial <sample_size = 20000, dtype = %d, seed = 12.0> (x) }" % (kind, kind, number, number))
    shares = numpy.array([[0.1, 0.2, 0.3, 0.4], [0, 0.5, 0.5, 0]])
    with numpy.errstate(divide="ignore"):
        logarithms = (numpy.log(shares) + [[3], [-2]]).astype(numpy.float32)  # no need to sum to 1
    y, z = model.run([logarithms])
    assert y.shape == z.shape == (2, 20000) and y.dtype == wanted and not numpy.array_equal(y, z)
    for sample in (y, z):
        counted = numpy.stack([numpy.bincount(row, minlength=4) for row in sample]) / 20000
        assert numpy.all(abs(counted - shares) <= 5 * numpy.sqrt(shares * (1 - shares) / 20000)), counted


def test_dropout_in_training():
    model = compiled("g (float[n, m] x, float r) => (float[n, m] y, bool[n, m] kept) {\n"
                     "t = Constant <value = bool {1}> () y, kept = Dropout <seed = 6> (x, r, t) }")
    x = numpy.random.default_rng(2).uniform(1, 2, (40, 1000)).astype(numpy.float32)
    for ratio in (0, 0.3, 0.9):
        y, kept = model.run([x, numpy.float32(ratio)])
        assert abs(kept.mean() - (1 - ratio)) <= 5 * math.sqrt(ratio * (1 - ratio) / kept.size)
        numpy.testing.assert_allclose(y, numpy.where(kept, x / (1 - ratio), 0), rtol=1e-5)
