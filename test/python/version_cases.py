# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of ai.onnx operators at every version of theirs: what an operator means may differ from version to version.

`CASES[operator]` makes the cases for an opset version; references are numpy's, or onnxruntime at that version."""
import functools
import math

import numpy
import onnx.reference
from onnx import TensorProto, helper, numpy_helper

from contrib_cases import F16, F32, F64, integers, normal, scalar
from oracle import Case, run_onnxruntime

CASES = {}


def operator(*names):
    def register(function):
        for name in names:
            CASES[name] = (lambda version, name=name: list(function(version, name))) if len(names) > 1 else (
                lambda version: list(function(version)))
        return function
    return register


def case(name, operands, attributes=None, want=None, **options):
    return Case(name, operands, attributes or {}, want=want, domain="", **options)


def at(version, name, operands, attributes=None, results=(True,)):
    """onnxruntime's results at another version, which says the same in another way."""
    newer = case(name, operands, attributes, results=results, opsets={"": version})
    return run_onnxruntime([newer], [operands])[0]


# --- elementwise -----------------------------------------------------------------------------------------------------

ERF = numpy.vectorize(math.erf, otypes=[numpy.float64])
UNARY = {
    "Abs": numpy.abs, "Ceil": numpy.ceil, "Cosh": numpy.cosh, "Erf": ERF, "Exp": numpy.exp, "Floor": numpy.floor,
    "Neg": numpy.negative, "Reciprocal": lambda x: 1 / x, "Relu": lambda x: numpy.maximum(x, 0),
    "Sigmoid": lambda x: 1 / (1 + numpy.exp(-x)), "Sin": numpy.sin, "Sinh": numpy.sinh, "Cos": numpy.cos,
    "Softsign": lambda x: x / (1 + abs(x)), "Softplus": lambda x: numpy.log1p(numpy.exp(x)), "Tan": numpy.tan,
    "Tanh": numpy.tanh, "Asinh": numpy.arcsinh, "Atan": numpy.arctan, "IsNaN": numpy.isnan, "Identity": lambda x: x,
    "Mish": lambda x: x * numpy.tanh(numpy.log1p(numpy.exp(x))), "Round": numpy.rint, "Sign": numpy.sign,
    "HardSwish": lambda x: x * numpy.clip(x / 6 + 0.5, 0, 1),
}
BETWEEN = {"Acos": numpy.arccos, "Asin": numpy.arcsin, "Atanh": numpy.arctanh}
POSITIVE = {"Log": numpy.log, "Sqrt": numpy.sqrt, "Acosh": lambda x: numpy.arccosh(x)}


@operator(*UNARY, *BETWEEN, *POSITIVE)
def unary(version, name):
    x = normal((3, 5), seed=1, spread=2)
    if name in BETWEEN:
        x = numpy.clip(x / 4, -0.99, 0.99)
    elif name in POSITIVE:
        x = numpy.abs(x) + 1
    function = {**UNARY, **BETWEEN, **POSITIVE}[name]
    for element in (F32, F64, F16):
        result = lambda x, element=element: [numpy.asarray(function(x.astype(F64))).astype(
            bool if name == "IsNaN" else element)]
        yield case(name, [x.astype(element)], want=result, slack=4)


BINARY = {"Add": numpy.add, "Sub": numpy.subtract, "Mul": numpy.multiply, "Div": numpy.divide, "Pow": numpy.power,
          "And": numpy.logical_and, "Or": numpy.logical_or, "Xor": numpy.logical_xor, "Equal": numpy.equal,
          "Greater": numpy.greater, "Less": numpy.less, "GreaterOrEqual": numpy.greater_equal, "LessOrEqual": numpy.less_equal}


@operator(*BINARY)
def binary(version, name):
    """Up to opset 6, attributes say whether and from which dimension on the second operand broadcasts."""
    function = BINARY[name]
    element = bool if name in ("And", "Or", "Xor") else "int32" if name == "Equal" and version < 11 else F32

    def draw(shape, seed):
        if element == F32:
            return numpy.abs(normal(shape, seed=seed)) + F32.type(0.1)
        return integers(0, 2, shape, element, seed)

    a = draw((2, 3, 4), 1)
    result = lambda x, y: [numpy.asarray(function(x, y))]
    yield case(name, [a, draw((2, 3, 4), 2)], want=result)
    if version >= 7:
        yield case(name, [a, draw((3, 1), 2)], want=result)
        return
    yield case(name, [a, draw((3, 4), 2)], {"broadcast": 1}, want=result)
    yield case(name, [a, draw((3,), 2)], {"broadcast": 1, "axis": 1}, want=lambda x, y: result(x, y[:, None]))


