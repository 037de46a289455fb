# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Code for AArch64, with and without its dot product, run by an emulator: programs that read one input and write all
outputs."""
import os
import shutil
import subprocess
from pathlib import Path

import numpy
import onnx
import pytest
import tegula
from onnx import TensorProto, helper, numpy_helper

TOOL = Path(os.environ.get("TEGULA_BUILD", Path(__file__).parents[2] / "build")) / "bin" / "tegula"
LIBRARIES = "/usr/aarch64-linux-gnu"
RANDOM = numpy.random.default_rng(7)
ROWS, DEPTH = 7, 95
SHAPE = (1, 8, 11, 13)

PROGRAM = """
#include "net.h"
#include <stdio.h>
int main(void) {
  static unsigned char x[1144];
  int64_t shape[] = {1, 8, 11, 13};
  tegula_tensor input = {x, 2, 4, shape}, outputs[OUTPUTS] = {{0}};
  tegula_instance *instance;
  if (fread(x, 1, sizeof x, stdin) != sizeof x || net_create(0, &instance) ||
      net_run(instance, &input, 1, outputs, OUTPUTS)) {
    fputs(net_last_error(), stderr);
    return 1;
  }
  for (int i = 0; i < OUTPUTS; ++i) {
    size_t size = 4;
    for (int k = 0; k < outputs[i].rank; ++k)
      size *= outputs[i].shape[k];
    fwrite(outputs[i].data, 1, size, stdout);
  }
  net_release(instance);
  return 0;
}
"""


def integers(type, *shape):
    about = numpy.iinfo(type)
    return RANDOM.integers(about.min, about.max, shape, type, endpoint=True)


def make_network():
    """Products of bytes of each signedness and with zero points of all kinds, an integer convolution, floats, and
    attention."""
    arrays = {"to_rows": numpy.int64([-1, DEPTH]), "few": numpy.int64([ROWS * DEPTH]), "flat": numpy.int64([-1]),
              "zero": numpy.int64([0]), "kernel": integers(numpy.int8, 24, 8, 3, 3), "x_zero": numpy.uint8(10),
              "small": numpy.float32(1e-3), "dense": RANDOM.standard_normal((DEPTH, 33), numpy.float32),
              "filter": RANDOM.standard_normal((16, 8, 3, 3), numpy.float32)}
    nodes = [
        helper.make_node("Reshape", ["x", "flat"], ["line"]),
        helper.make_node("Slice", ["line", "zero", "few"], ["start"]),
        helper.make_node("Reshape", ["start", "to_rows"], ["rows"]),
        helper.make_node("ConvInteger", ["x", "kernel", "x_zero"], ["convolved"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["float", "filter"], ["filtered"]),
        helper.make_node("Cast", ["rows"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["floats", "dense"], ["dense_out"]),
        helper.make_node("Mul", ["floats", "small"], ["queries"]),
        helper.make_node("Transpose", ["floats"], ["keys"], perm=[1, 0]),
        helper.make_node("MatMul", ["queries", "keys"], ["scores"]),
        helper.make_node("Mul", ["scores", "small"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "floats"], ["attended"]),
    ]
    floats = ["filtered", "dense_out", "attended"]
    outputs, products = ["convolved", *floats], {}
    for left in (numpy.uint8, numpy.int8):
        for right in (numpy.uint8, numpy.int8):
            for zeros in ((0, 0), (3, 0), (0, 5), (128, 0), (128, 128), (7, 9)):
                name = f"{left.__name__}_{right.__name__}_{zeros[0]}_{zeros[1]}"
                fits = [zero <= numpy.iinfo(type).max for zero, type in zip(zeros, (left, right))]
                if not all(fits):
                    continue
                weight = integers(right, DEPTH, 33)
                arrays |= {f"w_{name}": weight, f"l_{name}": left(zeros[0]), f"r_{name}": right(zeros[1])}
                rows = "rows"
                if left == numpy.int8:
                    rows = f"signed_{name}"
                    nodes.append(helper.make_node("Cast", ["rows"], [rows], to=TensorProto.INT8))
                nodes.append(helper.make_node("MatMulInteger", [rows, f"w_{name}", f"l_{name}", f"r_{name}"], [name]))
                outputs.append(name)
                products[name] = (left, weight.astype(numpy.int64) - zeros[1], zeros[0])
    value = helper.make_tensor_value_info
    graph = helper.make_graph(nodes, "network", [value("x", TensorProto.UINT8, SHAPE)],
                              [value(name, 1 if name in floats else 6, None) for name in outputs],
                              [numpy_helper.from_array(numpy.asarray(array), name) for name, array in arrays.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), outputs, products


@pytest.fixture(scope="module")
def network():
    return make_network()


def build(model, outputs, target, folder):
    compiler = shutil.which("clang-22")
    assert compiler and Path(LIBRARIES).is_dir(), "scripts/setup installs clang and the C library for AArch64"
    onnx.save(model, folder / "net.onnx")
    (folder / "main.c").write_text(PROGRAM)
    objects = [folder / "net.o", folder / "net.o.constants.o", folder / "net.o.runtime.a"]
    subprocess.run([TOOL, "compile", folder / "net.onnx", f"--target={target}", "--emit=obj", "-o", objects[0]],
                   check=True)
    subprocess.run([compiler, "--target=aarch64-linux-gnu", "-fuse-ld=lld", f"-DOUTPUTS={outputs}", f"-I{folder}",
                    folder / "main.c", *objects, "-o", folder / "main", "-pthread", "-lm"], check=True)
    return folder / "main"


def run(program, cpu, x):
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    assert emulator, "scripts/setup installs it (package qemu-user)"
    return subprocess.run([emulator, "-cpu", cpu, "-L", LIBRARIES, program], input=x.tobytes(), capture_output=True,
                          timeout=300)


@pytest.mark.parametrize("target, cpu", [("aarch64", "cortex-a53"), ("cortex-a72", "cortex-a72"),
                                         ("neoverse-n1", "neoverse-n1")])
def test_values(network, target, cpu, tmp_path):
    model, outputs, products = network
    x = integers(numpy.uint8, *SHAPE)
    wanted = tegula.compile(model)(x)
    result = run(build(model, len(outputs), target, tmp_path), cpu, x)
    assert result.returncode == 0, result.stderr
    at = 0
    for name, want in zip(outputs, wanted, strict=True):
        got = numpy.frombuffer(result.stdout, want.dtype, want.size, at).reshape(want.shape)
        at += want.nbytes
        if name in products:
            left, right, zero = products[name]
            rows = x.reshape(-1)[:ROWS * DEPTH].reshape(ROWS, DEPTH).astype(left).astype(numpy.int64)
            numpy.testing.assert_array_equal(got, (rows - zero) @ right, name)
        if want.dtype == numpy.int32:
            numpy.testing.assert_array_equal(got, want, name)
        else:
            numpy.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * abs(want).max(), err_msg=name)
    assert at == len(result.stdout)


def test_older_processor_is_refused(network, tmp_path):
    """Before any instruction that it lacks."""
    model, outputs, _ = network
    result = run(build(model, len(outputs), "neoverse-n1", tmp_path), "cortex-a72", integers(numpy.uint8, *SHAPE))
    assert result.returncode == 1 and "this processor lacks: " in result.stderr.decode(), result
    assert "dotprod" in result.stderr.decode()
