# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GreedySearch through its decoder against onnxruntime."""
import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

from oracle import Case, check

HEADS, HEAD, WORDS = 2, 4, 12


def decoder(seed):
    """One layer of attention with a cache, in the form of GPT-2's exports."""
    random = numpy.random.default_rng(seed)
    weights = {"words": (WORDS, 8), "places": (32, 8), "q_weights": (8, 8), "k_weights": (8, 8), "v_weights": (8, 8), "head": (8, WORDS)}
    initializers = [numpy_helper.from_array(random.standard_normal(shape).astype("float32"), name) for name, shape in weights.items()]
    integers = {"split": [0, 0, HEADS, HEAD], "merge": [0, 0, HEADS * HEAD], "first": [0], "second": [1], "mask_axes": [1, 2]}
    initializers += [numpy_helper.from_array(numpy.array(values), name) for name, values in integers.items()]
    initializers += [numpy_helper.from_array(numpy.float32(value), name) for name, value in (("one", 1), ("much", 1e4))]
    node = helper.make_node
    nodes = [node("Gather", ["words", "input_ids"], ["word"]), node("Gather", ["places", "position_ids"], ["place"]),
             node("Add", ["word", "place"], ["x"])]
    for name in "qkv":
        nodes += [node("MatMul", ["x", f"{name}_weights"], [f"{name}_flat"]), node("Reshape", [f"{name}_flat", "split"], [f"{name}_split"]),
                  node("Transpose", [f"{name}_split"], [name], perm=[0, 2, 1, 3])]
    nodes += [node("Unsqueeze", ["k", "first"], ["k5"]), node("Unsqueeze", ["v", "first"], ["v5"]),
              node("Concat", ["k5", "v5"], ["kv"], axis=0), node("Concat", ["past_0", "kv"], ["present_0"], axis=3),
              node("Gather", ["present_0", "first"], ["keys5"], axis=0), node("Squeeze", ["keys5", "first"], ["keys"]),
              node("Gather", ["present_0", "second"], ["values5"], axis=0), node("Squeeze", ["values5", "first"], ["values"]),
              node("Transpose", ["keys"], ["turned"], perm=[0, 1, 3, 2]), node("MatMul", ["q", "turned"], ["raw"]),
              node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT), node("Sub", ["mask", "one"], ["hidden"]),
              node("Mul", ["hidden", "much"], ["low"]), node("Unsqueeze", ["low", "mask_axes"], ["bias"]),
              node("Add", ["raw", "bias"], ["biased"]), node("Softmax", ["biased"], ["weights"], axis=-1),
              node("MatMul", ["weights", "values"], ["mixed"]), node("Transpose", ["mixed"], ["back"], perm=[0, 2, 1, 3]),
              node("Reshape", ["back", "merge"], ["flat"]), node("Add", ["flat", "x"], ["y"]), node("MatMul", ["y", "head"], ["logits"])]
    info = helper.make_tensor_value_info
    inputs = [info("input_ids", TensorProto.INT32, ["b", "s"]), info("position_ids", TensorProto.INT32, ["b", "s"]),
              info("attention_mask", TensorProto.INT32, ["b", "t"]),
              info("past_0", TensorProto.FLOAT, [2, "b", HEADS, "p", HEAD])]
    outputs = [info("logits", TensorProto.FLOAT, ["b", "s", WORDS]), info("present_0", TensorProto.FLOAT, [2, "b", HEADS, "t", HEAD])]
    return helper.make_graph(nodes, "decoder", inputs, outputs, initializers)


def operands(batch=2, count=3, longest=9, least=None, penalty=None, words=None, first_words=None, mask=None, padded=0):
    tokens = numpy.random.default_rng(batch).integers(2, WORDS, (batch, count)).astype("int32")
    tokens[0, :padded] = 0
    one = lambda value, element: None if value is None else numpy.array([value], element)
    return [tokens, one(longest, "int32"), one(least, "int32"), one(penalty, "float32"), words, first_words, mask]


def until_end(count):
    """The tokens of each row up to the first padding behind the prompt: what follows when all rows have ended is open."""
    def valid(sequences):
        ends = [numpy.nonzero(row[count:] == 0)[0] for row in sequences]
        return [row[:count + (end[0] + 1 if len(end) else len(row))] for row, end in zip(sequences, ends)]
    return valid


def cases():
    base = {"eos_token_id": 1, "pad_token_id": 0, "vocab_size": WORDS}
    case = lambda given, seed=1, end=1, **options: Case("GreedySearch", given, {**base, "eos_token_id": end, "decoder": decoder(seed)},
                                                            valid=until_end(given[0].shape[1]), **options)
    for seed in (1, 2, 3):
        yield case(operands(), seed)
    for end in (4, 7):
        yield case(operands(longest=14), 1, end)
        yield case(operands(longest=14, least=8), 1, end)
    yield case(operands(penalty=1.5))
    yield case(operands(penalty=0.7, least=5))
    yield case(operands(words=(numpy.arange(WORDS) % 3 != 0).astype("int32")))
    yield case(operands(words=numpy.ones(WORDS, "int32"), first_words=(numpy.arange(2 * WORDS).reshape(2, WORDS) % 4 == 1).astype("int32")))
    yield case(operands(padded=1))
    yield case(operands(mask=numpy.array([[0, 1, 1], [1, 1, 1]], "int32")))
    yield case(operands(batch=1, count=1, longest=6), 2)
    yield case(operands(), again=operands(batch=3, count=3, longest=12))
    yield Case("GreedySearch", operands(), {**base, "decoder": decoder(1)}, again=operands(batch=3, count=5, longest=7))


def test_greedy_search():
    made = list(cases())
    assert len(made) >= 10
    for case in made:  # onnxruntime wants the names of each decoder's values for itself
        check([case])


def test_what_is_not_served_is_named():
    import tegula
    from oracle import make_model

    case = Case("GreedySearch", operands(), {"eos_token_id": 1, "pad_token_id": 0, "no_repeat_ngram_size": 2, "decoder": decoder(1)})
    with pytest.raises(tegula.TegulaError, match="no_repeat_ngram_size"):
        tegula.compile(make_model([case], [[numpy.zeros((2, 9), "int32")]]))