@operator("PRelu")
def prelu(version):
    x, shape = normal((2, 3, 4), seed=1), (3,) if version < 7 else (3, 1)
    along = lambda s: s.reshape(-1, 1) if s.ndim == 1 else s
    yield case("PRelu", [x, normal(shape, seed=2)], want=lambda x, s: [numpy.where(x < 0, x * along(s), x)])


@operator("BitShift")
def bit_shift(version):
    for direction, function in (("LEFT", numpy.left_shift), ("RIGHT", numpy.right_shift)):
        for element in ("uint8", "uint32"):
            yield case("BitShift", [integers(0, 200, (2, 4), element, 1), integers(0, 7, (4,), element, 2)],
                       {"direction": direction}, want=lambda x, y, function=function: [function(x, y)])


@operator("Mod")
def modulo(version):
    for element in ("int32", "uint8"):
        yield case("Mod", [integers(0, 100, (3, 4), element, 1), integers(1, 9, (4,), element, 2)],
                   want=lambda x, y: [numpy.mod(x, y)])
    yield case("Mod", [normal((3, 4), seed=1), normal((4,), seed=2)], {"fmod": 1}, want=lambda x, y: [numpy.fmod(x, y)])


@operator("Max", "Min", "Mean", "Sum")
def variadic(version, name):
    function = {"Max": lambda parts: functools.reduce(numpy.maximum, parts),
                "Min": lambda parts: functools.reduce(numpy.minimum, parts), "Sum": sum,
                "Mean": lambda parts: sum(parts) / F32.type(len(parts))}[name]
    parts = [normal((2, 3), seed=i) for i in range(3)]
    for count in (1, 2, 3):
        yield case(name, parts[:count], want=lambda *x: [function(list(x))])
    if version >= 8:
        yield case(name, [parts[0], parts[1][:1], parts[2][:, :1]], want=lambda *x: [function(list(x))])


@operator("Clip")
def clip(version):
    x = normal((3, 5), seed=1, spread=3)
    bounds = lambda x: [numpy.clip(x, F32.type(-1), F32.type(1.5))]
    if version < 11:
        yield case("Clip", [x], {"min": -1.0, "max": 1.5}, want=bounds)
        yield case("Clip", [x], {"max": 0.5}, want=lambda x: [numpy.minimum(x, F32.type(0.5))])
    else:
        yield case("Clip", [x, scalar(-1), scalar(1.5)], want=lambda x, *rest: bounds(x))
        yield case("Clip", [x, None, scalar(0.5)], want=lambda x, *rest: [numpy.minimum(x, F32.type(0.5))])
    if version >= 12:
        yield case("Clip", [integers(-9, 9, (5,), "int8", 1), scalar(-3, "int8"), scalar(4, "int8")],
                   want=lambda x, *rest: [numpy.clip(x, -3, 4)])


@operator("Celu", "Elu", "LeakyRelu", "ThresholdedRelu", "Selu", "HardSigmoid")
def activation(version, name):
    x, alpha = normal((3, 5), seed=1, spread=3), 0.7
    functions = {
        "Celu": lambda x: numpy.maximum(x, 0) + numpy.minimum(0, alpha * (numpy.exp(x / alpha) - 1)),
        "Elu": lambda x: numpy.where(x < 0, alpha * (numpy.exp(x) - 1), x),
        "LeakyRelu": lambda x: numpy.where(x < 0, alpha * x, x),
        "ThresholdedRelu": lambda x: numpy.where(x > alpha, x, 0),
        "Selu": lambda x: 1.3 * numpy.where(x <= 0, alpha * numpy.exp(x) - alpha, x),
        "HardSigmoid": lambda x: numpy.clip(alpha * x + 0.4, 0, 1)}
    more = {"Selu": {"gamma": 1.3}, "HardSigmoid": {"beta": 0.4}}.get(name, {})
    yield case(name, [x], {"alpha": alpha, **more}, want=lambda x: [functions[name](x.astype(F64)).astype(F32)], slack=4)
    yield case(name, [x], want=lambda x: at(22 if name not in ("Celu", "LeakyRelu") else 16, name, [x]), slack=4)


