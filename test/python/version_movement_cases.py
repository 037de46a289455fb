# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of ai.onnx operators that move elements, at every version of theirs; see version_cases.py."""
import numpy
from onnx import numpy_helper

from contrib_cases import F32, integers, normal, scalar
from version_cases import case, operator


# --- movement --------------------------------------------------------------------------------------------------------


@operator("Concat", "Split", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Tile", "Reshape", "Shape", "Size", "Slice",
          "DepthToSpace", "SpaceToDepth", "ReverseSequence", "Compress", "EyeLike", "ConstantOfShape")
def movement(version, name):
    x = normal((2, 3, 4), seed=1)
    if name == "Concat":
        for axis in (0, 1, 2):
            yield case(name, [x, x, x], {"axis": axis}, want=lambda *p, axis=axis: [numpy.concatenate(p, axis)])
        if version < 4:
            yield case(name, [x, x], want=lambda *p: [numpy.concatenate(p, 1)])
    elif name == "Split":
        sizes = [1, 3]
        if version < 13:
            yield case(name, [x], {"axis": 2, "split": sizes}, want=lambda x: [x[..., :1], x[..., 1:]], results=(True, True))
        else:
            yield case(name, [x, numpy.array(sizes)], {"axis": 2}, want=lambda x, s: [x[..., :1], x[..., 1:]], results=(True, True))
        more = {"num_outputs": 2} if version >= 18 else {}
        yield case(name, [x], {"axis": 2, **more}, want=lambda x: numpy.split(x, 2, 2), results=(True, True))
    elif name == "Flatten":
        for axis in (0, 1, 2, 3) + ((-1,) if version >= 11 else ()):
            yield case(name, [x], {"axis": axis}, want=lambda x, axis=axis: [x.reshape(int(numpy.prod(x.shape[:axis])), -1)])
    elif name == "Transpose":
        yield case(name, [x], want=lambda x: [x.T])
        yield case(name, [x], {"perm": [1, 2, 0]}, want=lambda x: [x.transpose(1, 2, 0)])
    elif name in ("Squeeze", "Unsqueeze"):
        y = x[:, None, :, None]
        operands, result = (y, lambda *_: [x]) if name == "Squeeze" else (x, lambda *_: [y])
        if version < 13:
            yield case(name, [operands], {"axes": [1, 3]}, want=result)
        else:
            yield case(name, [operands, numpy.array([1, 3])], want=result, constants=(1,))
        if name == "Squeeze":
            yield case(name, [y], want=result)
    elif name == "Tile":
        if version < 6:
            yield case(name, [x, numpy.array([3], F32), numpy.array([1], F32)], want=lambda x, *_: [numpy.tile(x, (1, 3, 1))])
        else:
            yield case(name, [x, numpy.array([2, 1, 3])], want=lambda x, *_: [numpy.tile(x, (2, 1, 3))])
    elif name == "Reshape":
        if version < 5:
            yield case(name, [x], {"shape": [0, -1]}, want=lambda x: [x.reshape(2, 12)])
        else:
            yield case(name, [x, numpy.array([0, -1])], want=lambda x, s: [x.reshape(2, 12)])
    elif name == "Shape":
        yield case(name, [x], want=lambda x: [numpy.array(x.shape)])
        if version >= 15:
            yield case(name, [x], {"start": 1, "end": -1}, want=lambda x: [numpy.array(x.shape[1:-1])])
    elif name == "Size":
        yield case(name, [x], want=lambda x: [numpy.array(x.size)])
    elif name == "Slice":
        if version < 10:
            yield case(name, [x], {"starts": [0, 1], "ends": [1, -1], "axes": [0, 2]}, want=lambda x: [x[:1, :, 1:-1]])
            yield case(name, [x], {"starts": [0, 1], "ends": [9, 2]}, want=lambda x: [x[:, 1:2]])
        else:
            yield case(name, [x, *(numpy.array(v) for v in ([0, 3], [1, 0], [0, 2], [1, -2]))], want=lambda x, *_: [x[:1, :, 3:0:-2]])
            yield case(name, [x, numpy.array([0, 1]), numpy.array([9, 2])], want=lambda x, *_: [x[:, 1:2]])
    elif name in ("DepthToSpace", "SpaceToDepth"):
        image = normal((1, 8, 2, 4), seed=2)
        attributes = {"blocksize": 2}
        if name == "DepthToSpace":
            yield case(name, [image], attributes, want=lambda x: [
                x.reshape(1, 2, 2, 2, 2, 4).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 8)])
        else:
            yield case(name, [image], attributes, want=lambda x: [
                x.reshape(1, 8, 1, 2, 2, 2).transpose(0, 3, 5, 1, 2, 4).reshape(1, 32, 1, 2)])
    elif name == "ReverseSequence":
        lengths = numpy.array([1, 3])
        yield case(name, [x, lengths], {"batch_axis": 0, "time_axis": 1}, want=lambda x, lengths: [
            numpy.stack([numpy.concatenate([row[:n][::-1], row[n:]]) for row, n in zip(x, lengths)])])
    elif name == "Compress":
        yield case(name, [x, numpy.array([False, True, True])], {"axis": 1}, want=lambda x, c: [x[:, c]])
        yield case(name, [x, numpy.array([True, False, True])], want=lambda x, c: [x.ravel()[:3][c]])
    elif name == "EyeLike":
        yield case(name, [x[0]], {"k": 1}, want=lambda x: [numpy.eye(3, 4, 1, dtype=F32)])
    elif name == "ConstantOfShape":
        value = numpy_helper.from_array(numpy.array([7], "int32"))
        yield case(name, [numpy.array([2, 3])], {"value": value}, want=lambda s: [numpy.full(s, 7, "int32")])


