# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models that are big, deep, or exponential for who walks every path: the time must grow with their size."""
import os
import resource
import subprocess
from pathlib import Path

import numpy
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

TEGULA = Path(os.environ.get("TEGULA_BUILD", Path(__file__).resolve().parents[4] / "build")) / "bin" / "tegula"
SECONDS = 60  # of processor time, for anything here


def tegula(*arguments):
    """(exit code, output, processor seconds). The time is the processor's, which a busy machine does not change much."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([TEGULA, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=20 * SECONDS)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.returncode, done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def value(name, shape=(4, 16), type=onnx.TensorProto.FLOAT):
    return onnx.helper.make_tensor_value_info(name, type, shape)


def make_model(path, nodes, initializers=(), functions=(), rows=4):
    graph = onnx.helper.make_graph(nodes, "g", [value("x", (rows, 16))], [value("y", (rows, 16))], initializers)
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("local", 1)]
    path.write_bytes(onnx.helper.make_model(graph, opset_imports=opsets, functions=functions,
                                            ir_version=9).SerializeToString())
    return path


WEIGHT = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [16, 16], (numpy.eye(16) * 0.5).ravel())


def name_after(step, count):
    return "y" if step == count - 1 else f"v{step}"


def make_chain(path, count, operators, rows=4):
    nodes = []
    for step in range(count):
        inputs = ["x" if step == 0 else f"v{step - 1}"]
        operator = operators[step % len(operators)]
        if operator == "MatMul":
            inputs.append("w")
        nodes.append(onnx.helper.make_node(operator, inputs, [name_after(step, count)], name=f"n{step}"))
    return make_model(path, nodes, [WEIGHT], rows=rows)


@pytest.mark.parametrize("operators,counts,rows", [
    (["Relu", "Neg", "Sin"], (5000, 10000, 20000), 4),
    (["MatMul", "Relu", "Softmax", "Neg"], (5000, 10000, 20000), 4),
    (["MatMul", "Relu", "Softmax", "Neg"], (2500, 5000, 10000), "N"),
])
def test_chains_compile_in_linear_time(tmp_path, operators, counts, rows):
    seconds = []
    for count in counts:
        path = make_chain(tmp_path / "chain.onnx", count, operators, rows)
        code, output, time = tegula("compile", path, "-o", tmp_path / "chain.so")
        assert code == 0, output
        seconds.append(time)
    print(operators, counts, seconds)
    assert seconds[2] < SECONDS, seconds
    # Twice the nodes, twice the time, and what caches and a busy machine add; quadratic time would be four times.
    assert seconds[2] < 3 * seconds[1], seconds


def test_a_long_chain_computes(tmp_path):
    path = make_chain(tmp_path / "chain.onnx", 2000, ["MatMul", "Relu", "Neg"])
    code, output, _ = tegula("run", path, "--verify-against=reference", "--threads=1")
    assert code == 0, output


def test_a_long_loop_computes(tmp_path):
    """Its host function is too long for LLVM's optimizer. Each round moves the columns of `a`, exactly, and
    exchanges `a` and `b`."""
    count, rounds = 6001, 4
    move = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [16, 16], numpy.roll(numpy.eye(16), 1, axis=1).ravel())
    body = [onnx.helper.make_node("MatMul", ["a" if step == 0 else f"v{step - 1}", "w"], [f"v{step}"])
            for step in range(count)]
    body.append(onnx.helper.make_node("Less", ["i", "last"], ["more"]))
    body.append(onnx.helper.make_node("Identity", ["b"], ["c"]))
    inputs = [value("i", (), onnx.TensorProto.INT64), value("condition", (), onnx.TensorProto.BOOL), value("a"), value("b")]
    outputs = [value("more", (), onnx.TensorProto.BOOL), value("c"), value(f"v{count - 1}")]
    loop = onnx.helper.make_node("Loop", ["", "true", "x", "zeros"], ["y", "z"],
                                 body=onnx.helper.make_graph(body, "body", inputs, outputs))
    initializers = [move, onnx.helper.make_tensor("last", onnx.TensorProto.INT64, [], [rounds - 1]),
                    onnx.helper.make_tensor("true", onnx.TensorProto.BOOL, [], [True]),
                    onnx.helper.make_tensor("zeros", onnx.TensorProto.FLOAT, [4, 16], numpy.zeros(64))]
    path = make_model(tmp_path / "loop.onnx", [loop], initializers)
    x = numpy.arange(64, dtype=numpy.float32).reshape(4, 16)
    moved = numpy.roll(x, count * rounds // 2, axis=1)
    for name, array in (("input_0", x), ("output_0", moved)):
        (tmp_path / f"{name}.pb").write_bytes(onnx.numpy_helper.from_array(array).SerializeToString())
    code, output, _ = tegula("run", path, "--data", tmp_path, "--rtol=0", "--atol=0")
    assert code == 0, output


def test_diamonds(tmp_path):
    """2^60 paths from the input to the output."""
    nodes = []
    for step in range(60):
        x, y = "x" if step == 0 else f"v{step - 1}", name_after(step, 60)
        nodes += [onnx.helper.make_node("MatMul", [x, "w"], [f"a{step}"]),
                  onnx.helper.make_node("Softmax", [x], [f"b{step}"]),
                  onnx.helper.make_node("Sin", [f"b{step}"], [f"c{step}"]),
                  onnx.helper.make_node("Cos", [f"b{step}"], [f"d{step}"]),
                  onnx.helper.make_node("Sum", [f"a{step}", f"c{step}", f"d{step}"], [y])]
    path = make_model(tmp_path / "diamonds.onnx", nodes, [WEIGHT])
    code, output, seconds = tegula("run", path)
    assert code == 0 and seconds < SECONDS, output


def test_diamonds_of_constants_and_shapes(tmp_path):
    nodes = [onnx.helper.make_node("Shape", ["x"], ["s0"]), onnx.helper.make_node("Identity", ["w"], ["k0"])]
    for step in range(60):
        nodes += [onnx.helper.make_node("Concat", [f"s{step}", f"s{step}"], [f"t{step}"], axis=0),
                  onnx.helper.make_node("Slice", [f"t{step}", "zero", "two"], [f"s{step + 1}"]),
                  onnx.helper.make_node("Sin", [f"k{step}"], [f"l{step}"]),
                  onnx.helper.make_node("Add", [f"l{step}", f"k{step}"], [f"k{step + 1}"])]
    nodes += [onnx.helper.make_node("MatMul", ["x", "k60"], ["m"]), onnx.helper.make_node("Reshape", ["m", "s60"], ["y"])]
    numbers = [onnx.helper.make_tensor(name, onnx.TensorProto.INT64, [1], [number])
               for name, number in (("zero", 0), ("two", 2))]
    path = make_model(tmp_path / "diamonds.onnx", nodes, [WEIGHT, *numbers])
    code, output, seconds = tegula("run", path)
    assert code == 0 and seconds < SECONDS, output


def make_functions(count, calls):
    """Functions f0, f1, ...: `calls(k)` names the functions that function k calls one after the other."""
    functions = []
    for k in range(count):
        names = calls(k)
        nodes = [onnx.helper.make_node(name, ["a" if i == 0 else f"b{i}"], [f"b{i + 1}"],
                                       domain="" if name == "Sin" else "local") for i, name in enumerate(names)]
        opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("local", 1)]
        functions.append(onnx.helper.make_function("local", f"f{k}", ["a"], [f"b{len(names)}"], nodes, opsets))
    return functions


@pytest.mark.parametrize("case,calls,expected", [
    ("itself", lambda k: ["f0"], "recursive"),
    ("each other", lambda k: [f"f{(k + 1) % 3}"], "recursive"),
    ("2^60 calls", lambda k: [f"f{k + 1}"] * 2 if k < 60 else ["Sin"], "expected at most 1048576 nodes"),
])
@pytest.mark.parametrize("command", ["check", "run"])
def test_functions_without_end_are_refused(tmp_path, case, calls, expected, command):
    count = {"itself": 1, "each other": 3}.get(case, 61)
    call = onnx.helper.make_node("f0", ["x"], ["y"], domain="local")
    path = make_model(tmp_path / "functions.onnx", [call], functions=make_functions(count, calls))
    code, output, seconds = tegula(command, path)
    assert code == 1 and expected in output and seconds < SECONDS, output


def field(number, data):
    """A length-delimited field of a message."""
    result, length = bytearray([number << 3 | 2]), len(data)
    while length > 127:
        result.append(length & 127 | 128)
        length >>= 7
    return bytes(result) + bytes([length]) + data


def make_nested_if(path, depth):
    """Written as bytes from the inside out: Python's Protobuf refuses messages as deep as this."""
    def graph(nodes, output):
        info = onnx.ValueInfoProto(name=output)
        info.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        return b"".join(field(1, node) for node in nodes) + field(2, b"g") + field(12, info.SerializeToString())

    def branch(name, subgraph):
        return field(1, name) + field(6, subgraph) + bytes([20 << 3 & 127 | 128, 1, onnx.AttributeProto.GRAPH])

    def node(operator, source, target):
        return onnx.helper.make_node(operator, [source], [target]).SerializeToString()

    inner = graph([node("Sin", "x", f"y{depth}")], f"y{depth}")
    for level in range(depth - 1, -1, -1):
        other = graph([node("Cos", "x", f"e{level}")], f"e{level}")
        conditional = onnx.NodeProto(input=["c"], output=[f"y{level}" if level else "y"], op_type="If").SerializeToString()
        conditional += field(5, branch(b"then_branch", inner)) + field(5, branch(b"else_branch", other))
        inner = graph([conditional], f"y{level}")
    whole = graph([conditional], "y") + field(11, value("x").SerializeToString())
    whole += field(11, value("c", (), onnx.TensorProto.BOOL).SerializeToString())
    header = onnx.ModelProto(ir_version=9, opset_import=[onnx.helper.make_opsetid("", 18)]).SerializeToString()
    path.write_bytes(header + field(7, whole))
    return path


def test_120_branches_in_each_other(tmp_path):
    path = make_nested_if(tmp_path / "if.onnx", 120)
    code, output, seconds = tegula("check", path)
    assert code == 0 and "241 nodes" in output and seconds < SECONDS, output
    code, output, seconds = tegula("run", path)
    assert code == 0 and seconds < SECONDS, output


def test_a_thousand_branches_in_each_other_are_refused(tmp_path):
    path = make_nested_if(tmp_path / "if.onnx", 1000)
    code, output, _ = tegula("check", path)
    assert code == 1 and "nested too deeply" in output, output
