# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile ONNX models to native libraries, and run them.

    import tegula

    model = tegula.compile("model.onnx")            # or tegula.load("model.so")
    outputs = model.run({"x": array})               # or model.run([array]), or model(array)
    model.save("model.so")

Everything that goes wrong is a `tegula.TegulaError` whose message says what and where.
"""
from ._library import native as _native
from ._model import Model, TensorInfo, ValueInfo, load
from ._compile import compile  # noqa: A004  the name of the job

TegulaError = _native.TegulaError
__version__ = _native.version
__all__ = ["Model", "TegulaError", "TensorInfo", "ValueInfo", "compile", "load"]
