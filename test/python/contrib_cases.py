# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of com.microsoft: normalizations, activations, fused contractions and quantized operators."""
import itertools
import math

import ml_dtypes
import numpy

from oracle import BFLOAT16, Case, run_onnxruntime

F32, F16, F64 = numpy.dtype("float32"), numpy.dtype("float16"), numpy.dtype("float64")
FLOATS = (F32, F16, BFLOAT16)


def normal(shape, element=F32, seed=0, spread=1.0):
    return (numpy.random.default_rng(seed).standard_normal(shape) * spread).astype(element)


def integers(low, high, shape, element, seed=0):
    return numpy.random.default_rng(seed).integers(low, high, shape).astype(element)


def scalar(value, element=F32):
    return numpy.array(value, element)


# --- activations -----------------------------------------------------------------------------------------------------

ERF = numpy.vectorize(math.erf, otypes=[numpy.float64])


def gelu(x, bias=None):
    x = x.astype(F64) + (0 if bias is None else bias.astype(F64))
    return x * (1 + ERF(x / math.sqrt(2))) / 2


def fast_gelu(x, bias=None):
    x = x.astype(F64) + (0 if bias is None else bias.astype(F64))
    return x / 2 * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def in_double(function):
    return lambda x, *rest: [function(x, *rest).astype(x.dtype)]


def activations():
    shapes = [(5,), (2, 3), (3, 1, 7), (2, 3, 4, 5), (17, 16)]
    for shape, element in itertools.chain(zip(shapes, itertools.repeat(F32)), zip(shapes[1:], (F16, BFLOAT16, F64) * 2)):
        x, bias = normal(shape, element, 1, 3), normal(shape[-1:], element, 2)
        wide = element == F64
        yield Case("Gelu", [x], want=in_double(gelu) if wide else None)
        yield Case("BiasGelu", [x, bias], want=in_double(gelu) if wide else None)
        yield Case("FastGelu", [x], want=in_double(fast_gelu) if wide else None)
        yield Case("FastGelu", [x, bias], want=in_double(fast_gelu) if wide else None)
        for alpha in ({}, {"alpha": 0.5}):
            factor = alpha.get("alpha", numpy.float32(1.702))
            quick = in_double(lambda x, factor=factor: x / (1 + numpy.exp(-float(factor) * x)))
            yield Case("QuickGelu", [x], alpha, want=quick if wide else None)
    yield Case("Gelu", [numpy.array([0.0, -0.0, 40, -40, numpy.inf], F32)])
    yield Case("Gelu", [normal((2, 9), seed=1)], again=[normal((5, 4), seed=2)])
    yield Case("BiasGelu", [normal((2, 9), seed=1), normal(9, seed=3)], again=[normal((5, 9), seed=2), normal(9, seed=4)])
    yield Case("BiasGelu", [normal((2, 3, 4, 8), F16, seed=5), normal(8, F16, seed=6)])
    yield Case("FastGelu", [normal((2, 9), seed=1), normal(9, seed=3)], again=[normal((5, 9), seed=2), normal(9, seed=4)])
    yield Case("QuickGelu", [normal((2, 9), seed=1)], {"alpha": -1.5}, again=[normal((5, 4), seed=2)])


# --- normalization ---------------------------------------------------------------------------------------------------


