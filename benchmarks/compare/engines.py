# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One class for each engine: __init__(model path, inputs, threads, work folder) makes it ready, run(inputs) gives fresh arrays.

`artifact` is the file that an application would ship, or None where that is the model itself. `compile_seconds` is work
that is done once ahead of deployment; engines that compile when they load have none. Each engine has its best settings:
all optimizations, the latency hint, as many threads as asked for.
"""
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Engine:
    artifact = None
    same_numerics = True  # computes in the precision of the model, as Tegula does by default
    compile_seconds = 0.0
    import_seconds = 0.0  # of the Python package, no part of loading a model
    version = ""


def static_copy(model, inputs, path):
    """The model with the extents of these inputs, at an opset that importers of today know: what AOT compilers do best with."""
    import onnx
    import onnx.version_converter

    proto = onnx.load(model)
    weights = {tensor.name for tensor in proto.graph.initializer}
    data = [about for about in proto.graph.input if about.name not in weights]
    for about, array in zip(data, inputs):
        for dimension, extent in zip(about.type.tensor_type.shape.dim, array.shape):
            dimension.dim_value = extent
    if next(opset.version for opset in proto.opset_import if opset.domain in ("", "ai.onnx")) < 17:
        proto = onnx.version_converter.convert_version(proto, 17)
    onnx.save(onnx.shape_inference.infer_shapes(proto), path)
    return path


def timed(command, **options):
    begin = time.monotonic()
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout.strip()[-400:]}")
    return time.monotonic() - begin


class Tegula(Engine):
    def __init__(self, model, inputs, threads, work):
        self.artifact = work / f"tegula-{os.getpid()}.so"
        command = Path(os.environ.get("TEGULA_BUILD") or ROOT / "build") / "bin" / "tegula"
        # Nobody overrides an initializer here; OpenVINO takes each for a constant anyway.
        self.compile_seconds = timed(
            [command, "compile", model, "-o", self.artifact, f"--threads={threads}", "--freeze-defaults"])
        begin = time.monotonic()
        import tegula

        self.import_seconds = time.monotonic() - begin
        self.model = tegula.load(str(self.artifact), threads=threads)
        self.run = self.model.run


class OnnxRuntime(Engine):
    def __init__(self, model, inputs, threads, work):
        begin = time.monotonic()
        import onnxruntime

        self.import_seconds = time.monotonic() - begin
        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.names = [about.name for about in self.session.get_inputs()]

    def run(self, inputs):
        return self.session.run(None, dict(zip(self.names, inputs)))


class OpenVINO(Engine):
    hints = {"INFERENCE_PRECISION_HINT": "f32"}

    def __init__(self, model, inputs, threads, work):
        begin = time.monotonic()
        import openvino

        self.import_seconds = time.monotonic() - begin
        self.version = openvino.__version__.split("-")[0]
        compiled = openvino.Core().compile_model(
            str(model), "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, **self.hints})
        self.request = compiled.create_infer_request()

    def run(self, inputs):
        results = self.request.infer(inputs, share_inputs=True)
        return [results[number] for number in range(len(results))]


class OpenVINODefault(OpenVINO):
    """In bfloat16 by itself, where the processor has instructions for it."""

    hints = {}
    same_numerics = False


class IREE(Engine):
    def __init__(self, model, inputs, threads, work):
        import importlib.metadata

        self.version = importlib.metadata.version("iree-base-compiler")
        tools = Path(sys.executable).parent
        imported, self.artifact = work / "iree.mlir", work / "iree.vmfb"
        static = static_copy(model, inputs, work / "static.onnx")
        self.compile_seconds = timed([tools / "iree-import-onnx", static, "-o", imported])
        self.compile_seconds += timed(
            [tools / "iree-compile", imported, "-o", self.artifact, "--iree-hal-target-device=local",
             "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3"],
            timeout=600)
        begin = time.monotonic()
        import iree.runtime

        self.import_seconds = time.monotonic() - begin
        if threads > 1:
            iree.runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
        config = iree.runtime.Config("local-sync" if threads == 1 else "local-task")
        module = iree.runtime.load_vm_module(
            iree.runtime.VmModule.mmap(config.vm_instance, str(self.artifact)), config)
        (name,) = [name for name in module.vm_module.function_names if not name.startswith("__") and "$" not in name]
        self.function = module[name]

    def run(self, inputs):
        results = self.function(*inputs)
        return [array.to_host() for array in (results if isinstance(results, (tuple, list)) else [results])]


class TVM(Engine):
    def __init__(self, model, inputs, threads, work):
        os.environ["TVM_NUM_THREADS"] = str(threads)
        begin = time.monotonic()
        import onnx
        import tvm
        from tvm import relax
        from tvm.relax.frontend.onnx import from_onnx

        self.import_seconds = time.monotonic() - begin
        self.version, self.tvm = tvm.__version__, tvm
        begin = time.monotonic()
        module = from_onnx(onnx.load(static_copy(model, inputs, work / "static.onnx")), keep_params_in_input=False)
        with tvm.transform.PassContext(opt_level=3):
            executable = relax.build(module, target=tvm.target.Target("llvm"))
        self.artifact = work / "tvm.so"
        executable.export_library(str(self.artifact))
        self.compile_seconds = time.monotonic() - begin
        self.machine = relax.VirtualMachine(tvm.runtime.load_module(str(self.artifact)), tvm.cpu())

    def run(self, inputs):
        results = self.machine["main"](*[self.tvm.runtime.tensor(array) for array in inputs])
        return [array.numpy() for array in (results if not hasattr(results, "numpy") else [results])]


ENGINES = {
    "tegula": Tegula,
    "onnxruntime": OnnxRuntime,
    "openvino-f32": OpenVINO,
    "openvino": OpenVINODefault,
    "iree": IREE,
    "tvm": TVM,
}
#: Those that a runtime's user would pick instead, at the same numerics.
RIVALS = ("onnxruntime", "openvino-f32")


def make(name, model, inputs, threads, work):
    work = work / name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    return ENGINES[name](model, inputs, threads, work)
