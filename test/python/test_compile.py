# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compilation in this process, by the real compiler."""
import threading

import numpy
import onnx
import pytest
import tegula
from onnx import helper


def make_model(nodes, inputs, outputs, initializers=(), opset=18):
    """`inputs` and `outputs`: (name, element type, shape)."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in initializers],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


RANDOM = numpy.random.default_rng(0)
W = RANDOM.standard_normal((3, 4), numpy.float32)
B = RANDOM.standard_normal(4, numpy.float32)


@pytest.fixture(scope="module")
def perceptron():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ]
    return make_model(nodes, [("x", 1, ["batch", 3])], [("y", 1, ["batch", 4])], [("w", W), ("b", B)])


def expected(x):
    return numpy.maximum(x @ W + B, 0)


def test_dynamic_batch_without_recompilation(perceptron):
    model = tegula.compile(perceptron)
    assert model.inputs == [tegula.TensorInfo("x", numpy.dtype("float32"), ("batch", 3))]
    assert model.outputs == [tegula.TensorInfo("y", numpy.dtype("float32"), ("batch", 4))]
    for batch in (1, 5, 64, 0):
        x = RANDOM.standard_normal((batch, 3), numpy.float32)
        numpy.testing.assert_allclose(model(x), expected(x), rtol=1e-5, atol=1e-6)
    assert model.kernels and all(kernel["nodes"] for kernel in model.kernels)
    assert model.provenance["compiler"].startswith("tegula ")
    with pytest.raises(tegula.TegulaError, match=r"input 'x': expected shape \[batch, 3\], but got \[2, 4\]"):
        model(numpy.zeros((2, 4), numpy.float32))


@pytest.mark.parametrize("form", ["path", "str", "bytes"])
def test_forms_of_a_model(perceptron, form, tmp_path):
    onnx.save(perceptron, tmp_path / "perceptron.onnx")
    path = tmp_path / "perceptron.onnx"
    model = tegula.compile({"path": path, "str": str(path), "bytes": path.read_bytes()}[form])
    x = numpy.ones((2, 3), numpy.float32)
    numpy.testing.assert_allclose(model(x), expected(x), rtol=1e-5, atol=1e-6)


def test_static_dimension(perceptron):
    model = tegula.compile(perceptron, dimensions={"batch": 2})
    assert model.inputs[0].shape == (2, 3)
    x = numpy.ones((2, 3), numpy.float32)
    numpy.testing.assert_allclose(model(x), expected(x), rtol=1e-5, atol=1e-6)


def test_defaults():
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    inputs = [("x", 1, ["batch", 3]), ("w", 1, [3, "n"]), ("b", 1, ["n"])]
    source = make_model([node], inputs, [("y", 1, ["batch", "n"])], [("w", W), ("b", B)])
    with pytest.warns(UserWarning, match="2 of 3 inputs are initializers too.*--freeze-defaults"):
        model = tegula.compile(source)
    assert [(info.name, info.shape, info.has_default) for info in model.inputs] == [
        ("x", ("batch", 3), False), ("w", (3, "n"), True), ("b", ("n",), True)]
    x, b = numpy.ones((2, 3), numpy.float32), numpy.zeros(4, numpy.float32)
    for inputs in ([x], [x, None], (x, None, None), {"x": x}, {"x": x, "b": None}):
        numpy.testing.assert_allclose(model.run(inputs)[0], x @ W + B, rtol=1e-5, atol=1e-6)
    for inputs in ([x, None, b], {"x": x, "b": b}):
        numpy.testing.assert_allclose(model.run(inputs)[0], x @ W, rtol=1e-5, atol=1e-6)
    numpy.testing.assert_allclose(model(x, W[:, :2], B[:2]), x @ W[:, :2] + B[:2], rtol=1e-5, atol=1e-6)
    with pytest.raises(tegula.TegulaError, match=r"input 'b': expected 2 for dimension 0 \('n'\), as in input 'w'"):
        model(x, W[:, :2])
    with pytest.raises(tegula.TegulaError, match="input 'x' is missing"):
        model.run({"w": W})
    with pytest.raises(tegula.TegulaError, match="there is no input 'c'"):
        model.run({"x": x, "w": W, "c": b})
    with pytest.raises(tegula.TegulaError, match="expected 3 inputs, but got 0"):
        model.run([])

    frozen = tegula.compile(source, freeze_defaults=True)
    assert [info.name for info in frozen.inputs] == ["x"]
    assert frozen.provenance["freeze_defaults"]
    numpy.testing.assert_allclose(frozen(x), x @ W + B, rtol=1e-5, atol=1e-6)


def test_defaults_of_strings_and_packed_elements():
    nodes = [helper.make_node("StringConcat", ["x", "w"], ["y"]), helper.make_node("Cast", ["q"], ["z"], to=1),
             helper.make_node("Not", ["b"], ["c"])]
    values = {"w": helper.make_tensor("w", onnx.TensorProto.STRING, [2], [b"a", b"bc"]),
              "q": helper.make_tensor("q", onnx.TensorProto.INT4, [3], [1, -2, 3]),
              "b": helper.make_tensor("b", onnx.TensorProto.BOOL, [2], [True, False])}
    inputs = [("x", onnx.TensorProto.STRING, [2])] + [(v.name, v.data_type, list(v.dims)) for v in values.values()]
    source = make_model(nodes, inputs, [("y", onnx.TensorProto.STRING, [2]), ("z", 1, [3]), ("c", 9, [2])], opset=21)
    source.graph.initializer.extend(values.values())
    with pytest.warns(UserWarning, match="3 of 4 inputs"):
        model = tegula.compile(source)
    x = numpy.array(["1", "2"], object)
    y, z, c = model.run([x])
    assert (y.tolist(), z.tolist(), c.tolist()) == (["1a", "2bc"], [1, -2, 3], [False, True])
    y, z, c = model.run({"x": x, "w": x, "q": numpy.array([-8, 7, 0], model.inputs[2].dtype), "b": [False, False]})
    assert (y.tolist(), z.tolist(), c.tolist()) == (["11", "22"], [-8, 7, 0], [True, True])


def test_target_and_threads(perceptron):
    model = tegula.compile(perceptron, target="x86-64-v2", threads=2)
    assert model.target == "x86-64-v2" and model.threads == 2
    x = numpy.ones((2, 3), numpy.float32)
    numpy.testing.assert_allclose(model(x), expected(x), rtol=1e-5, atol=1e-6)


def test_save_and_load(perceptron, tmp_path):
    tegula.compile(perceptron).save(tmp_path / "saved.so")
    x = numpy.ones((2, 3), numpy.float32)
    numpy.testing.assert_allclose(tegula.load(tmp_path / "saved.so")(x), expected(x), rtol=1e-5, atol=1e-6)


def test_threads_compile_at_once(perceptron):
    results = []

    def work():
        model = tegula.compile(perceptron)
        x = numpy.ones((2, 3), numpy.float32)
        results.append(numpy.allclose(model(x), expected(x), rtol=1e-5))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 3


def test_compile_errors(perceptron, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(tegula.TegulaError, match="^absent.onnx: error: cannot open: No such file or directory$"):
        tegula.compile("absent.onnx")
    with pytest.raises(tegula.TegulaError, match="not a well-formed ModelProto"):
        tegula.compile(b"garbage")
    with pytest.raises(tegula.TegulaError, match="expected a target such as .*, but got 'z80'"):
        tegula.compile(perceptron, target="z80")
    with pytest.raises(tegula.TegulaError, match="expected precision f32, f32-strict or bf16, but got 'f8'"):
        tegula.compile(perceptron, precision="f8")
    with pytest.raises(tegula.TegulaError, match="expected a dimension as name=extent, but got 'batch=-1'"):
        tegula.compile(perceptron, dimensions={"batch": -1})
    wrong = make_model([helper.make_node("NoSuchOperator", ["x"], ["y"], name="n")], [("x", 1, [1])], [("y", 1, [1])])
    with pytest.raises(tegula.TegulaError, match="NoSuchOperator"):
        tegula.compile(wrong)
    assert list(tmp_path.iterdir()) == []


def test_error_while_running_names_the_node():
    nodes = [helper.make_node("Div", ["x", "y"], ["z"], name="divide")]
    model = tegula.compile(make_model(nodes, [("x", 7, ["n"]), ("y", 7, ["n"])], [("z", 7, ["n"])]))
    numpy.testing.assert_array_equal(model(numpy.array([4, 9]), numpy.array([2, 3])), [2, 3])
    with pytest.raises(tegula.TegulaError, match=r"node 'divide' \(Div, opset \d+\): integer division by zero"):
        model(numpy.array([4, 9]), numpy.array([2, 0]))
    numpy.testing.assert_array_equal(model(numpy.array([4, 9]), numpy.array([2, 3])), [2, 3])