NAMES = {F32: "FLOAT", F64: "DOUBLE", numpy.dtype("int32"): "INT32", numpy.dtype("int64"): "INT64",
         numpy.dtype("bool"): "BOOL", numpy.dtype("uint8"): "UINT8"}


@operator("Cast")
def cast(version):
    for source, target in ((F32, "int32"), ("int64", F32), (F64, F32), ("int32", "bool"), ("uint8", F64)):
        target = numpy.dtype(target)
        to = NAMES[target] if version < 6 else TensorProto.DataType.Value(NAMES[target])
        yield case("Cast", [integers(0, 9, (3, 4), source, 1)], {"to": to}, want=lambda x, target=target: [x.astype(target)])


@operator("CastLike")
def cast_like(version):
    yield case("CastLike", [normal((3, 4), spread=9), scalar(0, "int32")], want=lambda x, like: [x.astype(like.dtype)])
    yield case("CastLike", [integers(-9, 9, (3, 4), "int64"), scalar(0, F16)], want=lambda x, like: [x.astype(like.dtype)])


@operator("IsInf")
def is_inf(version):
    x = numpy.array([1, numpy.inf, -numpy.inf, numpy.nan], F32)
    yield case("IsInf", [x], want=lambda x: [numpy.isinf(x)])
    yield case("IsInf", [x], {"detect_negative": 0}, want=lambda x: [x == numpy.inf])


# --- reductions and normalization ------------------------------------------------------------------------------------

REDUCTIONS = {
    "ReduceL1": lambda x, **k: numpy.abs(x).sum(**k), "ReduceL2": lambda x, **k: numpy.sqrt((x * x).sum(**k)),
    "ReduceLogSum": lambda x, **k: numpy.log(x.sum(**k)), "ReduceLogSumExp": lambda x, **k: numpy.log(numpy.exp(x).sum(**k)),
    "ReduceMax": numpy.max, "ReduceMin": numpy.min, "ReduceMean": numpy.mean, "ReduceProd": numpy.prod, "ReduceSum": numpy.sum,
    "ReduceSumSquare": lambda x, **k: (x * x).sum(**k)}
AXES_AS_OPERAND = {"ReduceSum": 13, **{name: 18 for name in REDUCTIONS if name != "ReduceSum"}}


@operator(*REDUCTIONS)
def reduction(version, name):
    x, function = numpy.abs(normal((2, 3, 4), seed=1)) + F32.type(0.1), REDUCTIONS[name]
    for axes, keep in (((1,), 1), ((0, 2), 0), (None, 1)) + (((-1,), 1),) * (version >= 11):
        attributes, operands = {"keepdims": keep}, [x]
        if axes and version < AXES_AS_OPERAND[name]:
            attributes["axes"] = list(axes)
        elif axes:
            operands.append(numpy.array(axes))
        yield case(name, operands, attributes, length=24, want=lambda x, *rest, axes=axes, keep=keep: [
            numpy.asarray(function(x.astype(F64), axis=axes, keepdims=bool(keep))).astype(F32)])


@operator("ArgMax", "ArgMin")
def arg_reduction(version, name):
    x, function = normal((2, 3, 4), seed=1), numpy.argmax if name == "ArgMax" else numpy.argmin
    for axis, keep in ((0, 1), (1, 0), (2, 1)) + ((-1, 0),) * (version >= 11):
        yield case(name, [x], {"axis": axis, "keepdims": keep},
                   want=lambda x, axis=axis, keep=keep: [function(x, axis=axis, keepdims=bool(keep))])
    if version >= 12:
        x = integers(0, 2, (3, 5), F32, 1)
        last = lambda x: [4 - function(x[:, ::-1], axis=1, keepdims=True)]
        yield case(name, [x], {"axis": 1, "select_last_index": 1}, want=last)


