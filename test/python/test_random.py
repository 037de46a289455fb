# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random operators at every version of theirs: distribution, shape, type and seed."""
import numpy
import onnx
import pytest
import tegula
from onnx import TensorProto, helper

OPERATORS = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
VERSIONS = sorted((schema.since_version, schema.name) for schema in onnx.defs.get_all_schemas_with_history()
                  if schema.domain == "" and schema.name in OPERATORS)
COUNT = 4000


def compile_nodes(version, nodes, inputs):
    """`nodes`: (operator, attributes); each is asked twice, so that one seed can be seen to give the same numbers."""
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), [None] * x.ndim)
              for name, x in inputs.items()]
    made = [helper.make_node(name, [value.name for value in inputs], [f"y{i}"], **attributes)
            for i, (name, attributes, _) in enumerate(nodes)]
    outputs = [helper.make_tensor_value_info(f"y{i}", element, None) for i, (_, _, element) in enumerate(nodes)]
    graph = helper.make_graph(made, "g", inputs, outputs)
    return tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=10))


@pytest.mark.parametrize("version, operator", VERSIONS)
def test_numbers(version, operator):
    likes = operator.endswith("Like")
    shape = {} if likes else {"shape": [COUNT // 4, 4]}
    inputs = {"x": numpy.zeros((COUNT // 4, 4), numpy.float32)} if likes else {}
    if operator == "Bernoulli":
        chances = numpy.tile(numpy.array([0, 0.2, 0.7, 1], numpy.float32), (COUNT // 4, 1))
        model = compile_nodes(version, [("Bernoulli", {"seed": 3.0}, 1), ("Bernoulli", {"seed": 3.0, "dtype": TensorProto.INT32}, 6),
                                        ("Bernoulli", {}, 1)], {"x": chances})
        first, typed, other = model.run({"x": chances})
        assert first.dtype == numpy.float32 and typed.dtype == numpy.int32
        assert numpy.array_equal(first, typed) and not numpy.array_equal(first, other)
        assert set(numpy.unique(first)) <= {0, 1}
        numpy.testing.assert_allclose(first.mean(0), [0, 0.2, 0.7, 1], atol=0.06)
        return
    if operator == "Multinomial":
        logits = numpy.log(numpy.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]], numpy.float32))
        draws = {"sample_size": COUNT}
        model = compile_nodes(version, [("Multinomial", {**draws, "seed": 2.0}, 6),
                                        ("Multinomial", {**draws, "seed": 2.0, "dtype": TensorProto.INT64}, 7),
                                        ("Multinomial", draws, 6)], {"x": logits})
        first, typed, other = model.run({"x": logits})
        assert first.shape == (2, COUNT) and first.dtype == numpy.int32 and typed.dtype == numpy.int64
        assert numpy.array_equal(first, typed) and not numpy.array_equal(first, other)
        for row, chances in zip(first, numpy.exp(logits)):
            numpy.testing.assert_allclose(numpy.bincount(row, minlength=3) / COUNT, chances, atol=0.04)
        return
    attributes = {"mean": 2.0, "scale": 3.0} if "Normal" in operator else {"low": -1.0, "high": 5.0}
    model = compile_nodes(version, [(operator, {**shape, **attributes, "seed": 5.0}, 1),
                                    (operator, {**shape, **attributes, "seed": 5.0, "dtype": TensorProto.DOUBLE}, 11),
                                    (operator, {**shape, **attributes}, 1)], inputs)
    first, typed, other = model.run(inputs)
    assert first.shape == (COUNT // 4, 4) and first.dtype == numpy.float32 and typed.dtype == numpy.float64
    numpy.testing.assert_allclose(first, typed, rtol=1e-6, atol=1e-6)
    assert not numpy.array_equal(first, other)
    mean, deviation = (2, 3) if "Normal" in operator else (2, 6 / 12 ** 0.5)
    assert abs(first.mean() - mean) < 0.2 and abs(first.std() - deviation) < 0.2
    if "Uniform" in operator:
        assert first.min() >= -1 and first.max() < 5
    else:
        assert abs((numpy.abs(first - 2) < 3).mean() - 0.683) < 0.04  # within one deviation
