# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled models."""
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy

from ._library import native


class TensorInfo(NamedTuple):
    """An input or output of a model."""

    name: str
    dtype: numpy.dtype
    #: Extents: a number, the name of a symbolic dimension, or None for a nameless dynamic one. Equal names have equal
    #: extents in a run. The whole shape is None where even the rank is known only after a run.
    shape: tuple
    #: Whether a run may leave this input out (None, or no entry), so that the model's own value counts.
    has_default: bool = False

    def __str__(self):
        shape = "unknown rank" if self.shape is None else ", ".join("?" if d is None else str(d) for d in self.shape)
        return f"{self.name}: {self.dtype.name}[{shape}]{' = default' if self.has_default else ''}"


class ValueInfo(NamedTuple):
    """An input or output of a model that is no tensor."""

    name: str
    #: Such as "sequence(tensor(float32))": a list of arrays. An optional is None or what it holds, a map is a dict.
    type: str

    def __str__(self):
        return f"{self.name}: {self.type}"


def describe(fields):
    return ValueInfo(*fields) if len(fields) == 2 else TensorInfo(*fields)


class Model(native.Model):
    """A compiled model; made by `tegula.load` and `tegula.compile`. Threads may share one."""

    def __new__(cls, path, threads=None):
        """Loads the compiled model at `path`; a kernel runs on at most `threads` threads (None: every CPU)."""
        if threads is not None and threads < 1:
            raise native.TegulaError(f"expected 1 or more threads, but got {threads}")
        self = super().__new__(cls, os.fsencode(path), threads or 0)
        self.path = Path(path).resolve()
        about = self._about()
        self.name = about["name"]
        self.target = about["target"]
        self.threads = about["threads"]
        self.sidecar = about["sidecar"]
        self.inputs = [describe(info) for info in self._inputs()]
        self.outputs = [describe(info) for info in self._outputs()]
        return self

    def __init__(self, path, threads=None):
        super().__init__()

    def __call__(self, *inputs, **named_inputs):
        """Runs the model on arrays in order or by name; returns the output, or a list of them when there are several."""
        if inputs and named_inputs:
            raise native.TegulaError("expected the inputs either in order or by name, but got both")
        outputs = self.run(named_inputs if named_inputs else inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self):
        inputs = ", ".join(map(str, self.inputs))
        outputs = ", ".join(map(str, self.outputs))
        return f"<tegula.Model '{self.name}' for {self.target}: ({inputs}) -> ({outputs})>"

    @property
    def kernels(self):
        """The kernels: a dict of name, family, schedule, provenance, key and nodes for each."""
        return [kernel | {"nodes": kernel["nodes"].split("\n")} for kernel in self._kernels()]

    @property
    def provenance(self):
        """What made this model: compiler version, options, hashes."""
        return json.loads(self._about()["provenance"])

    def save(self, path):
        """Copies the compiled model to `path`, and its weight file, if it has one, beside it."""
        path = Path(path)
        try:
            if self.sidecar:
                copy_file(self.path.parent / self.sidecar, path.parent / self.sidecar)
            copy_file(self.path, path)
        except OSError as error:
            raise native.TegulaError(f"cannot save '{path}': {error.strerror}") from error


def copy_file(source, destination):
    """Copies so that `destination` is complete or untouched."""
    if destination.exists() and destination.samefile(source):
        return
    handle, temporary = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
    os.close(handle)
    try:
        shutil.copyfile(source, temporary)
        shutil.copymode(source, temporary)
        os.replace(temporary, destination)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path, threads=None):
    """Loads a compiled model. A kernel runs on at most `threads` threads (None: every CPU this process may use)."""
    return Model(path, threads)