@operator("Softmax", "LogSoftmax", "Hardmax")
def softmax(version, name):
    """Up to opset 12, the dimensions from the axis on are one."""
    def function(x, axis):
        y = x.astype(F64)
        if version < 13:
            y = y.reshape(int(numpy.prod(x.shape[:axis])), -1)
            axis = -1
        e = numpy.exp(y - y.max(axis, keepdims=True))
        y = {"Softmax": lambda: e / e.sum(axis, keepdims=True),
             "LogSoftmax": lambda: y - y.max(axis, keepdims=True) - numpy.log(e.sum(axis, keepdims=True)),
             "Hardmax": lambda: (numpy.arange(y.shape[axis]).reshape([-1 if i == axis % y.ndim else 1 for i in range(y.ndim)])
                                 == y.argmax(axis, keepdims=True)).astype(F64)}[name]()
        return [y.reshape(x.shape).astype(F32)]

    for axis in (0, 1, 2):
        yield case(name, [normal((2, 3, 4), seed=1)], {"axis": axis}, length=24, want=lambda x, axis=axis: function(x, axis))
    yield case(name, [normal((2, 3, 4), seed=1)], length=24, want=lambda x: function(x, 1 if version < 13 else -1))


@operator("LRN", "LpNormalization", "InstanceNormalization", "MeanVarianceNormalization", "GroupNormalization",
          "BatchNormalization")
def normalization(version, name):
    x = normal((2, 4, 5, 3), seed=1)
    scale, bias, mean, variance = normal(4, seed=2), normal(4, seed=3), normal(4, seed=4), numpy.abs(normal(4, seed=5))
    along = lambda v: v[:, None, None]
    if name == "LRN":
        yield case(name, [x], {"size": 3, "alpha": 0.1, "beta": 0.5, "bias": 1.5}, length=3, want=lambda x: at(13, name, [x], {
            "size": 3, "alpha": 0.1, "beta": 0.5, "bias": 1.5}))
    elif name == "LpNormalization":
        for p, axis in ((1, 0), (2, 1), (2, -1)):
            yield case(name, [x], {"p": p, "axis": axis}, length=5, want=lambda x, p=p, axis=axis: [
                x / (numpy.abs(x) ** p).sum(axis, keepdims=True) ** F32.type(1 / p)])
    elif name == "InstanceNormalization":
        def instance(x, scale, bias):
            x = x.astype(F64)
            centered = x - x.mean((2, 3), keepdims=True)
            y = centered / numpy.sqrt((centered ** 2).mean((2, 3), keepdims=True) + 1e-3)
            return [(y * along(scale) + along(bias)).astype(F32)]
        yield case(name, [x, scale, bias], {"epsilon": 1e-3}, want=instance, length=15)
    elif name == "MeanVarianceNormalization":
        def standard(x, axes):
            x = x.astype(F64)
            centered = x - x.mean(axes, keepdims=True)
            return [(centered / (numpy.sqrt((centered ** 2).mean(axes, keepdims=True)) + 1e-9)).astype(F32)]
        yield case(name, [x], want=lambda x: standard(x, (0, 2, 3)), length=30)
        yield case(name, [x], {"axes": [1, 2]}, want=lambda x: standard(x, (1, 2)), length=20)
    elif name == "GroupNormalization":
        def group(x, scale, bias):
            y = x.astype(F64).reshape(2, 2, -1)
            y = (y - y.mean(2, keepdims=True)) / numpy.sqrt(y.var(2, keepdims=True) + 1e-5)
            if version < 21:  # one scale per group
                y = y * scale[:, None] + bias[:, None]
                return [y.reshape(x.shape).astype(F32)]
            return [(y.reshape(x.shape) * along(scale) + along(bias)).astype(F32)]
        operands = [x, scale[:2], bias[:2]] if version < 21 else [x, scale, bias]
        yield case(name, operands, {"num_groups": 2}, want=group, length=30)
    else:
        attributes = {"epsilon": 1e-3, **({"is_test": 1} if version < 7 else {})}
        if version < 6:
            attributes["consumed_inputs"] = [0, 0, 0, 1, 1]
        yield case(name, [x, scale, bias, mean, variance], attributes, want=lambda x, s, b, m, v: [
            ((x - along(m)) / numpy.sqrt(along(v) + 1e-3) * along(s) + along(b)).astype(F32)], slack=4)


@operator("CumSum")
def running_sum(version):
    for exclusive, reverse in ((0, 0), (1, 0), (0, 1)):
        yield case("CumSum", [normal((3, 4)), scalar(1, "int64")], {"exclusive": exclusive, "reverse": reverse}, length=4)


