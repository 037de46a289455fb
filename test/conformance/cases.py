# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The cases of the conformance suites, from the shared corpus and from the installed onnx package.

backend    ONNX's official tests: node, simple, pytorch-converted, pytorch-operator
light      nine real architectures whose weights are ConstantOfShape nodes (in the onnx package, always there)
models     real public models with weights
malformed  broken, hostile or odd files with the verdict that each deserves
"""
import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITES = ("backend", "light", "models", "malformed")
#: What runs as library code in the runtime; everything else is compiled.
HOST_OPERATORS = {"SequenceConstruct", "SequenceEmpty", "SequenceAt", "SequenceInsert", "SequenceErase", "SequenceLength",
                  "SplitToSequence", "ConcatFromSequence", "SequenceMap", "StringConcat", "StringSplit",
                  "StringNormalizer", "RegexFullMatch", "ZipMap", "DictVectorizer", "CastMap", "LabelEncoder",
                  "CategoryMapper", "TfIdfVectorizer", "ImageDecoder", "NonMaxSuppression"}
BACKEND_GROUPS = ("node", "simple", "pytorch-converted", "pytorch-operator")


class CorpusAbsent(Exception):
    """The suite needs the shared corpus, and it is not there."""


@dataclasses.dataclass
class Case:
    name: str
    model: Path
    data: list  # folders with input_k.pb and output_k.pb
    rtol: float = 1e-3
    atol: float = 1e-7
    span: float = 0.0  # atol grows to span * max|expected| of the output
    limit: float = 20.0  # seconds per command
    expect: str = "pass"  # or a verdict of malformed/index.json
    vector_share: float = 0.0  # at least this part of the operations on floats must run in vectors
    folds: bool = False  # everything is constant, so no kernel may run but behind a host operation

    def may_use_host(self):
        """Whether an operator of the closed list of host operations is in the model, or a value that only they make."""
        import onnx

        def values(graph):
            yield from graph.input
            yield from graph.output
            for node in graph.node:
                for attribute in node.attribute:
                    yield from values(attribute.g)

        def operators(graph):
            for node in graph.node:
                yield node.op_type
                for attribute in node.attribute:
                    yield from operators(attribute.g)

        graph = onnx.load(self.model).graph
        return (any(operator in HOST_OPERATORS for operator in operators(graph))
                or any(value.type.WhichOneof("value") != "tensor_type"
                       or value.type.tensor_type.elem_type == onnx.TensorProto.STRING for value in values(graph))
                or any(tensor.data_type == onnx.TensorProto.STRING for tensor in graph.initializer))

    def commands(self, tegula, only_check=False):
        """(arguments, allowed exit codes) of every command that this case consists of."""
        tegula = list(tegula)
        if only_check and self.expect == "pass":
            return [(tegula + ["check", str(self.model)], {0})]
        if self.expect != "pass":
            allowed = {"accept": {0}, "load-only": {0}, "reject": {1}, "either": {0, 1}, "load-then-error": {0, 1}}
            commands = [(tegula + ["check", str(self.model)], allowed[self.expect])]
            if self.expect == "load-then-error":
                commands.append((tegula + ["run", str(self.model)], {1}))
            return commands
        tolerances = [f"--rtol={self.rtol:g}", f"--atol={self.atol:g}"]
        if self.span:
            tolerances.append(f"--span={self.span:g}")
        runs = [(tegula + ["run", str(self.model), "--data", str(folder), *tolerances, "--json"], {0})
                for folder in self.data]
        if self.vector_share:
            runs.append((runs[0][0] + ["--count-operations"], {0}))  # other code, so beside the run that users make
        return runs


def corpus_folder():
    """The shared corpus: $TEGULA_CORPUS, else ../shared/corpus beside the repository."""
    folder = Path(os.environ.get("TEGULA_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not (folder / "manifest.json").is_file():
        raise CorpusAbsent(f"no corpus in {folder}")
    return folder


def data_sets(folder):
    return sorted(path for path in folder.glob("*test_data_set_*") if path.is_dir())


def unpack(archive, folder):
    """Unpacks an archive into `folder` unless this very archive is already there."""
    stat = archive.stat()
    stamp, content = folder / ".unpacked", f"{archive.name} {stat.st_size} {int(stat.st_mtime)}\n"
    if stamp.is_file() and stamp.read_text() == content:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # GNU tar refuses members outside the folder; tarfile's filter for that is younger than Debian 12's Python.
    subprocess.run(["tar", "--no-same-owner", "-xf", str(archive), "-C", str(folder)], check=True)
    stamp.write_text(content)


def backend_cases(cache):
    folder = cache / "onnx-backend"
    unpack(corpus_folder() / "onnx-backend.tar.xz", folder)
    folder = folder / "onnx-backend"
    tolerances = json.loads((folder / "tolerances.json").read_text())
    for group in BACKEND_GROUPS:
        for test in sorted((folder / group).iterdir()):
            rtol, atol = tolerances["cases"].get(test.name, tolerances["default"])
            yield Case(f"{group}/{test.name}", test / "model.onnx", data_sets(test), rtol, atol)


def light_cases(cache):
    """The package has models and outputs; the input is arange(n) / n."""
    import numpy
    import onnx
    from onnx import numpy_helper

    source = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for description in sorted((source / "real").glob("*/data.json")):
        described = json.loads(description.read_text())
        model = source / "light" / Path(described["url"]).name
        name = model.stem
        folder = cache / "light" / name
        if not (folder / "model.onnx").is_file():
            data = folder / "test_data_set_0"
            data.mkdir(parents=True, exist_ok=True)
            graph = onnx.load(model).graph
            constants = {tensor.name for tensor in graph.initializer}
            [graph_input] = [value for value in graph.input if value.name not in constants]
            shape = [dim.dim_value for dim in graph_input.type.tensor_type.shape.dim]
            size = int(numpy.prod(shape))
            array = (numpy.arange(size).astype(numpy.float32) / numpy.float32(size)).reshape(shape)
            (data / "input_0.pb").write_bytes(numpy_helper.from_array(array, graph_input.name).SerializeToString())
            shutil.copyfile(model.with_name(f"{name}_output_0.pb"), data / "output_0.pb")
            shutil.copyfile(model, folder / "model.onnx.partial")
            os.replace(folder / "model.onnx.partial", folder / "model.onnx")
        yield Case(name, folder / "model.onnx", data_sets(folder), described["rtol"], described["atol"], limit=180)


def model_cases(cache):
    del cache  # the models are used where they lie
    corpus = corpus_folder()
    for model in json.loads((corpus / "manifest.json").read_text())["models"]:
        folder = corpus / "models" / model["name"]
        rtol, atol, span = 1e-3, 1e-4, 1e-3
        if model["category"] == "quantized":
            rtol, atol, span = 1e-2, 5e-2, 2e-2
        elif "FLOAT16" in model["dtypes"]:
            rtol, atol = 1e-2, 1e-2
        yield Case(model["name"], folder / "model.onnx", data_sets(folder), rtol, atol, span, limit=180,
                   vector_share=0.95)


def malformed_cases(cache):
    source, folder = corpus_folder() / "malformed", cache / "malformed"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    folder.chmod(0o755)
    # The archive cannot carry this one: a link that leads out of the model's folder.
    outside = cache / "outside.bin"
    outside.write_bytes(bytes(4096))
    link = folder / "ext_symlink.bin"
    link.symlink_to(outside)
    for entry in json.loads((source / "index.json").read_text()):
        yield Case(entry["file"], folder / entry["file"], [], expect=entry["expect"], limit=30)


def cases_of(suite, cache):
    makers = {"backend": backend_cases, "light": light_cases, "models": model_cases, "malformed": malformed_cases}
    Path(cache).mkdir(parents=True, exist_ok=True)
    return list(makers[suite](Path(cache)))
