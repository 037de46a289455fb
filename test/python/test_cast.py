# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cast between all pairs of types, on special values and around every rounding boundary, at every target level.

The reference rounds in extended precision by a table of the target's values, as ONNX's description of Cast says; what
it leaves open (floats outside the range of an integer, negative numbers as powers of two) is not compared."""
import functools

import ml_dtypes
import numpy
import pytest
import tegula
from onnx import helper

WIDE = numpy.longdouble  # holds all elements of all types
FLOAT8 = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
FLOATS = ("float64", "float32", "float16", "bfloat16", *FLOAT8, "float8_e8m0fnu", "float4_e2m1fn")
INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (2, 4, 8, 16, 32, 64))
TYPES = (*FLOATS, *INTEGERS, "bool")
LEVELS = {"x86-64-v2": {"sse4_2"}, "x86-64-v3": {"avx2", "fma", "f16c"}, "x86-64-v4": {"avx512f", "avx512bw", "avx512vl"},
          "znver4": {"avx512_bf16"}}


def element(name):
    return numpy.dtype(getattr(ml_dtypes, name, None) or name)


def bits_of(name):
    if name in FLOATS:
        return ml_dtypes.finfo(element(name)).bits
    return int("".join(filter(str.isdigit, name)))


@functools.cache
def magnitudes(name):
    """The values of 0 and above that a float of at most 16 bits has, in the order of their codes."""
    bits = bits_of(name)
    codes = numpy.arange(1 << (bits if name == "float8_e8m0fnu" else bits - 1), dtype="uint8" if bits <= 8 else "uint16")
    values = codes.view(element(name)).astype(WIDE)
    return values[numpy.isfinite(values)]


def boundaries():
    """Values of the narrow types, the middles between them, and what is next to the middles."""
    parts = []
    for name in FLOATS[2:]:
        values = magnitudes(name)
        if len(values) > 300:
            values = numpy.concatenate([values[:40], values[512:560], values[15360 - 15300::701], values[-40:]])
        last = values[-1] + (values[-1] - values[-2])
        values = numpy.sort(numpy.concatenate([values, [last]]))
        middles = (values[1:] + values[:-1]) / 2
        near = [middles * (1 + sign * WIDE(2) ** -shift) for sign in (-1, 1) for shift in (12, 40)]
        parts += [values, middles, *near]
    return numpy.unique(numpy.concatenate(parts))


def operand(name):
    kind = element(name)
    if name == "bool":
        return numpy.array([False, True])
    if name in INTEGERS:
        bits, signed = bits_of(name), not name.startswith("u")
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        values = set(range(low, high + 1)) if bits <= 8 else {
            value for power in range(bits) for near in (-1, 0, 1) for sign in (-1, 1) for value in [sign * (1 << power) + near]}
        return numpy.array(sorted(v for v in {*values, low, high, 0} if low <= v <= high), "uint64" if not signed else "int64").astype(kind)
    if bits_of(name) <= 8:
        bits = bits_of(name)
        return numpy.arange(1 << bits, dtype="uint8").view(kind) if bits == 8 else numpy.arange(1 << bits).astype("uint8").view(kind)
    values = boundaries()
    values = numpy.concatenate([values, -values, numpy.array([2, 7, 100, 255, 32767, 65535, 2 ** 31, 2 ** 40], WIDE) + WIDE(0.5)])
    limits = ml_dtypes.finfo(kind)
    special = numpy.array([0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan], kind)
    edges = numpy.array([limits.max, limits.min, limits.smallest_subnormal, limits.smallest_normal], kind)
    with numpy.errstate(over="ignore"):
        return numpy.concatenate([values.astype("float64").astype(kind), special, edges, -edges])


def round_to(values, name, saturate):
    """`values` in extended precision as floats of type `name`, and where ONNX says what comes out."""
    table = magnitudes(name)
    size, defined = numpy.abs(values), numpy.ones(values.shape, bool)
    # One more step, by which a size rounds beyond the largest value.
    steps = numpy.concatenate([table, [2 * table[-1] - table[-2]]])
    above = numpy.searchsorted(steps, numpy.where(numpy.isfinite(size), size, 0)).clip(1, len(steps) - 1)
    if name == "float8_e8m0fnu":  # rounds up
        place = numpy.where(size <= steps[0], 0, above)
        defined = ~(values < 0) & ~((values == 0) & numpy.signbit(values))
        saturate = True
    else:
        low, high = size - steps[above - 1], steps[above] - size
        place = numpy.where((high < low) | ((high == low) & (above % 2 == 0)), above, above - 1)
    is_over = (place == len(table)) | (size > steps[-1])
    result = numpy.where(is_over, table[-1], steps[numpy.minimum(place, len(table) - 1)])
    if name in ("float16", "bfloat16"):
        result = numpy.where(is_over, WIDE(numpy.inf), result)
    elif not saturate and name != "float4_e2m1fn":
        result = numpy.where(is_over, WIDE(numpy.inf if name == "float8_e5m2" else numpy.nan), result)
    if name == "float4_e2m1fn":
        defined = ~numpy.isnan(values)
    result = numpy.where(numpy.isnan(values), WIDE(numpy.nan), numpy.copysign(result, values))
    return result, defined


def reference(x, source, target, saturate):
    """The results in extended precision (or as integers), and where they are defined."""
    if source == target:
        return (x if target == "bool" else x.astype(WIDE)), numpy.ones(x.shape, bool)
    if target == "bool":
        return (x.astype(WIDE) != 0) if source in FLOATS else x.astype(bool), numpy.ones(x.shape, bool)
    if target in INTEGERS:
        bits, signed = bits_of(target), not target.startswith("u")
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        if source in FLOATS:
            values = numpy.trunc(x.astype(WIDE))
            defined = numpy.isfinite(values) & (values >= low) & (values <= high)
            return numpy.where(defined, values, 0), defined
        wrapped = [((int(value) - low) % (1 << bits)) + low for value in x]
        return numpy.array(wrapped, WIDE), numpy.ones(x.shape, bool)
    values = x.astype(WIDE)
    if bits_of(target) <= 16:
        result, defined = round_to(values, target, saturate)
        # Integers become powers of two by way of f32.
        return result, defined & ((target != "float8_e8m0fnu") | (source in FLOATS) | (numpy.abs(values) <= 1 << 24))
    with numpy.errstate(over="ignore"):
        return values.astype(element(target)).astype(WIDE), numpy.ones(x.shape, bool)


def pairs():
    for source in TYPES:
        for target in TYPES:
            yield source, target, True
            if target in FLOAT8:
                yield source, target, False


@functools.cache
def model_bytes():
    nodes, outputs, inputs = [], [], []
    for name in TYPES:
        inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(element(name)), [len(operand(name))]))
    for i, (source, target, saturate) in enumerate(pairs()):
        to = helper.np_dtype_to_tensor_dtype(element(target))
        nodes.append(helper.make_node("Cast", [source], [f"y{i}"], to=to, saturate=int(saturate)))
        outputs.append(helper.make_tensor_value_info(f"y{i}", to, None))
    graph = helper.make_graph(nodes, "casts", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=13).SerializeToString()


def cpu_flags():
    with open("/proc/cpuinfo") as file:
        return next((set(line.split()) for line in file if line.startswith("flags")), set())


@pytest.mark.parametrize("level", LEVELS)
def test_all_pairs(level):
    missing = LEVELS[level] - cpu_flags()
    if missing:
        pytest.skip(f"this CPU lacks {', '.join(sorted(missing))}")
    operands = {name: operand(name) for name in TYPES}
    results = tegula.compile(model_bytes(), target=level, threads=1).run(operands)
    failures = []
    for (source, target, saturate), got in zip(pairs(), results, strict=True):
        x = operands[source]
        want, defined = reference(x, source, target, saturate)
        wide = numpy.asarray(got).astype(WIDE) if target != "bool" else numpy.asarray(got)
        same = (wide == want) | ((wide != wide) & (want != want))
        if target in FLOATS and target not in ("float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"):
            same &= (numpy.signbit(wide) == numpy.signbit(want)) | (wide != wide)
        wrong = numpy.nonzero(defined & ~same)[0]
        if len(wrong):
            i = wrong[0]
            failures.append(f"{source} to {target}, saturate={saturate}: {len(wrong)} of {len(x)} differ, first {x[i]}: "
                            f"expected {want[i]}, but got {wide[i]}")
    assert not failures, "\n".join(failures)
