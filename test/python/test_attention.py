# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention as exporters write it, which stage `layout` makes one op of, against f64."""
import ml_dtypes
import numpy
import onnx
import oracle
import pytest
import tegula
from onnx import helper

RANDOM = numpy.random.default_rng(11)
F32 = numpy.float32


def kind_of(name, element):
    return onnx.TensorProto.BOOL if name == "mask" else helper.np_dtype_to_tensor_dtype(numpy.dtype(element))


def make_model(shapes, transposed, scale=None, fill=None, element=F32):
    """MatMul, Mul, Add, Where, Softmax, MatMul, as far as there are operands for them. `transposed`: keys are [T, D]."""
    nodes, tensors, scores = [], [], "s"
    if transposed:
        order = list(range(len(shapes["k"])))
        order[-2:] = order[:-3:-1]
        nodes.append(helper.make_node("Transpose", ["k"], ["t"], perm=order))
    nodes.append(helper.make_node("MatMul", ["q", "t" if transposed else "k"], ["s"]))
    for name, operator, operands in (("scale", "Mul", lambda x: [x, "scale"]), ("bias", "Add", lambda x: ["bias", x]),
                                     ("mask", "Where", lambda x: ["mask", x, "fill"])):
        if name in shapes or (name == "scale" and scale is not None):
            nodes.append(helper.make_node(operator, operands(scores), [f"by_{name}"]))
            scores = f"by_{name}"
    for name, value in (("scale", scale), ("fill", fill)):
        if value is not None:
            tensors.append(onnx.numpy_helper.from_array(numpy.array(value, element), name))
    nodes.append(helper.make_node("Softmax", [scores], ["p"], axis=-1))
    nodes.append(helper.make_node("MatMul", ["p", "v"], ["y"]))
    inputs = [helper.make_tensor_value_info(name, kind_of(name, element), shape) for name, shape in shapes.items()]
    output = helper.make_tensor_value_info("y", kind_of("y", element), None)
    graph = helper.make_graph(nodes, "test", inputs, [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def attend(operands, transposed, scale=None, fill=None):
    operands = {name: x if x.dtype == bool else x.astype(numpy.float64) for name, x in operands.items()}
    q, k, v = (operands[name] for name in "qkv")
    with numpy.errstate(invalid="ignore", over="ignore"):
        scores = q @ (k.swapaxes(-1, -2) if transposed else k) * (1 if scale is None else scale)
        if "bias" in operands:
            scores = scores + operands["bias"]
        if "mask" in operands:
            scores = numpy.where(operands["mask"], scores, numpy.float64(fill))
        weights = numpy.exp(scores - scores.max(axis=-1, keepdims=True, initial=-numpy.inf))
        return (weights / weights.sum(axis=-1, keepdims=True)) @ v


def make_operands(shapes, element=F32):
    return {name: RANDOM.uniform(size=shape) < 0.7 if name == "mask" else
            RANDOM.uniform(-2, 2, shape).astype(element) for name, shape in shapes.items()}


def check(model, operands, transposed, scale=None, fill=None, constant=None):
    """The scores' error is that of a sum along D, and each weight's relative error is the score's absolute one. Halves are
    computed in f32 and rounded once."""
    got = model.run([operand for name, operand in operands.items() if name != constant])[0]
    want = attend(operands, transposed, scale, fill)
    element = operands["q"].dtype
    assert got.shape == want.shape and got.dtype == element
    if got.size == 0:
        return
    depth, keys = operands["q"].shape[-1], operands["v"].shape[-2]
    most = {name: numpy.abs(operands[name].astype(numpy.float64)).max(initial=0) for name in "qkv"}
    largest = most["q"] * most["k"] * depth * (scale or 1)
    error = oracle.tolerance(F32, depth) * max(1, largest) + oracle.tolerance(element, keys)
    numpy.testing.assert_allclose(got.astype(numpy.float64), want, rtol=0, atol=error * most["v"])


def families(model):
    return [kernel["schedule"].split("<")[0].removeprefix("#sched.") for kernel in model.kernels]


#: Shapes, whether keys are [T, D], scale, fill.
CASES = {
    "plain": (dict(q=(3, 128, 64), k=(3, 64, 128), v=(3, 128, 64)), False, None, None),
    "many_blocks": (dict(q=(2, 2, 200, 64), k=(2, 2, 300, 64), v=(2, 2, 300, 48)), True, 0.125, None),
    "bert": (dict(q=(2, 3, 12, 64), k=(2, 3, 12, 64), v=(2, 3, 12, 64), bias=(2, 1, 1, 12)), True, 0.125, None),
    "odd": (dict(q=(5, 37, 21), k=(5, 53, 21), v=(5, 53, 19), bias=(37, 1)), True, None, None),
    "mask": (dict(q=(2, 3, 70, 32), k=(2, 3, 90, 32), v=(2, 3, 90, 33), mask=(2, 1, 70, 90)), True, 3, -1e9),
    "both": (dict(q=(2, 70, 32), k=(2, 32, 500), v=(2, 500, 32), bias=(1, 70, 500), mask=(500,)), False, 0.2, -1e4),
    "as_many_keys_as_elements": (dict(q=(3, 70, 64), k=(3, 64, 64), v=(3, 64, 64)), True, 0.5, None),
    "all_alike": (dict(q=(64, 64), k=(64, 64), v=(64, 64), bias=(64, 64)), True, None, None),
    "one_query": (dict(q=(8, 1, 128), k=(8, 300, 128), v=(8, 300, 128)), True, 0.1, None),
    "two_queries": (dict(q=(8, 2, 64), k=(8, 64, 301), v=(8, 301, 64), mask=(8, 1, 301)), False, 0.1, -1e9),
    "one_key": (dict(q=(7, 16), k=(1, 16), v=(1, 8)), True, None, None),
    "one_element": (dict(q=(2, 9, 1), k=(2, 11, 1), v=(2, 11, 1)), True, None, None),
    "shared_heads": (dict(q=(4, 1, 50, 80), k=(1, 3, 60, 80), v=(60, 96)), True, 0.5, None),
}


@pytest.mark.parametrize("target,element", [("host", F32), ("x86-64-v3", F32), ("x86-64-v2", F32), ("host", numpy.float16),
                                            ("x86-64-v3", ml_dtypes.bfloat16)])
@pytest.mark.parametrize("name", CASES)
def test_cases(name, target, element):
    shapes, transposed, scale, fill = CASES[name]
    if element == numpy.float16 and fill is not None:
        fill = max(fill, -6e4)
    model = tegula.compile(make_model(shapes, transposed, scale, fill, element), target=target)
    # Few queries of half precision stay products.
    assert (families(model) == ["cpu_attention"]) == (element == F32 or shapes["q"][-2] > 4)
    scale = None if scale is None else float(numpy.array(scale, element))
    check(model, make_operands(shapes, element), transposed, scale, fill)


@pytest.mark.parametrize("transposed", [False, True])
def test_shapes_of_a_run(transposed):
    """One artifact for a prompt, for single tokens behind a past, and for nothing."""
    def shapes(batch, heads, queries, keys):
        return dict(q=(batch, heads, queries, 40), k=(batch, heads, *((keys, 40) if transposed else (40, keys))),
                    v=(batch, heads, keys, 24), mask=(1, 1, queries, keys))

    model = tegula.compile(make_model(shapes("b", "h", "s", "t"), transposed, 0.2, -1e9))
    assert "cpu_attention" in families(model)
    for extents in ((2, 3, 150, 170), (1, 2, 1, 333), (2, 1, 4, 64), (1, 1, 5, 15), (1, 3, 1, 1), (0, 2, 3, 4), (2, 2, 0, 3),
                    (2, 2, 3, 0), (1, 1, 70, 0)):
        check(model, make_operands(shapes(*extents)), transposed, 0.2, -1e9)


@pytest.mark.parametrize("name, value", [("bias", F32(0.5)), ("mask", numpy.True_), ("q", F32(0.25)), ("k", F32(-0.5))])
def test_constants_of_one_value(name, value):
    """Folding makes them parts of the steps' bodies; the steps stay those of attention."""
    shapes = dict(q=(3, 40, 16), k=(3, 16, 50), v=(3, 50, 16))
    shapes.setdefault(name, (40, 50))
    fill = -1e9 if name == "mask" else None
    model, operands = make_model(shapes, False, fill=fill), make_operands(shapes)
    operands[name] = numpy.full(shapes[name], value)
    model.graph.initializer.append(onnx.numpy_helper.from_array(operands[name], name))
    model.graph.input.remove(next(entry for entry in model.graph.input if entry.name == name))
    compiled = tegula.compile(model)
    assert families(compiled) == ["cpu_attention"]
    check(compiled, operands, False, fill=fill, constant=name)


def test_mask_broadcasts_scores():
    """A mask of more queries than there are; one key that all columns of the mask share with none of its own."""
    shapes = dict(q=("a", "s", 16), k=("a", "t", 16), v=("a", "u", 16), bias=("b", "m", "n"))
    model = tegula.compile(make_model(shapes, True))
    for q, k, v, bias in (((1, 1, 16), (1, 9, 16), (1, 9, 16), (3, 5, 9)), ((2, 4, 16), (2, 1, 16), (2, 7, 16), (2, 1, 7)),
                          ((2, 4, 16), (2, 7, 16), (2, 7, 16), (1, 4, 1))):
        check(model, make_operands(dict(q=q, k=k, v=v, bias=bias)), True)


@pytest.mark.parametrize("keys", [20, 400])
@pytest.mark.parametrize("queries", [1, 30])
def test_special_values(queries, keys):
    """A row without a score above minus infinity is NaN, as one with NaN or infinity; others do not see them. Minus
    infinity counts nothing, wherever it stands, and denormals are numbers."""
    shapes = dict(q=(queries, 16), k=(keys, 16), v=(keys, 16), bias=(queries, keys))
    model = tegula.compile(make_model(shapes, True))
    for value, row_is_nan in ((-numpy.inf, True), (numpy.nan, True), (numpy.inf, True), (-3e38, False)):
        operands = make_operands(shapes)
        operands["bias"][:, : keys // 2] = -numpy.inf
        operands["bias"][0, keys // 3 :] = value
        if row_is_nan and value != -numpy.inf:
            operands["bias"][0] = 0
            operands["bias"][0, -1] = value
        got = model.run(list(operands.values()))[0]
        assert numpy.isnan(got[0]).all() == row_is_nan and numpy.isfinite(got[1:]).all()
        if not row_is_nan:
            check(model, operands, True)
    operands = make_operands(shapes)
    operands["bias"][:] = 0
    operands["q"][:] = 0
    operands["v"][:] = 1e-41
    assert numpy.abs(model.run(list(operands.values()))[0] - numpy.float32(1e-41)).max() <= 1e-43
    operands["v"][0, 0] = numpy.inf
    got = model.run(list(operands.values()))[0]
    assert (got[:, 0] == numpy.inf).all() and numpy.isfinite(got[:, 1:]).all()


@pytest.mark.parametrize("number", [0, 1e-39, 1e-30, 1e30])
@pytest.mark.parametrize("caps", [False, True])
def test_extreme_numbers(number, caps):
    """s / number, or number * tanh(s / number), whose reciprocal may be no number of f32."""
    names = ["Div", "Tanh", "Mul"] if caps else ["Div"]
    nodes, scores = [helper.make_node("MatMul", ["q", "k"], ["s"])], "s"
    for name in names:
        nodes.append(helper.make_node(name, [scores] if name == "Tanh" else [scores, "n"], [f"by_{name}"]))
        scores = f"by_{name}"
    nodes += [helper.make_node("Softmax", [scores], ["p"]), helper.make_node("MatMul", ["p", "v"], ["y"])]
    inputs = [helper.make_tensor_value_info(name, 1, (6, 6)) for name in "qkv"]
    tensors = [onnx.numpy_helper.from_array(numpy.array(number, F32), "n")]
    graph = helper.make_graph(nodes, "test", inputs, [helper.make_tensor_value_info("y", 1, None)], tensors)
    model = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    q, k, v = (RANDOM.integers(-4, 5, (6, 6)).astype(F32) for _ in "qkv")
    q[0] = 0
    # Sums of such integers are exact, and quotients that differ by a factor beyond f32 have one largest.
    with numpy.errstate(all="ignore"):
        s = (q @ k) / F32(number)
        s = numpy.tanh(s) * F32(number) if caps else s
        weights = numpy.exp(s - s.max(axis=-1, keepdims=True))
        want = (weights / weights.sum(axis=-1, keepdims=True)) @ v
    numpy.testing.assert_allclose(model.run([q, k, v])[0], want, rtol=0, atol=1e-5)


def test_shape_of_scores_of_higher_rank():
    """A scale of four dimensions gives them to the scores of three."""
    nodes = [helper.make_node("MatMul", ["q", "k"], ["s"]), helper.make_node("Mul", ["s", "one"], ["u"]),
             helper.make_node("Shape", ["u"], ["h"]), helper.make_node("Add", ["u", "b"], ["a"]),
             helper.make_node("Softmax", ["a"], ["p"]), helper.make_node("MatMul", ["p", "v"], ["y"])]
    shapes = dict(q=("n", "s", 16), k=("n", 16, "t"), v=("n", "t", 8), b=(1, "n", 1, "t"))
    inputs = [helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items()]
    outputs = [helper.make_tensor_value_info("y", 1, None), helper.make_tensor_value_info("h", 7, [4])]
    tensors = [onnx.numpy_helper.from_array(numpy.ones((1, 1, 1, 1), F32), "one")]
    graph = helper.make_graph(nodes, "test", inputs, outputs, tensors)
    model = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    operands = make_operands(dict(q=(2, 5, 16), k=(2, 16, 7), v=(2, 7, 8), bias=(1, 2, 1, 7)))
    got, shape = model.run(list(operands.values()))
    numpy.testing.assert_allclose(got, attend(operands, False), rtol=0, atol=1e-5)
    assert list(shape) == [1, 2, 5, 7]


def make_operator(shapes):
    node = helper.make_node("Attention", list(shapes), ["y"])
    inputs = [helper.make_tensor_value_info(name, kind_of(name, F32), shape) for name, shape in shapes.items()]
    graph = helper.make_graph([node], "test", inputs, [helper.make_tensor_value_info("y", 1, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)])


@pytest.mark.parametrize("precision", ["f32", "f32-strict"])
def test_operator_hides(precision):
    """A row without a key that counts is 0 whatever the values are, but not where the graph's 0 * infinity is wanted."""
    shapes = dict(q=(1, 2, 9, 16), k=(1, 2, 20, 16), v=(1, 2, 20, 24), mask=(9, 20))
    model = tegula.compile(make_operator(shapes), precision=precision)
    operands = make_operands(shapes)
    operands["mask"][3] = False
    operands["v"][..., 4, 5] = numpy.inf
    row = model.run(list(operands.values()))[0][:, :, 3]
    assert numpy.isnan(row[..., 5]).all() == (precision == "f32-strict")
    row[..., 5] = 0
    assert (row == 0).all()


@pytest.mark.parametrize("extents", [(2, 3, 9, 20), ("b", 3, "s", "t")])
def test_operator(extents):
    """ONNX's Attention, whose rows without a key that counts are 0."""
    batch, heads, queries, keys = extents
    shapes = dict(q=(batch, heads, queries, 16), k=(batch, heads, keys, 16), v=(batch, heads, keys, 24), mask=(queries, keys))
    model = tegula.compile(make_operator(shapes))
    assert "cpu_attention" in families(model)
    fixed = dict(b=2, s=9, t=20)
    operands = make_operands({name: [fixed.get(extent, extent) for extent in shape] for name, shape in shapes.items()})
    operands["mask"][3] = False
    got = model.run(list(operands.values()))[0]
    want = attend(operands, True, 0.25, -numpy.inf)
    want[..., 3, :] = 0
    numpy.testing.assert_allclose(got, want, rtol=0, atol=1e-5)


def test_large_scores():
    """Exponentials of differences never overflow, whichever block has the largest score."""
    shapes = dict(q=(40, 16), k=(500, 16), v=(500, 16))
    model = tegula.compile(make_model(shapes, True))
    operands = make_operands(shapes)
    operands["q"] *= 300
    operands["k"] *= numpy.linspace(1, 5, 500, dtype=numpy.float32)[:, None]
    got = model.run(list(operands.values()))[0]
    assert numpy.isfinite(got).all()
    want = attend(operands, True)
    weights = numpy.abs(got - want).max(axis=1)
    assert numpy.median(weights) < 1e-3