def moments(x, skip, gamma, *rest, simplified):
    """All results of Skip(Simplified)LayerNormalization in double precision; epsilon is 1e-5."""
    beta, bias = (None, *rest) if simplified else rest
    total = (x.astype(F64) + skip) + (0 if bias is None else bias.astype(F64))
    mean = 0 * total[..., :1] if simplified else total.mean(-1, keepdims=True)
    inverse = 1 / numpy.sqrt(((total - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    y = (total - mean) * inverse * gamma + (0 if beta is None else beta)
    return y.astype(x.dtype), mean.astype(F32), inverse.astype(F32), total.astype(x.dtype)


def normalizations():
    for simplified, element in itertools.product((False, True), FLOATS):
        operator = "SkipSimplifiedLayerNormalization" if simplified else "SkipLayerNormalization"
        hidden = 24
        x, skip, gamma, beta, bias = (normal(s, element, i) for i, s in
                                      enumerate([(2, 5, hidden), (2, 5, hidden), hidden, hidden, hidden]))
        affine = [gamma] if simplified else [gamma, beta]
        length = hidden
        yield Case(operator, [x, skip, *affine], {"epsilon": 1e-5}, length=length)
        yield Case(operator, [x, skip, *affine, bias], {"epsilon": 1e-5}, (True, False, False, True), length=length)
        yield Case(operator, [x, skip[:1] if not simplified else skip, *affine, bias], {"epsilon": 0.1}, length=length)
        if not simplified:
            yield Case(operator, [x, skip[0], gamma, None, bias], {}, length=length)
        else:
            yield Case(operator, [x[0], skip[0], gamma, bias], {}, (True, False, False, True), length=length)
    for simplified in (False, True):
        operator = "SkipSimplifiedLayerNormalization" if simplified else "SkipLayerNormalization"
        affine = [normal(16, seed=3)] * (1 if simplified else 2)
        first, second = ([normal((b, s, 16), seed=b), normal((b, s, 16), seed=s), *affine] for b, s in ((2, 7), (1, 1)))
        yield Case(operator, first, {}, (True, False, False, True), again=second, length=16)
        yield Case(operator, [*first, normal(16, seed=9)], {"epsilon": 1e-5}, (True,) * 4, length=16,
                   want=lambda *operands, simplified=simplified: moments(*operands, simplified=simplified))
        yield Case(operator, [1e4 * first[0], *first[1:]], {}, length=16)
        # A row of one element, and one of an odd length.
        yield Case(operator, [normal((1, 2, 33), seed=k) for k in (1, 2)] + [normal(33, seed=k) for k in (3, 4)][:len(affine)],
                   {}, length=33)


def embeddings():
    words, places, kinds = normal((30, 16), seed=1), normal((12, 16), seed=2), normal((2, 16), seed=3)
    gamma, beta = normal(16, seed=4), normal(16, seed=5)

    def operands(batch, count, parts="", element=F32):
        tables = [table.astype(element) for table in (words, places, kinds, gamma, beta)]
        ids = integers(0, 30, (batch, count), "int32", batch)
        segments = integers(0, 2, (batch, count), "int32", count) if "s" in parts else None
        mask = integers(0, 2, (batch, count), "int32", 7) if "m" in parts else None
        positions = integers(0, 12, (batch if "p" in parts else 1, count), "int32", 8) if "p" in parts or "q" in parts else None
        return [ids, segments, tables[0], tables[1], tables[2] if "s" in parts else None, tables[3], tables[4], mask,
                positions]

    def reference(ids, segments, words, places, kinds, gamma, beta, mask, positions):
        positions = numpy.arange(ids.shape[1])[None] if positions is None else positions
        total = words.astype(F64)[ids] + places.astype(F64)[positions]
        if segments is not None:
            total = total + kinds.astype(F64)[segments]
        centered = total - total.mean(-1, keepdims=True)
        y = centered / numpy.sqrt((centered ** 2).mean(-1, keepdims=True) + 1e-12) * gamma + beta
        counts = numpy.zeros(len(ids), "int32") if mask is None else (mask == 1).sum(1).astype("int32")
        return y.astype(words.dtype), counts, total.astype(words.dtype)

    for parts in ("", "s", "m", "sm", "sp", "smq"):
        yield Case("EmbedLayerNormalization", operands(2, 6, parts), {"mask_index_type": 1} if "m" in parts else {},
                   (True, True), length=16)
    yield Case("EmbedLayerNormalization", operands(3, 4, "smp"), {"epsilon": 0.5}, (True, True, True), length=16)
    for element in (F16, BFLOAT16):
        yield Case("EmbedLayerNormalization", operands(2, 6, "smp", element), {}, (True, True, True), length=16,
                   want=reference)
    yield Case("EmbedLayerNormalization", operands(2, 6, "sm"), {}, (True, True, True), again=operands(1, 9, "sm"),
               length=16, want=reference)
    yield Case("EmbedLayerNormalization", operands(2, 6, "sp"), {}, (True, True), again=operands(4, 2, "sp"), length=16)


# --- contractions ----------------------------------------------------------------------------------------------------


def matrix_products():
    for transposed in itertools.product((0, 1), repeat=2):
        shapes = [(2, 5, 4) if transposed[0] else (2, 4, 5), (2, 6, 5) if transposed[1] else (2, 5, 6)]
        flags = dict(zip(("transA", "transB"), transposed))
        for element, alpha in zip(FLOATS, (1.0, 0.25, -2.0)):
            yield Case("FusedMatMul", [normal(s, element, i) for i, s in enumerate(shapes)], {**flags, "alpha": alpha},
                       length=5)
        # The first dimension of A and of B behind the batch dimensions.
        for batch in itertools.product((0, 1), repeat=2):
            moved = [(s[1], s[0], s[2]) if flag else s for s, flag in zip(shapes, batch)]
            yield Case("FusedMatMul", [normal(s, F32, i) for i, s in enumerate(moved)],
                       {**flags, **dict(zip(("transBatchA", "transBatchB"), batch))}, length=5)
    yield Case("FusedMatMul", [normal((3, 2, 4, 5), F64, 1), normal((3, 2, 5, 7), F64, 2)], {"alpha": 0.5}, length=5)
    yield Case("FusedMatMul", [normal((2, 4, 5)), normal((5, 3))], {"alpha": 3.0}, length=40,
               again=[normal((3, 1, 40), seed=1), normal((40, 6), seed=2)])

    for activation, parameters in (("Relu", {}), ("Tanh", {}), ("Sigmoid", {}), ("Softplus", {}),
                                   ("Softsign", {}), ("LeakyRelu", {"activation_alpha": 0.3}),
                                   ("Elu", {"activation_alpha": 0.7}), ("ThresholdedRelu", {"activation_alpha": 0.4}),
                                   ("HardSigmoid", {"activation_alpha": 0.1, "activation_beta": 0.4}),
                                   ("Selu", {"activation_alpha": 1.5, "activation_gamma": 0.9})):
        yield Case("FusedGemm", [normal((4, 5)), normal((5, 6), seed=1), normal(6, seed=2)],
                   {"activation": activation, **parameters}, length=5)
    yield Case("FusedGemm", [normal((5, 4)), normal((6, 5), seed=1)],
               {"activation": "Relu", "transA": 1, "transB": 1, "alpha": 0.5}, length=5)
    yield Case("FusedGemm", [normal((3, 5)), normal((5, 4), seed=1), normal((3, 1), seed=2)],
               {"activation": "Relu", "beta": 2.0}, length=5,
               again=[normal((7, 9)), normal((9, 2), seed=1), normal((7, 1), seed=2)])
    yield Case("FusedGemm", [normal((4, 5), F16), normal((5, 6), F16, 1), normal((4, 6), F16, 2)],
               {"activation": "LeakyRelu", "activation_alpha": 0.2}, length=5)

    image, kernel = normal((2, 4, 6, 5)), normal((6, 2, 3, 2), seed=1)
    window = {"group": 2, "pads": [1, 0, 1, 1], "strides": [2, 1], "kernel_shape": [3, 2]}
    for activation, parameters in (("Relu", []), ("Tanh", []), ("Sigmoid", []), ("LeakyRelu", [0.3]), ("Clip", [-0.5, 0.75]),
                                   ("HardSigmoid", [0.1, 0.4])):
        attributes = {"activation": activation, **({"activation_params": parameters} if parameters else {})}
        yield Case("FusedConv", [image, kernel, normal(6, seed=2)], {**window, **attributes}, length=12)
    yield Case("FusedConv", [image, kernel], {"group": 2, "auto_pad": "SAME_UPPER", "activation": "Relu"}, length=12)
    yield Case("FusedConv", [image, kernel, None, normal((2, 6, 3, 5), seed=3)], {**window, "activation": "Relu"}, length=12)
    yield Case("FusedConv", [image, kernel, normal(6, seed=2), normal((2, 6, 3, 5), seed=3)], window, length=12)
    yield Case("FusedConv", [normal((2, 3, 8), F16), normal((4, 3, 3), F16, 1), normal(4, F16, 2)],
               {"dilations": [2], "activation": "Relu"}, length=9)
    yield Case("FusedConv", [image, kernel, normal(6, seed=2)], {**window, "activation": "Relu"}, length=12,
               again=[normal((1, 4, 7, 9)), kernel, normal(6, seed=2)])


# --- quantized operators ---------------------------------------------------------------------------------------------

BYTES = {"uint8": (0, 256), "int8": (-128, 128)}


def quantized(shape, element, seed):
    return integers(*BYTES[element], shape, element, seed)


def zero(element, place=0.5):
    low, high = BYTES[element]
    return scalar(int(low + place * (high - low)), element)


def in_numbers(function):
    """A function of numbers on operands x, x_scale, x_zero_point, ..., to the scale and zero point that come last; an
    absent zero point is 0."""
    def reference(*operands):
        *pairs, scale, zeros = operands if len(operands) % 3 == 2 else (*operands, None)
        element = operands[0].dtype
        numbers = [(pairs[i].astype(F64) - (0 if pairs[i + 2] is None else pairs[i + 2].astype(F64))) * pairs[i + 1].astype(F64)
                   for i in range(0, len(pairs), 3)]
        y = numpy.rint(function(*numbers) / scale.astype(F64)) + (0 if zeros is None else zeros.astype(F64))
        return [numpy.clip(y, numpy.iinfo(element).min, numpy.iinfo(element).max).astype(element)]
    return reference


def quantized_elementwise():
    for element, (left, right) in itertools.product(
            BYTES, [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((2, 1, 4), (3, 1)), ((6,), ())]):
        for operator, scale in (("QLinearAdd", 0.05), ("QLinearMul", 0.09)):
            a, b = quantized(left, element, 1), quantized(right, element, 2)
            yield Case(operator, [a, scalar(0.03), zero(element, 0.4), b, scalar(0.02), zero(element, 0.6), scalar(scale),
                                  zero(element)], quanta=1)
    for operator, function in (("QLinearAdd", numpy.add), ("QLinearMul", numpy.multiply)):
        a, b = quantized((3, 4), "int8", 1), quantized((3, 4), "int8", 2)
        yield Case(operator, [a, scalar(0.03), None, b, scalar(0.02), None, scalar(0.1)], quanta=1,
                   want=in_numbers(function))
        yield Case(operator, [a, scalar(0.03), zero("int8"), b, numpy.array([0.02], F32), None, scalar(0.1),
                              zero("int8", 0.1)], quanta=1, want=in_numbers(function))
        rest = lambda seed, shape: [quantized(shape, "int8", seed), scalar(0.03), zero("int8")]
        yield Case(operator, [*rest(1, (2, 5)), *rest(2, (2, 5)), scalar(0.06), zero("int8", 0.3)], quanta=1,
                   again=[*rest(1, (3, 2)), *rest(2, (3, 2)), scalar(0.06), zero("int8", 0.3)])
    for element, shape in itertools.product(BYTES, [(40,), (3, 7), (2, 3, 5)]):
        x = quantized(shape, element, 3)
        for alpha in ({}, {"alpha": 0.25}):
            yield Case("QLinearLeakyRelu", [x, scalar(0.04), zero(element), scalar(0.03), zero(element, 0.4)], alpha, quanta=1)
        yield Case("QLinearSigmoid", [x, scalar(0.04), zero(element), scalar(1 / 256), zero(element, 0)], quanta=1)
        yield Case("QLinearSigmoid", [x, scalar(0.01), zero(element, 0.2), scalar(0.02), zero(element, 0.5)], quanta=1)
    for operator, function in (("QLinearLeakyRelu", lambda x: numpy.where(x < 0, 0.01 * x, x)),
                               ("QLinearSigmoid", lambda x: 1 / (1 + numpy.exp(-x)))):
        yield Case(operator, [quantized((9,), "int8", 1), scalar(0.04), None, scalar(0.05)], quanta=1,
                   want=in_numbers(function))
        rest = [scalar(0.04), zero("int8"), scalar(0.05), zero("int8", 0.3)]
        yield Case(operator, [quantized((2, 5), "int8", 1), *rest], quanta=1, again=[quantized((7, 3), "int8", 1), *rest])


def quantized_pooling():
    for element, last in itertools.product(BYTES, (0, 1)):
        def image(batch, channels, *extents):
            return quantized((batch, *extents, channels) if last else (batch, channels, *extents), element, len(extents))

        scales = [scalar(0.05), zero(element, 0.4), scalar(0.04), zero(element, 0.6)]
        layout = {"channels_last": last}
        for extents in ((6, 5), (9, 9)):
            yield Case("QLinearGlobalAveragePool", [image(2, 3, *extents), *scales], layout, quanta=1)
        yield Case("QLinearGlobalAveragePool", [image(1, 4, 3, 2), *scales], layout, quanta=1, again=[image(3, 4, 5, 7), *scales])
        yield Case("QLinearAveragePool", [image(2, 3, 6, 5), *scales], {"kernel_shape": [3, 2], **layout}, quanta=1)
        yield Case("QLinearAveragePool", [image(2, 3, 6, 5), *scales],
                   {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2], **layout}, quanta=1)
        yield Case("QLinearAveragePool", [image(2, 3, 6, 5), *scales],
                   {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1, **layout}, quanta=1)
        yield Case("QLinearAveragePool", [image(1, 4, 6, 6), *scales], {"kernel_shape": [2, 2], **layout}, quanta=1,
                   again=[image(2, 4, 3, 7), *scales])
        if not last:
            x = image(2, 3, 6, 5)
            yield Case("QLinearAveragePool", [x, *scales], {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}, quanta=1)
            yield Case("QLinearAveragePool", [x, *scales], {"kernel_shape": [3, 2], "auto_pad": "SAME_UPPER"}, quanta=1)

    for element in BYTES:
        for shape, attributes in (((2, 6, 5, 3), {"kernel_shape": [3, 2]}),
                                  ((1, 7, 7, 4), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
                                  ((1, 7, 7, 4), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
                                  ((1, 9, 9, 2), {"kernel_shape": [2, 3], "dilations": [2, 1]}),
                                  ((2, 5, 6, 1), {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER"})):
            yield Case("NhwcMaxPool", [quantized(shape, element, 1)], attributes)
        yield Case("NhwcMaxPool", [quantized((1, 5, 6, 3), element, 1)], {"kernel_shape": [2, 2]},
                   again=[quantized((2, 8, 4, 3), element, 2)])


def quantized_concatenation():
    for element, axis in itertools.product(BYTES, (0, 1, -1)):
        def part(seed, extent, scale=0.03):
            shape = [2, 3, 4]
            shape[axis] = extent
            return [quantized(shape, element, seed), scalar(scale * seed), zero(element, 0.1 * seed)]

        head = [scalar(0.05), zero(element)]
        yield Case("QLinearConcat", [*head, *part(1, 2), *part(2, 5)], {"axis": axis}, quanta=1)
        yield Case("QLinearConcat", [*head, *part(1, 2), *part(2, 5), *part(3, 1)], {"axis": axis}, quanta=1)
    yield Case("QLinearConcat", [*head, *part(1, 2), *part(2, 5)], {"axis": 2}, quanta=1,
               again=[*head, *part(1, 1), *part(2, 6)])


def quantized_products():
    for (left, right), per_column, transposed in itertools.product(
            itertools.product(BYTES, repeat=2), (False, True), ((0, 0), (1, 1))):
        if left == "int8" and right == "uint8":
            continue  # a pair that no exporter writes and onnxruntime has no kernel for
        rows, depth, columns = 4, 9, 5
        a = quantized((depth, rows) if transposed[0] else (rows, depth), left, 1)
        b = quantized((columns, depth) if transposed[1] else (depth, columns), right, 2)
        scale = numpy.linspace(0.01, 0.03, columns).astype(F32) if per_column else scalar(0.02)
        zeros = integers(*(x // 2 for x in BYTES[right]), columns, right, 3) if per_column else zero(right, 0.6)
        bias = integers(-900, 900, columns, "int32", 4)
        operands = [a, scalar(0.04), zero(left), b, scale, zeros]
        flags = dict(zip(("transA", "transB"), transposed))
        yield Case("QGemm", [*operands, bias, scalar(0.05), zero(left, 0.4)], flags, quanta=1)
        yield Case("QGemm", [*operands, None], {**flags, "alpha": 0.5}, length=depth,
                   want=dequantized_product)
        if not any(transposed):
            offset = normal(columns, seed=5)
            yield Case("MatMulIntegerToFloat", [a, b, scalar(0.04), scale, zero(left), zeros, offset], length=depth)
            yield Case("MatMulIntegerToFloat", [a, b, scalar(0.04), scale], length=depth)
            wide = normal((2, rows, depth), seed=6)
            yield Case("DynamicQuantizeMatMul", [wide, b, scale, zeros, offset], length=depth)
            yield Case("DynamicQuantizeMatMul", [wide, b, scale], length=depth)
    operands = lambda rows: [quantized((rows, 8), "uint8", 1), scalar(0.04), zero("uint8"), quantized((8, 3), "int8", 2),
                             scalar(0.03), zero("int8"), integers(-99, 99, 3, "int32", 3), scalar(0.05), zero("uint8")]
    yield Case("QGemm", operands(2), {}, again=operands(7), quanta=1)
    bias = normal(3, seed=5)
    operands = lambda rows: [quantized((rows, 8), "uint8", 1), quantized((8, 3), "int8", 2), scalar(0.04), scalar(0.03),
                             zero("uint8"), zero("int8"), bias]
    yield Case("MatMulIntegerToFloat", operands(2), {}, again=operands(7), length=8)
    half = operands(4)
    half[2:4], half[6] = [x.astype(F16) for x in half[2:4]], bias.astype(F16)
    yield Case("MatMulIntegerToFloat", half, length=8)
    operands = lambda rows: [normal((rows, 8), seed=rows), quantized((8, 3), "int8", 2), scalar(0.03), zero("int8"), bias]
    yield Case("DynamicQuantizeMatMul", operands(2), {}, again=operands(7), length=8)
    yield Case("DynamicQuantizeMatMul", [numpy.abs(normal((3, 8), seed=1)), *operands(2)[1:]], length=8)
    yield Case("DynamicQuantizeMatMul", [numpy.zeros((3, 8), F32), *operands(2)[1:]], length=8)


def dequantized_product(a, a_scale, a_zero, b, b_scale, b_zero, bias):
    """QGemm without a result's scale; the attributes follow from the shapes of the one case it serves."""
    a, b = (x.astype(numpy.int64) for x in (a, b))
    if a.shape[0] == 9:
        a, b = a.T, b.T
    product = (a - int(a_zero)) @ (b - b_zero.astype(numpy.int64))
    return [(product * (0.5 * a_scale.astype(F64) * b_scale)).astype(F32)]


def block_products():
    def operands(element, bits, block, depth, columns, zeros=None, groups=False, bias=False, rows=(3,), seed=0):
        blocks = -(-depth // block)
        packed = integers(0, 256, (columns, blocks, block * bits // 8), "uint8", seed)
        scales = (0.01 + 0.02 * numpy.random.default_rng(seed).random((columns, blocks))).astype(element)
        given = None
        if zeros == "packed":
            given = integers(0, 256, (columns, -(-blocks * bits // 8)), "uint8", seed + 1)
        elif zeros == "float":
            given = integers(0, 1 << bits, (columns, blocks), element, seed + 1)
        order = numpy.sort(integers(0, blocks, depth, "int32", seed + 2)) if groups else None
        return [normal((*rows, depth), element, seed), packed, scales, given, order,
                normal(columns, element, seed + 3) if bias else None]

    for bits, zeros in itertools.product((2, 4, 8), (None, "packed", "float")):
        yield Case("MatMulNBits", operands(F32, bits, 16, 48, 10, zeros), dict(bits=bits, block_size=16, K=48, N=10), length=48,
                   constants=(1, 2, 3), want=nbits(bits, 16))
    for element, bits in itertools.product((F16, BFLOAT16), (4, 8)):
        yield Case("MatMulNBits", operands(element, bits, 32, 64, 6, "packed", bias=True),
                   dict(bits=bits, block_size=32, K=64, N=6), length=64, constants=(1, 2, 3, 5), want=nbits(bits, 32))
    for zeros in (None, "packed"):
        yield Case("MatMulNBits", operands(F32, 4, 32, 64, 6, zeros, bias=True), dict(bits=4, block_size=32, K=64, N=6),
                   length=64, constants=(1, 2, 3))
    yield Case("MatMulNBits", operands(F32, 8, 32, 64, 6), dict(bits=8, block_size=32, K=64, N=6), length=64, constants=(1, 2))
    yield Case("MatMulNBits", operands(F32, 4, 16, 40, 5, "packed"), dict(bits=4, block_size=16, K=40, N=5), length=40,
               want=nbits(4, 16))
    yield Case("MatMulNBits", operands(F32, 4, 16, 64, 5, "packed", groups=True), dict(bits=4, block_size=16, K=64, N=5),
               length=64, constants=(1, 2, 3, 4), want=nbits(4, 16))
    yield Case("MatMulNBits", operands(F32, 4, 32, 64, 6, rows=(2, 3), bias=True), dict(block_size=32, K=64, N=6, accuracy_level=1),
               length=64, constants=(1, 2, 5),
               again=[normal((4, 1, 64)), *operands(F32, 4, 32, 64, 6, rows=(2, 3), bias=True)[1:]])


def nbits(bits, block):
    def reference(a, packed, scales, zeros, groups, bias):
        def unpacked(rows, count):
            parts = [(rows >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)]
            return numpy.stack(parts, -1).reshape(len(rows), -1)[:, :count].astype(F64)

        depth = a.shape[-1]
        weights = unpacked(packed.reshape(len(packed), -1), depth)
        group = numpy.arange(depth) // block if groups is None else groups
        if zeros is None:
            zeros = numpy.full(scales.shape, 1 << (bits - 1))
        elif zeros.dtype == numpy.uint8:
            zeros = unpacked(zeros, scales.shape[1])
        weights = (weights - zeros.astype(F64)[:, group]) * scales.astype(F64)[:, group]
        return [(a.astype(F64) @ weights.T + (0 if bias is None else bias.astype(F64))).astype(a.dtype)]
    return reference


def linear_quantization():
    for element in ("uint8", "int8", "uint16", "int16"):
        info = numpy.iinfo(element)
        zeros = scalar((int(info.min) + int(info.max)) // 2 + 3, element)
        x = normal((3, 4), seed=1, spread=40)
        yield Case("QuantizeLinear", [x, scalar(0.3), zeros], quanta=0)
        q = integers(int(info.min), int(info.max) + 1, (3, 4), element, 2)
        yield Case("DequantizeLinear", [q, scalar(0.3), zeros])
        scales, many = numpy.array([0.1, 0.2, 0.3, 0.4], F32), numpy.full(4, zeros, element)
        yield Case("QuantizeLinear", [x, scales, many], {"axis": 1})
        yield Case("DequantizeLinear", [q, scales[:3], many[:3]], {"axis": 0})
    for element in (ml_dtypes.int4, ml_dtypes.uint4):
        low = -8 if element is ml_dtypes.int4 else 0
        yield Case("QuantizeLinear", [normal((2, 6), seed=1, spread=4), scalar(0.7), scalar(low + 8, element)],
                   want=lambda x, scale, zeros, low=low: [
                       numpy.clip(numpy.rint(x / scale) + int(zeros), low, low + 15).astype(zeros.dtype)])
        yield Case("DequantizeLinear", [integers(low, low + 16, (2, 6), element, 2), scalar(0.7), scalar(low + 9, element)],
                   want=lambda x, scale, zeros: [(x.astype(F32) - int(zeros)) * scale])
    yield Case("DequantizeLinear", [integers(-9999, 9999, (2, 6), "int32", 2), scalar(0.001)])
    yield Case("DequantizeLinear", [quantized((2, 5), "int8", 1), scalar(0.5, F16), zero("int8")])
    yield Case("QuantizeLinear", [normal((2, 5), F16, 1, 40), scalar(0.5, F16), zero("int8")])
    yield Case("QuantizeLinear", [normal((2, 5), seed=1, spread=40) + 60, scalar(0.5)])
    yield Case("QuantizeLinear", [normal((2, 5), spread=9), scalar(0.5), zero("int8")],
               again=[normal((4, 3), spread=9), scalar(0.5), zero("int8")])
    yield Case("DequantizeLinear", [quantized((2, 5), "int8", 1), scalar(0.5), zero("int8")],
               again=[quantized((4, 3), "int8", 2), scalar(0.5), zero("int8")])


def quantized_recurrence():
    batch, steps, width, hidden = 2, 5, 6, 4

    def operands(element="int8", directions=1, parts="", per_column=False, batch=batch, steps=steps):
        rows = (directions, 4 * hidden) if per_column else (directions,)
        low, high = (x // 8 + (8 if element == "uint8" else 0) for x in BYTES[element])
        optional = {"b": normal((directions, 8 * hidden), seed=4, spread=0.3),
                    "l": integers(1, steps + 1, batch, "int32", 5),
                    "h": normal((directions, batch, hidden), seed=6), "c": normal((directions, batch, hidden), seed=7),
                    "p": normal((directions, 3 * hidden), seed=8, spread=0.3)}
        scales = [(0.005 + 0.01 * numpy.random.default_rng(s).random(rows)).astype(F32) for s in (1, 2)]
        zeros = [integers(low, high, rows, element, s) for s in (3, 4)]
        return [normal((steps, batch, width), seed=1), quantized((directions, width, 4 * hidden), element, 2),
                quantized((directions, hidden, 4 * hidden), element, 3),
                *(optional[letter] if letter in parts else None for letter in "blhcp"),
                scales[0], zeros[0], scales[1], zeros[1]]

    def reference(attributes):
        def run(x, w, r, *rest):
            """ONNX's LSTM with the weights that the integers stand for."""
            def weights(q, scale, zeros):
                along = lambda v: v.astype(F32).reshape(len(q), 1, -1)
                return numpy.ascontiguousarray(((q - along(zeros)) * along(scale)).swapaxes(1, 2))
            case = Case("LSTM", [x, weights(w, *rest[5:7]), weights(r, *rest[7:]), *rest[:5]], attributes, (True,) * 3, domain="")
            return run_onnxruntime([case], [case.operands])[0]
        return run

    def case(attributes={}, again=None, **options):
        attributes = {"hidden_size": hidden, **attributes}
        return Case("DynamicQuantizeLSTM", operands(**options), attributes, (True,) * 3, length=width + hidden, slack=8,
                    want=reference(attributes), again=again)

    for element in BYTES:
        for per_column in (False, True):
            yield case(element=element, per_column=per_column)
            yield case({"direction": "bidirectional"}, element=element, per_column=per_column, directions=2, parts="bhc")
    yield case({"direction": "reverse"}, parts="bl")
    yield case({"direction": "bidirectional", "input_forget": 1}, directions=2, parts="blhcp")
    yield case({"clip": 0.3}, parts="b")
    yield case({"activations": ["HardSigmoid", "Relu", "Tanh"], "activation_alpha": [0.3], "activation_beta": [0.4]}, parts="b")
    yield case({"activations": ["Sigmoid", "Tanh", "Softsign"]}, parts="bhcp")
    yield case(parts="bh", again=operands(parts="bh", batch=3, steps=2))


CASES = [case for group in (activations, normalizations, embeddings, matrix_products, quantized_elementwise,
                            quantized_pooling, quantized_concatenation, quantized_products, block_products,
                            quantized_recurrence, linear_quantization) for case in group()]
