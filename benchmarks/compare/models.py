# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models of a comparison: the shared corpus, and the onnx package's architectures with random weights."""
import dataclasses
import json
import os
from pathlib import Path

import numpy
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Model:
    name: str
    path: Path
    inputs: list  # arrays, in the order of the graph inputs that are not initializers
    expected: list  # arrays, in the order of the graph outputs
    rtol: float = 1e-3
    atol: float = 1e-4
    span: float = 1e-3  # atol grows to span * max|expected|

    def error_of(self, outputs, same_numerics):
        """Why the outputs are wrong, or None. Shape and type must be equal; integers too where the numerics are the same,
        and floats within the tolerance; else the relative error must be below five percent."""
        if len(outputs) != len(self.expected):
            return f"{len(outputs)} outputs instead of {len(self.expected)}"
        for number, (got, want) in enumerate(zip(outputs, self.expected)):
            if got.shape != want.shape or got.dtype != want.dtype:
                return f"output {number} is {got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
            if not same_numerics:
                continue
            if not numpy.issubdtype(want.dtype, numpy.floating):
                if not numpy.array_equal(got, want):
                    return f"output {number} differs"
                continue
            got, want = got.astype(numpy.float64), want.astype(numpy.float64)
            atol = max(self.atol, self.span * numpy.max(numpy.abs(want), initial=0))
            wrong = ~numpy.isclose(got, want, rtol=self.rtol, atol=atol, equal_nan=True)
            if wrong.any():
                return f"output {number} has {int(wrong.sum())} wrong elements of {wrong.size}"
        if not same_numerics and self.relative_error_of(outputs) > 0.05:
            return f"the relative error is {self.relative_error_of(outputs):.2g}"
        return None

    def relative_error_of(self, outputs):
        """The largest relative L2 error of the floating outputs."""
        errors = [0.0]
        for got, want in zip(outputs, self.expected):
            if numpy.issubdtype(want.dtype, numpy.floating) and want.size:
                want = want.astype(numpy.float64)
                errors.append(float(numpy.linalg.norm(got - want) / max(numpy.linalg.norm(want), 1e-30)))
        return max(errors)


def read_tensor(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def read_numbered(folder, stem):
    return [read_tensor(folder / f"{stem}_{k}.pb") for k in range(len(list(folder.glob(f"{stem}_*.pb"))))]


def corpus_models(wanted):
    """Nothing where the corpus is absent. Models of sequences, maps or strings are no models of arrays: left out."""
    folder = Path(os.environ.get("TEGULA_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not (folder / "manifest.json").is_file():
        return
    for entry in json.loads((folder / "manifest.json").read_text())["models"]:
        if not wanted(entry["name"]) or {"SEQUENCE", "MAP", "STRING"} & set(entry["dtypes"]):
            continue
        path = folder / "models" / entry["name"]
        data = path / "test_data_set_0"
        model = Model(entry["name"], path / "model.onnx", read_numbered(data, "input"), read_numbered(data, "output"))
        if "FLOAT16" in entry["dtypes"]:
            model.rtol = model.atol = 1e-2
        if entry["category"] == "quantized":
            model.rtol, model.atol, model.span = 1e-2, 5e-2, 2e-2
        yield model


def random_weight(generator, shape, use):
    """Values that keep a deep network's activations at the size of one. `use` is (operator, operand number)."""
    operator, operand = use
    if operator in ("Conv", "Gemm") and operand == 1:
        fan_in = numpy.prod(shape[1:]) if operator == "Conv" else shape[1]
        return generator.normal(0, (2 / fan_in) ** 0.5, shape)
    if (operator == "BatchNormalization" and operand in (1, 4)) or operator == "Mul":
        return generator.uniform(0.5, 1.5, shape)
    return generator.normal(0, 0.1, shape)


def with_random_weights(model, seed):
    """Replaces each ConstantOfShape of a constant shape, in place."""
    generator = numpy.random.default_rng(seed)
    graph = model.graph
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    uses = {}
    for node in reversed(graph.node):
        for operand, name in enumerate(node.input):
            # What only changes the shape passes its own use on.
            through = node.op_type in ("Unsqueeze", "Reshape") and operand == 0
            uses[name] = uses.get(node.output[0], ("", 0)) if through else (node.op_type, operand)
    kept = []
    for node in graph.node:
        if node.op_type != "ConstantOfShape" or node.input[0] not in shapes:
            kept.append(node)
            continue
        shape = tuple(int(extent) for extent in shapes[node.input[0]])
        values = random_weight(generator, shape, uses.get(node.output[0], ("", 0))).astype(numpy.float32)
        graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)
    model.ir_version = 8  # initializers need not be inputs
    used = {name for node in kept for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    names = {tensor.name for tensor in weights}
    data = [about for about in graph.input if about.name in used - names]
    for container, entries in (graph.initializer, weights), (graph.input, data):
        del container[:]
        container.extend(entries)
    return model


def light_models(wanted, work):
    """The architectures of the onnx package with random weights; what is right, ONNX Runtime without optimization says."""
    import onnxruntime

    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    for source in sorted(folder.glob("light_*.onnx")):
        name = f"{source.stem}-random"
        if not wanted(name):
            continue
        path = work / f"{name}.onnx"
        model = with_random_weights(onnx.load(source), seed=0)
        onnx.save(model, path)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        generator = numpy.random.default_rng(1)
        inputs = [generator.uniform(0, 1, about.shape).astype(numpy.float32) for about in session.get_inputs()]
        feeds = {about.name: array for about, array in zip(session.get_inputs(), inputs)}
        yield Model(name, path, inputs, session.run(None, feeds))
