# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Artifacts for several levels of x86-64: which level runs, that each computes the same, and what they share.

Which levels really ran, pytest says: `-rs` lists those that this processor lacks."""
import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy
import onnx
import pytest
import tegula
from onnx import helper

if platform.machine() != "x86_64":
    pytest.skip("levels of x86-64 need such a processor", allow_module_level=True)

# A feature of each level that the one before does not have, as /proc/cpuinfo spells it.
LEVELS = {"x86-64-v2": "sse4_2", "x86-64-v3": "avx2", "x86-64-v4": "avx512vl", "sapphirerapids": "amx_tile"}
FLAGS = set(next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split())
SERVED = [level for level, flag in LEVELS.items() if flag in FLAGS]
RANDOM = numpy.random.default_rng(3)


def random(*shape):
    return RANDOM.standard_normal(shape, numpy.float32)


def make_network():
    """Convolutions that are blocked, direct and not, an 8-bit one, and a matrix product: what levels do differently."""
    integers = RANDOM.integers(-128, 127, (48, 64, 3, 3), dtype=numpy.int8, endpoint=True)
    arrays = {"stem": random(32, 3, 3, 3) / 5, "wide": random(64, 32, 3, 3) / 17, "point": random(40, 32, 1, 1) / 6,
              "bytes": integers, "dense": random(48, 24) / 7, "scale": numpy.float32(0.05), "zero": numpy.uint8(10)}
    nodes = [
        helper.make_node("Conv", ["x", "stem"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "point"], ["aside"]),
        helper.make_node("Conv", ["b", "wide"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("QuantizeLinear", ["d", "scale", "zero"], ["q"]),
        helper.make_node("ConvInteger", ["q", "bytes", "zero"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["e"], to=onnx.TensorProto.FLOAT),
        helper.make_node("GlobalAveragePool", ["e"], ["f"]),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("MatMul", ["g", "dense"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "network", [value("x", 1, ["n", 3, 20, 20])], [value("y", 1, None), value("aside", 1, None)],
        [onnx.numpy_helper.from_array(numpy.asarray(array), name) for name, array in arrays.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


@pytest.fixture(scope="module")
def network():
    return make_network()


@pytest.fixture(scope="module")
def artifact(network):
    return tegula.compile(network, target=",".join(LEVELS))


def inspect(model, tool=Path(os.environ.get("TEGULA_BUILD", Path(__file__).parents[2] / "build")) / "bin" / "tegula"):
    return subprocess.run([tool, "inspect", model.path], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("level", LEVELS)
def test_each_level(network, artifact, level, monkeypatch):
    monkeypatch.setenv("TEGULA_LEVEL", level)
    if level not in SERVED:
        with pytest.raises(tegula.TegulaError, match=f"this processor lacks: for {level} .*; compile it with a lower"):
            tegula.load(artifact.path)
        pytest.skip(f"this processor lacks {LEVELS[level]}; the level was refused, as it should be")
    model = tegula.load(artifact.path)
    assert model.target == level
    x = random(2, 3, 20, 20)
    wanted = tegula.compile(network, target="x86-64-v2")(x)
    for ours, theirs in zip(model(x), wanted, strict=True):
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * abs(theirs).max())


def test_best_level_that_there_is(artifact):
    assert artifact.target == SERVED[-1]
    assert artifact.provenance["target"] == ",".join(LEVELS)
    listed = [line for line in inspect(artifact).splitlines() if line.startswith("level: ")]
    assert listed == [f"level: {level}" + (" (runs here)" if level == SERVED[-1] else "") for level in reversed(LEVELS)]


def test_no_level_that_there_is(network):
    missing = [level for level in LEVELS if level not in SERVED]
    if not missing:
        pytest.skip("this processor has every level")
    with pytest.raises(tegula.TegulaError, match=f"for {missing[-1]} .*; compile it with a lower --target"):
        tegula.compile(network, target=",".join([missing[-1], "graniterapids"]))


def test_one_copy_of_weights():
    """One layout for all levels, even where some multiply four bytes in one instruction."""
    def size(weight, x, target):
        nodes = [helper.make_node("Conv" if weight.dtype == numpy.float32 else "ConvInteger", ["x", "w"], ["y"])]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(nodes, "heavy", [value("x", x, [1, 256, 14, 14])],
                                  [value("y", 1 if x == 1 else 6, None)], [onnx.numpy_helper.from_array(weight, "w")])
        model = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), target=target)
        return model.path.stat().st_size

    floats = random(512, 256, 3, 3)
    one = size(floats, 1, "x86-64-v2")
    several = size(floats, 1, "x86-64-v2,x86-64-v3,x86-64-v4")
    assert one > floats.nbytes
    assert several < 1.1 * one
    integers = RANDOM.integers(-128, 127, (512, 256, 3, 3), dtype=numpy.int8)
    several = size(integers, 3, "x86-64-v3,x86-64-v4,sapphirerapids,x86-64-v2")
    assert several < 1.5 * integers.nbytes  # a copy in 16-bit values would be twice as large


@pytest.mark.parametrize("target, message", [
    ("x86-64-v2,aarch64", "expected levels of one kind of CPU"),
    ("x86-64-v2,nvptx:sm_80", "expected levels of one kind of CPU"),
    ("x86-64-v2,reference", "expected levels of one kind of CPU"),
    ("x86-64-v2,x86-64-v3,x86-64-v2", "expected different levels, but got 'x86-64-v2' twice"),
    ("x86-64-v2,", "expected a target such as"),
])
def test_wrong_lists(network, target, message):
    with pytest.raises(tegula.TegulaError, match=message):
        tegula.compile(network, target=target)


PROGRAM = """
#include "net.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  static float x[1200];
  int64_t shape[] = {1, 3, 20, 20};
  tegula_tensor input = {x, 1, 4, shape}, outputs[2] = {{0}};
  tegula_instance *instance;
  for (int k = 0; k < 1200; ++k)
    x[k] = (float)(k % 17) / 8 - 1;
  if (net_create(0, &instance) || net_run(instance, &input, 1, outputs, 2)) {
    puts(net_last_error());
    return 1;
  }
  for (int k = 0; k < 24; ++k)
    printf("%.9g\\n", ((float *)outputs[0].data)[k]);
  net_release(instance);
  return 0;
}
"""


@pytest.fixture(scope="module")
def program(network, tmp_path_factory):
    """A C program with the model inside, which needs no library of ours."""
    folder = tmp_path_factory.mktemp("program")
    onnx.save(network, folder / "net.onnx")
    (folder / "main.c").write_text(PROGRAM)
    tool = Path(os.environ.get("TEGULA_BUILD", Path(__file__).parents[2] / "build")) / "bin" / "tegula"
    compiler = shutil.which("clang-22") or shutil.which("cc")
    objects = [folder / "net.o", folder / "net.o.constants.o", folder / "net.o.runtime.a"]
    subprocess.run([tool, "compile", folder / "net.onnx", f"--target={','.join(LEVELS)}", "--emit=obj", "-o",
                    objects[0]], check=True)
    subprocess.run([compiler, "-std=c99", f"-I{folder}", folder / "main.c", *objects, "-o", folder / "main", "-pthread",
                    "-lm"], check=True)
    return folder / "main"


def run(command, **environment):
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=300)
    assert result.returncode in (0, 1), f"{result.returncode}: {result.stderr}"
    return result


def values(result):
    assert result.returncode == 0, result.stdout
    return numpy.array(result.stdout.split(), numpy.float64)


@pytest.mark.parametrize("level", LEVELS)
def test_program_of_its_own(program, level):
    result = run([program], TEGULA_LEVEL=level)
    if level not in SERVED:
        assert result.returncode == 1 and f"for {level} " in result.stdout
        pytest.skip(f"this processor lacks {LEVELS[level]}; the level was refused, as it should be")
    wanted = values(run([program], TEGULA_LEVEL="x86-64-v2"))
    numpy.testing.assert_allclose(values(result), wanted, rtol=1e-4, atol=1e-4 * abs(wanted).max())


@pytest.mark.parametrize("cpu, level", [("Nehalem", "x86-64-v2"), ("Haswell", "x86-64-v3"), ("core2duo", None)])
def test_on_an_older_processor(program, cpu, level):
    """No illegal instruction: neither in what runs before the choice nor in the level that is taken."""
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static")
    assert emulator, "scripts/setup installs it (package qemu-user)"
    result = run([emulator, "-cpu", cpu, program])
    if not level:
        assert result.returncode == 1 and "this processor lacks: for sapphirerapids" in result.stdout
        assert "for x86-64-v2 sse4.2" in result.stdout
        return
    wanted = values(run([program], TEGULA_LEVEL=level))
    numpy.testing.assert_allclose(values(result), wanted, rtol=1e-5, atol=1e-6 * abs(wanted).max())
    higher = run([emulator, "-cpu", cpu, program], TEGULA_LEVEL="x86-64-v4")
    assert higher.returncode == 1 and "for x86-64-v4 " in higher.stdout