# --- contractions, windows -------------------------------------------------------------------------------------------


@operator("Gemm", "MatMul", "Einsum", "QLinearMatMul", "Det")
def contraction(version, name):
    a, b = normal((3, 4), seed=1), normal((4, 5), seed=2)
    if name == "Gemm":
        bias = normal((3, 5) if version < 7 else (5,), seed=3)
        yield case(name, [a, b, bias], {"alpha": 0.5, "beta": 2.0}, want=lambda a, b, c: [0.5 * a @ b + 2 * c], length=4)
        yield case(name, [a.T.copy(), b.T.copy(), bias], {"transA": 1, "transB": 1}, want=lambda a, b, c: [a.T @ b.T + c], length=4)
        if version < 7:
            yield case(name, [a, b, bias[0]], {"broadcast": 1}, want=lambda a, b, c: [a @ b + c], length=4)
        if version >= 11:
            yield case(name, [a, b], want=lambda a, b: [a @ b], length=4)
    elif name == "MatMul":
        yield case(name, [a, b], want=lambda a, b: [a @ b], length=4)
        yield case(name, [normal((2, 3, 4)), b], want=lambda a, b: [a @ b], length=4)
        if version >= 9:
            yield case(name, [integers(-9, 9, (3, 4), "int32"), integers(-9, 9, (4, 5), "int32", 1)], want=lambda a, b: [a @ b])
    elif name == "Einsum":
        yield case(name, [a, b], {"equation": "ij,jk->ki"}, want=lambda a, b: [(a @ b).T], length=4)
    elif name == "Det":
        x = normal((2, 3, 3), seed=1)
        yield case(name, [x], want=lambda x: [numpy.linalg.det(x.astype(F64)).astype(F32)], length=9, slack=4)
    else:
        a, b = integers(0, 255, (3, 4), "uint8"), integers(0, 255, (4, 5), "uint8", 1)
        yield case(name, [a, scalar(0.02), scalar(120, "uint8"), b, scalar(0.03), scalar(130, "uint8"), scalar(0.2), scalar(110, "uint8")],
                   quanta=1)


@operator("Conv", "ConvTranspose", "DeformConv")
def convolution(version, name):
    x = normal((1, 4, 7, 6), seed=1)
    if name == "DeformConv":
        attributes = {"kernel_shape": [2, 2]}
        operands = [x, normal((3, 4, 2, 2), seed=2), normal((1, 8, 6, 5), seed=3, spread=0.5)]
        yield case(name, operands, attributes, want=lambda *o: at(22, name, list(o), attributes), length=16, slack=4)
        return
    weights = normal((6, 2, 3, 2) if name == "Conv" else (4, 3, 3, 2), seed=2)
    for attributes in ({}, {"pads": [1, 0, 1, 1], "strides": [2, 1]}, {"dilations": [2, 1]}, {"auto_pad": "SAME_UPPER"}):
        attributes = {"group": 2, "kernel_shape": [3, 2], **attributes}
        yield case(name, [x, weights, normal(6, seed=3)], attributes, length=12)


@operator("AveragePool", "MaxPool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "MaxUnpool", "MaxRoiPool",
          "RoiAlign")
