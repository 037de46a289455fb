# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compilation, through the C API of the compiler."""
import os
import tempfile
import warnings
import weakref

from ._library import compiler_library, native
from ._model import Model

_TEXT_OPTIONS = ("database", "lock_file", "external_data_root")


def compile(model, target="host", threads=1, precision="f32", *, dimensions=None, freeze_defaults=False, **options):
    """Compiles a model and loads the result.

    model: path of an ONNX file, the bytes of one, or an onnx.ModelProto.
    target: "host", "x86-64-v2" to "x86-64-v4", the name of a processor, "nvptx:sm_90", ...; several processors with
        commas between make a library that takes the best of them when it loads.
    threads: schedules are chosen for, and the model runs on, this many threads.
    precision: "f32" computes as the model says; "f32-strict" leaves out algorithms less exact than the plain ones
        (convolutions in the Winograd domain); "bf16" lets convolutions and matrix products with much arithmetic read
        bf16 and sum in f32.
    dimensions: {name: extent} makes symbolic dimensions static.
    freeze_defaults: initializers that are inputs too become constants. Else, from IR version 4 on, they are inputs that
        a run may leave out or override, and nothing is folded or packed from them.
    options: `lock_file` (schedules under version control), `database` (a tuning database; its best schedules are used
        where the lock file has none) and `external_data_root` (a folder below which links of external data may lead).
    """
    unknown = sorted(set(options) - set(_TEXT_OPTIONS))
    if unknown:
        raise TypeError(f"compile() got an unexpected keyword argument '{unknown[0]}'")
    arguments = {name: os.fsencode(value) for name, value in options.items() if value is not None}
    if isinstance(model, (bytes, bytearray, memoryview)):
        arguments["model_data"] = bytes(model)
    elif hasattr(model, "SerializeToString"):
        try:
            arguments["model_data"] = model.SerializeToString()
        except Exception as error:  # protobuf's own types: DecodeError, EncodeError, ValueError above 2 GiB
            raise native.TegulaError(f"cannot serialize the model: {error}") from error
    elif isinstance(model, (str, os.PathLike)):
        arguments["model_path"] = os.fsencode(model)
    else:
        raise native.TegulaError(f"expected a path, bytes or a ModelProto, but got {type(model).__name__}")
    arguments |= {
        "target": os.fsencode(target),
        "precision": os.fsencode(precision),
        "threads": threads,
        "freeze_defaults": int(bool(freeze_defaults)),
        "dimensions": [os.fsencode(f"{name}={extent}") for name, extent in (dimensions or {}).items()],
    }
    library = os.fsencode(compiler_library())
    folder = tempfile.TemporaryDirectory(prefix="tegula-")
    with _CleanUnlessKept(folder) as guard:
        output = os.path.join(folder.name, _stem(model) + ".so")
        remarks = native.compile(library, arguments | {"output_path": os.fsencode(output)})
        for line in remarks.splitlines():
            if "warning:" in line:
                warnings.warn(line, stacklevel=2)
        compiled = Model(output, threads)
        # `save` copies the file, so it stays as long as the model.
        weakref.finalize(compiled, folder.cleanup)
        guard.keep()
    return compiled


def _stem(model):
    """Name of the compiled file, which also names a weight file beside it."""
    if isinstance(model, (str, os.PathLike)):
        name = os.path.splitext(os.path.basename(os.fspath(model)))[0]
        name = name.decode(errors="replace") if isinstance(name, bytes) else name
        return name or "model"
    return "model"


class _CleanUnlessKept:
    """Removes a temporary folder when an exception leaves the block."""

    def __init__(self, folder):
        self.folder = folder
        self.kept = False

    def keep(self):
        self.kept = True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if not self.kept:
            self.folder.cleanup()