@operator("Pad")
def pad(version):
    x, pads = normal((2, 3, 4), seed=1), [0, 1, 2, 1, 0, 1]
    widths = [(0, 1), (1, 0), (2, 1)]
    for mode in ("constant", "reflect", "edge") + (("wrap",) if version >= 19 else ()):
        options = {"constant_values": 1.5} if mode == "constant" else {}
        edges = widths if mode != "reflect" else [(0, 1), (1, 0), (2, 1)]
        result = lambda x, *_, mode=mode, options=options, edges=edges: [numpy.pad(x, edges, mode, **options)]
        if version < 11:
            attributes = {"mode": mode, "paddings" if version < 2 else "pads": pads}
            yield case("Pad", [x], {**attributes, **({"value": 1.5} if options else {})}, want=result)
        else:
            yield case("Pad", [x, numpy.array(pads), scalar(1.5) if options else None], {"mode": mode}, want=result)
    if version >= 18:
        yield case("Pad", [x, numpy.array([1, 2]), scalar(0.5), numpy.array([1])],
                   want=lambda x, *_: [numpy.pad(x, [(0, 0), (1, 2), (0, 0)], constant_values=0.5)])


@operator("Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND", "OneHot", "TopK", "Unique",
          "NonZero")
def indexing(version, name):
    x = normal((3, 4), seed=1)
    places = numpy.array([[0, 2], [1, 0], [3, 1]])
    if name == "Gather":
        yield case(name, [x, numpy.array([[2, 0]])], {"axis": 0}, want=lambda x, i: [numpy.take(x, i, 0)])
        yield case(name, [x, numpy.array([3, 1])], {"axis": 1}, want=lambda x, i: [numpy.take(x, i, 1)])
    elif name == "GatherElements":
        yield case(name, [x, places], {"axis": 1}, want=lambda x, i: [numpy.take_along_axis(x, i, 1)])
    elif name == "GatherND":
        yield case(name, [x, numpy.array([[0, 1], [2, 3]])], want=lambda x, i: [x[tuple(i.T)]])
        if version >= 12:
            yield case(name, [normal((2, 3, 4)), numpy.array([[1], [2]])], {"batch_dims": 1},
                       want=lambda x, i: [numpy.stack([row[k[0]] for row, k in zip(x, i)])])
    elif name in ("Scatter", "ScatterElements"):
        def put(x, i, u):
            y = x.copy()
            numpy.put_along_axis(y, i, u, 1)
            return [y]
        yield case(name, [x, places, normal((3, 2), seed=2)], {"axis": 1}, want=put)
        if version >= 16:
            def add(x, i, u):
                y = x.copy()
                numpy.add.at(y, (numpy.arange(3)[:, None], i), u)
                return [y]
            yield case(name, [x, numpy.array([[0, 0], [1, 1], [2, 3]]), normal((3, 2), seed=2)], {"axis": 1, "reduction": "add"}, want=add)
    elif name == "ScatterND":
        def put_rows(x, i, u):
            y = x.copy()
            y[tuple(i.T)] = u
            return [y]
        yield case(name, [x, numpy.array([[2], [0]]), normal((2, 4), seed=2)], want=put_rows)
    elif name == "OneHot":
        yield case(name, [numpy.array([1, 3, 0]), scalar(4, "int64"), numpy.array([-1, 2], F32)],
                   want=lambda i, *_: [numpy.where(numpy.arange(4) == i[:, None], F32.type(2), F32.type(-1))])
        yield case(name, [numpy.array([1, 3]), scalar(4, "int64"), numpy.array([0, 1], F32)], {"axis": 0},
                   want=lambda i, *_: [(numpy.arange(4)[:, None] == i).astype(F32)])
    elif name == "TopK":
        def greatest(x, *_):
            order = numpy.argsort(-x, 1, kind="stable")[:, :2]
            return [numpy.take_along_axis(x, order, 1), order]
        operands, attributes = ([x], {"k": 2, "axis": 1}) if version < 10 else ([x, numpy.array([2])], {"axis": 1})
        yield case(name, operands, attributes, want=greatest, results=(True, True))
    elif name == "Unique":
        values = integers(0, 5, (9,), "int64", 1)
        yield case(name, [values], want=lambda x: list(numpy.unique(x, True, True, True)), results=(True,) * 4)
    else:
        yield case(name, [integers(0, 2, (3, 4), F32, 1)], want=lambda x: [numpy.array(numpy.nonzero(x))])
