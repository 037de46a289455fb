# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The models of a comparison: the shared corpus, the onnx package's architectures with random weights, and 8-bit twins."""
import dataclasses
import json
import os
from pathlib import Path

import numpy
import onnx
import onnx.version_converter
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parents[2]
#: rtol, atol and span of 8-bit models, whose rounding differs by a step here and there.
QUANTIZED_TOLERANCE = (1e-2, 5e-2, 2e-2)


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
            model.rtol, model.atol, model.span = QUANTIZED_TOLERANCE
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
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    for source in sorted(folder.glob("light_*.onnx")):
        name = f"{source.stem}-random"
        if not wanted(name):
            continue
        path = work / f"{name}.onnx"
        model = with_random_weights(onnx.load(source), seed=0)
        onnx.save(model, path)
        generator = numpy.random.default_rng(1)
        inputs = [generator.uniform(0, 1, [dimension.dim_value for dimension in about.type.tensor_type.shape.dim])
                  .astype(numpy.float32) for about in model.graph.input]
        yield Model(name, path, inputs, run_unoptimized(path, inputs))


def run_unoptimized(path, inputs):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {about.name: array for about, array in zip(session.get_inputs(), inputs)})


#: Models that have a twin `<name>-int8`.
QUANTIZED = ("light_resnet50-random", "bert-toy-12")


def quantized_models(wanted, work):
    """QDQ twins: weights by channel, activations asymmetric, ranges from the float model on its own inputs."""
    from onnxruntime import quantization

    def wants_twin(name):
        return name in QUANTIZED and wanted(f"{name}-int8")

    class OnlyInputs(quantization.CalibrationDataReader):
        def __init__(self, path, inputs):
            graph = onnx.load(path, load_external_data=False).graph
            weights = {tensor.name for tensor in graph.initializer}
            names = [about.name for about in graph.input if about.name not in weights]
            self.feeds = iter([dict(zip(names, inputs))])

        def get_next(self):
            return next(self.feeds, None)

    for model in [*corpus_models(wants_twin), *light_models(wants_twin, work)]:
        path = work / f"{model.name}-int8.onnx"
        # Scales by channel came with opset 13; BatchNormalization belongs into the weights.
        source = work / f"{model.name}-13.onnx"
        onnx.save(onnx.version_converter.convert_version(onnx.load(model.path), 13), source)
        quantization.quant_pre_process(str(source), str(source), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(source), str(path), OnlyInputs(source, model.inputs), quant_format=quantization.QuantFormat.QDQ,
            per_channel=True, activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
        yield Model(f"{model.name}-int8", path, model.inputs, run_unoptimized(path, model.inputs), *QUANTIZED_TOLERANCE)
