# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The forms in which an official test is run, beside the one that is given.

constant   tensor inputs are initializers, so that the compiler computes what it can
dynamic    every dimension of a tensor input, and of what is declared inside, is symbolic; operands that are shapes, axes
           and counts keep their length, since it says the rank of another tensor
unranked   the tests with such operands: their length is symbolic, too, so that ranks follow from the data
"""
import dataclasses
import os
import shutil
from pathlib import Path

#: Operands whose length is the rank of another operand or of a result, the number of outputs, or one by definition.
LENGTHS = {
    "AffineGrid": {1}, "CenterCropPad": {1}, "Col2Im": {1, 2}, "ConstantOfShape": {0}, "Expand": {1},
    "MaxUnpool": {2}, "NonMaxSuppression": {2, 3, 4}, "OneHot": {1, 2}, "Pad": {1, 2, 3}, "Reshape": {1},
    "Resize": {1, 2, 3}, "SequenceInsert": {2}, "Slice": {1, 2, 3, 4}, "Split": {1}, "SplitToSequence": {1},
    "Squeeze": {1}, "Tile": {1, 2}, "TopK": {1}, "Unsqueeze": {1}, "Upsample": {1},
    **{f"Reduce{kind}": {1} for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum",
                                         "SumSquare")},
}


def graphs(graph):
    """The graph and those inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from graphs(inner)


def lengths_of(model):
    """Names of the values that are lengths somewhere in the model."""
    return {name for graph in graphs(model.graph) for node in graph.node
            for index, name in enumerate(node.input) if index in LENGTHS.get(node.op_type, ())}


def tensor_types(kind):
    """The tensor types in a type: itself, or those that a sequence, optional or map holds."""
    which = kind.WhichOneof("value")
    if which == "tensor_type":
        yield kind.tensor_type
    elif which in ("sequence_type", "optional_type"):
        yield from tensor_types(getattr(kind, which).elem_type)
    elif which == "map_type":
        yield from tensor_types(kind.map_type.value_type)


def written(folder, model, files):
    """The model's file in `folder`, written with its data files {name: source} unless it is there."""
    import onnx

    if not (folder / "model.onnx").is_file():
        data = folder / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            shutil.copyfile(source, data / name)
        onnx.save(model, folder / "model.onnx.partial")
        os.replace(folder / "model.onnx.partial", folder / "model.onnx")
    return folder / "model.onnx"


def constant_form(case, cache):
    """The case with its tensor inputs as initializers; None when no input is a tensor. Of several data sets the first is
    taken."""
    import onnx

    source = case.data[0]
    model = onnx.load(case.model)
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    kept = []
    for index, value in enumerate(inputs):
        file = source / f"input_{index}.pb"
        if value.type.HasField("tensor_type") and file.is_file():
            tensor = onnx.TensorProto.FromString(file.read_bytes())
            tensor.name = value.name
            model.graph.initializer.append(tensor)
        else:
            kept.append((file, value))
    if len(kept) == len(inputs):
        return None
    model.ir_version = max(model.ir_version, 4)  # since then an initializer need not be an input
    del model.graph.input[:]
    model.graph.input.extend(value for _, value in kept)
    files = {f"input_{index}.pb": file for index, (file, _) in enumerate(kept)}
    files.update({file.name: file for file in source.glob("output_*.pb")})
    folder = Path(cache) / "constant" / case.name
    path = written(folder, model, files)
    return dataclasses.replace(case, model=path, data=[folder / "test_data_set_0"], folds=not kept)


def dynamic_form(case, cache, form="dynamic"):
    """The case with every dimension of its tensor inputs symbolic; None when there is none to change. In the form
    `unranked`, None when there is no length."""
    import onnx

    model = onnx.load(case.model)
    lengths = lengths_of(model)
    if "_expanded" in case.name:  # the body of a function does not say what it takes for a length
        twin = case.model.parent.with_name(case.model.parent.name.split("_expanded")[0]) / "model.onnx"
        if twin.is_file():
            lengths |= lengths_of(onnx.load(twin))
    known = {tensor.name for tensor in model.graph.initializer}
    changed = False
    for value in model.graph.input:
        for tensor in tensor_types(value.type):
            is_length = value.name in lengths and len(tensor.shape.dim) == 1
            if value.name in known or (is_length and form == "dynamic"):
                continue
            for axis, dim in enumerate(tensor.shape.dim):
                dim.dim_param = f"{value.name}_{axis}"
                changed |= is_length or form == "dynamic"
    if not changed:
        return None
    for graph in graphs(model.graph):
        inner = [] if graph is model.graph else graph.input
        for value in [*graph.output, *graph.value_info, *inner]:
            for tensor in tensor_types(value.type):
                for dim in tensor.shape.dim:
                    dim.Clear()
    return dataclasses.replace(case, model=written(Path(cache) / form / case.name, model, {}))


def unranked_form(case, cache):
    return dynamic_form(case, cache, "unranked")


FORMS = {"constant": constant_form, "dynamic": dynamic_form, "unranked": unranked_form}