def pooling(version, name):
    x = normal((2, 3, 7, 6), seed=1)
    if name == "GlobalLpPool":
        for p in (1, 2, 3):
            spelled = float(p) if version < 2 else p
            yield case(name, [x], {"p": spelled}, length=42, slack=4, want=lambda x, p=p: [
                ((numpy.abs(x.astype(F64)) ** p).sum((2, 3), keepdims=True) ** (1 / p)).astype(F32)])
        yield case(name, [x], length=42, want=lambda x: [numpy.sqrt((x.astype(F64) ** 2).sum((2, 3), keepdims=True)).astype(F32)])
    elif name in ("GlobalAveragePool", "GlobalMaxPool"):
        function = numpy.mean if "Average" in name else numpy.max
        yield case(name, [x], length=42, want=lambda x: [function(x, (2, 3), keepdims=True)])
    elif name == "LpPool":
        def lp(x, p, stride):
            views = numpy.lib.stride_tricks.sliding_window_view(numpy.abs(x.astype(F64)) ** p, (3, 2), (2, 3))
            return [(views[:, :, ::stride[0], ::stride[1]].sum((-1, -2)) ** (1 / p)).astype(F32)]
        for p, stride in ((1, (1, 1)), (2, (2, 1)), (3, (2, 2))):
            yield case(name, [x], {"p": float(p) if version < 2 else p, "kernel_shape": [3, 2], "strides": list(stride)}, length=6,
                       slack=4, want=lambda x, p=p, stride=stride: lp(x, p, stride))
        if version >= 2:
            yield case(name, [x], {"kernel_shape": [2, 2], "pads": [1, 1, 1, 1]}, length=4, want=lambda x: [
                numpy.sqrt(numpy.lib.stride_tricks.sliding_window_view(
                    numpy.pad(x.astype(F64) ** 2, [(0, 0), (0, 0), (1, 1), (1, 1)]), (2, 2), (2, 3)).sum((-1, -2))).astype(F32)])
            yield case(name, [normal((1, 2, 9))], {"kernel_shape": [3], "auto_pad": "VALID"}, length=3, want=lambda x: [
                numpy.sqrt(numpy.lib.stride_tricks.sliding_window_view(x.astype(F64) ** 2, 3, 2).sum(-1)).astype(F32)])
        if version >= 18:
            yield case(name, [x], {"kernel_shape": [2, 2], "dilations": [2, 1], "strides": [2, 2], "ceil_mode": 1}, length=4)
    elif name == "MaxUnpool":
        pooled, places = at(12, "MaxPool", [x[:, :, :6]], {"kernel_shape": [2, 2], "strides": [2, 2]}, (True, True))
        yield case(name, [pooled, places], {"kernel_shape": [2, 2], "strides": [2, 2]})
    elif name == "MaxRoiPool":
        rois = numpy.array([[0, 0, 0, 5, 6], [1, 1, 2, 4, 4], [0, 3, 3, 3, 3], [1, 2.5, 0.5, 9, 9]], F32)
        for shape in ([1, 1], [2, 3], [4, 4]):
            for attributes in ({"pooled_shape": shape}, {"pooled_shape": shape, "spatial_scale": 0.6}):
                yield case(name, [x, rois], attributes, want=lambda *o, attributes=attributes: at(1, name, list(o), attributes))
    elif name == "RoiAlign":
        rois, batches = numpy.array([[0, 0, 5, 6], [1, 2, 4, 4]], F32), numpy.array([0, 1])
        attributes = {"output_height": 2, "output_width": 3, "sampling_ratio": 2, "spatial_scale": 0.8}
        forms = [attributes]
        if version >= 16:
            forms.append({**attributes, "coordinate_transformation_mode": "output_half_pixel"})
        for form in forms:
            yield case(name, [x, rois, batches], form, length=8, slack=4,
                       want=lambda *o, form=form: at(min(version, 16), name, list(o), form))
    else:
        for attributes in ({}, {"pads": [1, 0, 1, 1], "strides": [2, 1]}, {"auto_pad": "SAME_LOWER"}):
            if name == "AveragePool" and version < 7 and "pads" in attributes:
                continue  # the first version does not say whether padding counts
            attributes = {"kernel_shape": [3, 2], **attributes}
            older = name == "AveragePool" and version < 7
            yield case(name, [x], attributes, length=6,
                       want=(lambda x, attributes=attributes: at(7, name, [x], attributes)) if older else None)
        if version >= 10:
            yield case(name, [x], {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, length=9)
        if name == "MaxPool" and version >= 8:
            yield case(name, [x], {"kernel_shape": [2, 2]}, results=(True, True))


def sample_by_reference(x, grid):
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode="cubic", padding_mode="border")
    inputs = [info("x", TensorProto.FLOAT, x.shape), info("grid", TensorProto.FLOAT, grid.shape)]
    graph = helper.make_graph([node], "g", inputs, [info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    return onnx.reference.ReferenceEvaluator(model).run(None, {"x": x, "grid": grid})


@operator("Upsample", "Resize", "GridSample")
def resampling(version, name):
    x = normal((1, 2, 4, 3), seed=1)
    nearest = lambda x, *_: [x.repeat(2, 2).repeat(3, 3)]
    if name == "GridSample":
        grid = numpy.random.default_rng(1).uniform(-1.2, 1.2, (1, 5, 4, 2)).astype(F32)
        modes = ("bilinear", "nearest", "bicubic") if version < 20 else ("linear", "nearest", "cubic")
        for mode in modes:
            for padding in ("zeros", "border", "reflection"):
                # Of cubic samples at the border, onnxruntime moves the place, and ONNX the elements that it is between.
                by_reference = mode.endswith("cubic") and padding == "border"
                yield case(name, [x, grid], {"mode": mode, "padding_mode": padding}, length=16, slack=8,
                           want=(lambda x, grid: sample_by_reference(x, grid)) if by_reference else None)
    elif name == "Upsample":
        if version < 7:
            yield case(name, [x], {"height_scale": 2.0, "width_scale": 3.0, "mode": "nearest"}, want=nearest)
            yield case(name, [x], {"height_scale": 2.0, "width_scale": 3.0, "mode": "bilinear"}, slack=4, want=lambda x: at(
                9, name, [x, numpy.array([1, 1, 2, 3], F32)], {"mode": "linear"}))
        elif version < 9:
            yield case(name, [x], {"scales": [1.0, 1, 2, 3]}, want=nearest)
            yield case(name, [x], {"scales": [1.0, 1, 2, 3], "mode": "linear"}, slack=4)
        else:
            yield case(name, [x, numpy.array([1, 1, 2, 3], F32)], want=nearest)
    elif version < 11:
        for mode in ("nearest", "linear"):
            yield case(name, [x, numpy.array([1, 1, 2, 3], F32)], {"mode": mode}, slack=4)
    else:
        for mode in ("nearest", "linear", "cubic"):
            for coordinates in ("half_pixel", "asymmetric", "align_corners"):
                roi = numpy.zeros(0, F32) if version < 13 else None
                yield case(name, [x, roi, numpy.array([1, 1, 2, 3], F32)],
                           {"mode": mode, "coordinate_transformation_mode": coordinates}, slack=8)


# --- layers and quantization -----------------------------------------------------------------------------------------


@operator("LSTM", "GRU", "RNN")
def recurrent(version, name):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[name]
    steps, batch, width, hidden = 4, 2, 3, 5
    for direction in ("forward", "reverse", "bidirectional"):
        directions = 2 if direction == "bidirectional" else 1
        operands = [normal((steps, batch, width), seed=1), normal((directions, gates * hidden, width), seed=2, spread=0.5),
                    normal((directions, gates * hidden, hidden), seed=3, spread=0.5), normal((directions, 2 * gates * hidden), seed=4)]
        attributes = {"hidden_size": hidden, "direction": direction}
        spelled = {**attributes, **({"output_sequence": 1} if version < 7 else {})}
        yield case(name, operands, spelled, results=(True, True), length=width + hidden, slack=8,
                   want=lambda *o, attributes=attributes: at(7, name, list(o), attributes, (True, True)))


@operator("Dropout")
def dropout(version):
    x = normal((3, 4), seed=1)
    attributes = {"is_test": 1} if version < 7 else {}
    yield case("Dropout", [x], attributes, want=lambda x: [x])
    if version < 12:
        yield case("Dropout", [x], {**attributes, "ratio": 0.3}, want=lambda x: [x])
    else:
        yield case("Dropout", [x, scalar(0.3), scalar(False, bool)], want=lambda x, *_: [x])


@operator("QuantizeLinear", "DequantizeLinear")
def quantization(version, name):
    scale, zero = numpy.array([0.2, 0.1, 0.4, 0.3], F32), numpy.array([3, 0, -5, 7], "int8")
    x = normal((2, 4, 3), seed=1, spread=9) if name == "QuantizeLinear" else integers(-128, 128, (2, 4, 3), "int8", 1)
    # onnxruntime knows versions up to 25.
    like = lambda attributes: lambda *operands: at(min(version, 25), name, list(operands), attributes)
    yield case(name, [x, scalar(0.2), scalar(3, "int8")], want=like({}))
    if version >= 13:
        yield case(name, [x, scale, zero], {"axis": 1}, want=like({"axis": 1}))
    if version >= 21:
        blocks, attributes = normal((2, 2, 3), seed=2) ** 2 + F32.type(0.1), {"axis": 1, "block_size": 2}
        yield case(name, [x, blocks, numpy.ones((2, 2, 3), "int8")], attributes, want=like(attributes))


@operator("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(version, name):
    x, target = normal((4, 3), seed=1), numpy.array([0, 2, 1, 1])
    for reduction in ("none", "mean", "sum"):
        def value(x, target, weight=None, reduction=reduction):
            y = x.astype(F64)
            if name == "SoftmaxCrossEntropyLoss":
                y = y - numpy.log(numpy.exp(y).sum(1, keepdims=True))
            weight = numpy.ones(3) if weight is None else weight.astype(F64)
            parts = -y[numpy.arange(4), target] * weight[target]
            total = {"none": parts, "sum": parts.sum(), "mean": parts.sum() / weight[target].sum()}[reduction]
            return [numpy.asarray(total).astype(F32)]
        yield case(name, [x, target], {"reduction": reduction}, want=value, length=12)
        yield case(name, [x, target, numpy.abs(normal(3, seed=2))], {"reduction": reduction}, want=value, length=12)


@operator("NonMaxSuppression")
def suppression(version):
    random = numpy.random.default_rng(2)
    corners = random.random((1, 8, 2)).astype(F32)
    boxes = numpy.concatenate([corners, corners + random.random((1, 8, 2)).astype(F32)], -1)
    yield case("NonMaxSuppression", [boxes, random.random((1, 2, 8)).astype(F32), scalar(3, "int64"), scalar(0.5), scalar(0.2)])


@operator("Constant")
def constant(version):
    value = numpy.array([[1, 2], [3, 4]], F32)
    yield case("Constant", [], {"value": numpy_helper.from_array(value)}, want=lambda: [value])
    if version >= 12:
        yield case("Constant", [], {"value_floats": [1.0, 2.0]}, want=lambda: [numpy.array([1, 2], F32)])
        yield case("Constant", [], {"value_int": 7}, want=lambda: [numpy.array(7)])


# --- control flow ----------------------------------------------------------------------------------------------------


def info(name, element, shape):
    return helper.make_tensor_value_info(name, element, shape)


@operator("If")
def branches(version):
    def branch(value):
        node = helper.make_node("Constant", [], ["r"], value=numpy_helper.from_array(numpy.array([value], F32)))
        return helper.make_graph([node], "branch", [], [info("r", 1, [1])])
    for condition in (True, False):
        yield case("If", [scalar(condition, bool)], {"then_branch": branch(1.0), "else_branch": branch(2.0)},
                   want=lambda c: [numpy.array([1 if c else 2], F32)])


@operator("Loop")
def loop(version):
    nodes = [helper.make_node("Add", ["a", "a"], ["b"]), helper.make_node("Identity", ["go"], ["goes"]),
             helper.make_node("Identity", ["b"], ["seen"])]
    body = helper.make_graph(nodes, "body", [info("i", 7, []), info("go", 9, []), info("a", 1, [2])],
                             [info("goes", 9, []), info("b", 1, [2]), info("seen", 1, [2])])
    yield case("Loop", [scalar(3, "int64"), scalar(True, bool), numpy.array([1, 2], F32)], {"body": body}, results=(True, True),
               want=lambda n, c, x: [8 * x, numpy.stack([2 * x, 4 * x, 8 * x])])


@operator("Scan")
def scan(version):
    """The first version has a batch."""
    nodes = [helper.make_node("Add", ["s", "x"], ["t"]), helper.make_node("Identity", ["t"], ["y"])]
    body = helper.make_graph(nodes, "body", [info("s", 1, [2]), info("x", 1, [2])], [info("t", 1, [2]), info("y", 1, [2])])
    x = normal((3, 2), seed=1)
    if version < 9:
        batch, states = numpy.stack([x, 2 * x]), numpy.zeros((2, 2), F32)
        yield case("Scan", [None, states, batch], {"body": body, "num_scan_inputs": 1}, results=(True, True), length=3,
                   want=lambda lengths, s, x: [x.sum(1), x.cumsum(1)])
    else:
        yield case("Scan", [numpy.zeros(2, F32), x], {"body": body, "num_scan_inputs": 1}, results=(True, True), length=3,
                   want=lambda s, x: [x.sum(0), x.cumsum(0)])
