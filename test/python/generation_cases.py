# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of GreedySearch and BeamSearch through their subgraphs, against onnxruntime."""
import numpy
from onnx import TensorProto, helper, numpy_helper

from oracle import Case, run_onnxruntime

HEADS, HEAD, WORDS, HIDDEN = 2, 4, 12, 8
BASE = {"eos_token_id": 1, "pad_token_id": 0, "vocab_size": WORDS}
ENCODED = {**BASE, "model_type": 1, "decoder_start_token_id": 0}

# --- subgraphs -------------------------------------------------------------------------------------------------------

node, info = helper.make_node, helper.make_tensor_value_info


def constants(seed, shapes, element):
    """Weights, which float16 holds exactly, and the shapes and axes that the nodes below name."""
    random = numpy.random.default_rng(seed)
    weights = [numpy_helper.from_array(random.standard_normal(shape).astype("float16").astype(element), name)
               for name, shape in shapes.items()]
    integers = {"split": [0, 0, HEADS, HEAD], "merge": [0, 0, HIDDEN], "first": [0], "second": [1], "mask_axes": [1, 2]}
    weights += [numpy_helper.from_array(numpy.array(values), name) for name, values in integers.items()]
    return weights + [numpy_helper.from_array(numpy.array(value, element), name) for name, value in (("one", 1), ("much", 1e4))]


def projection(source, name):
    """`name` [B, N, S, H] of `source` [B, S, hidden]."""
    return [node("MatMul", [source, f"{name}_weights"], [f"{name}_flat"]), node("Reshape", [f"{name}_flat", "split"], [f"{name}_split"]),
            node("Transpose", [f"{name}_split"], [name], perm=[0, 2, 1, 3])]


def attention(query, key, value, result, bias=None):
    """`result` [B, S, hidden]."""
    raw = f"{result}_raw"
    return [node("Transpose", [key], [f"{key}_turned"], perm=[0, 1, 3, 2]), node("MatMul", [query, f"{key}_turned"], [raw]),
            *([node("Add", [raw, bias], [f"{raw}_biased"])] if bias else []),
            node("Softmax", [f"{raw}_biased" if bias else raw], [f"{result}_weights"], axis=-1),
            node("MatMul", [f"{result}_weights", value], [f"{result}_mixed"]),
            node("Transpose", [f"{result}_mixed"], [f"{result}_back"], perm=[0, 2, 1, 3]),
            node("Reshape", [f"{result}_back", "merge"], [result])]


def bias_of(mask, element):
    return [node("Cast", [mask], ["mask"], to=element), node("Sub", ["mask", "one"], ["hidden"]), node("Mul", ["hidden", "much"], ["low"]),
            node("Unsqueeze", ["low", "mask_axes"], ["bias"])]


def decoder(seed, element="float32"):
    """One layer of attention with a cache, in the form of GPT-2's exports."""
    onnx_type = helper.np_dtype_to_tensor_dtype(numpy.dtype(element))
    shapes = {"words": (WORDS, HIDDEN), "places": (32, HIDDEN), "q_weights": (HIDDEN, HIDDEN), "k_weights": (HIDDEN, HIDDEN),
              "v_weights": (HIDDEN, HIDDEN), "head": (HIDDEN, WORDS)}
    nodes = [node("Gather", ["words", "input_ids"], ["word"]), node("Gather", ["places", "position_ids"], ["place"]),
             node("Add", ["word", "place"], ["x"]), *projection("x", "q"), *projection("x", "k"), *projection("x", "v"),
             node("Unsqueeze", ["k", "first"], ["k5"]), node("Unsqueeze", ["v", "first"], ["v5"]),
             node("Concat", ["k5", "v5"], ["kv"], axis=0), node("Concat", ["past_0", "kv"], ["present_0"], axis=3),
             node("Gather", ["present_0", "first"], ["keys5"], axis=0), node("Squeeze", ["keys5", "first"], ["keys"]),
             node("Gather", ["present_0", "second"], ["values5"], axis=0), node("Squeeze", ["values5", "first"], ["values"]),
             *bias_of("attention_mask", onnx_type), *attention("q", "keys", "values", "flat", "bias"),
             node("Add", ["flat", "x"], ["y"]), node("MatMul", ["y", "head"], ["logits"])]
    inputs = [info("input_ids", TensorProto.INT32, ["b", "s"]), info("position_ids", TensorProto.INT32, ["b", "s"]),
              info("attention_mask", TensorProto.INT32, ["b", "t"]), info("past_0", onnx_type, [2, "b", HEADS, "p", HEAD])]
    outputs = [info("logits", onnx_type, ["b", "s", WORDS]), info("present_0", onnx_type, [2, "b", HEADS, "t", HEAD])]
    return helper.make_graph(nodes, f"decoder_{seed}", inputs, outputs, constants(seed, shapes, element))


ENCODER_SHAPES = {"words": (WORDS, HIDDEN), "head": (HIDDEN, WORDS),
                  **{f"{name}_weights": (HIDDEN, HIDDEN) for name in ("q", "k", "v", "cross_q", "key_cross", "value_cross")}}


def decoding(past, cross, onnx_type):
    """Logits and the caches of itself for the tokens `ids`; `past`: suffix of the caches before, or none."""
    join = lambda name: ([node("Concat", [f"past_{name}_self_0", name[0]], [f"present_{name}_self_0"], axis=2)] if past
                         else [node("Identity", [name[0]], [f"present_{name}_self_0"])])
    return [node("Gather", ["words", "ids"], ["x"]), *projection("x", "q"), *projection("x", "k"), *projection("x", "v"),
            *join("key"), *join("value"), *attention("q", "present_key_self_0", "present_value_self_0", "own"),
            node("Add", ["x", "own"], ["x1"]), *projection("x1", "cross_q"), *bias_of("encoder_attention_mask", onnx_type),
            *attention("cross_q", f"{cross}_key_cross_0", f"{cross}_value_cross_0", "other", "bias"),
            node("Add", ["x1", "other"], ["y"]), node("MatMul", ["y", "head"], ["logits"])]


def cache(name, onnx_type, length):
    return info(name, onnx_type, ["b", HEADS, length, HEAD])


def encoder_and_decoder(seed, has_hidden=True, takes_sequence=False, starts=True):
    """One layer each, in the form of T5's exports; `starts`: the encoder makes the decoder's first round."""
    onnx_type = TensorProto.FLOAT
    ids = lambda name, length: info(name, TensorProto.INT32, ["b", length])
    hidden = info("encoder_hidden_states", onnx_type, ["b", "e", HIDDEN])
    selfs = lambda prefix, length: [cache(f"{prefix}_{name}_self_0", onnx_type, length) for name in ("key", "value")]
    crosses = lambda prefix: [cache(f"{prefix}_{name}_cross_0", onnx_type, "e") for name in ("key", "value")]
    logits = info("logits", onnx_type, ["b", 1, WORDS])
    weights = constants(seed, ENCODER_SHAPES, "float32")
    first = [node("Gather", ["words", "encoder_input_ids"], ["encoder_hidden_states"])]
    for name in ("key", "value"):
        first += [*projection("encoder_hidden_states", f"{name}_cross"), node("Identity", [f"{name}_cross"], [f"present_{name}_cross_0"])]
    inputs, outputs = [ids("encoder_input_ids", "e"), ids("encoder_attention_mask", "e")], crosses("present")
    if starts:
        first += [node("Identity", ["decoder_input_ids"], ["ids"]), *decoding(False, "present", onnx_type)]
        inputs, outputs = [*inputs, ids("decoder_input_ids", 1)], [logits, hidden, *selfs("present", 1), *outputs]
    # What takes all tokens each time uses the last one, as the others are in its caches.
    take = node("Gather", ["input_ids", "last"], ["ids"], axis=1) if takes_sequence else node("Identity", ["input_ids"], ["ids"])
    later = helper.make_graph(
        [take, *decoding(True, "past", onnx_type)], f"decoder_{seed}",
        [ids("input_ids", "s" if takes_sequence else 1), ids("encoder_attention_mask", "e"), *([hidden] if has_hidden and starts else []),
         *selfs("past", "p"), *crosses("past")],
        [logits, *selfs("present", "t")], weights + [numpy_helper.from_array(numpy.array([-1]), "last")])
    return {"encoder": helper.make_graph(first, f"encoder_{seed}", inputs, outputs, weights), "decoder": later}


# --- operands --------------------------------------------------------------------------------------------------------


def one(value, element="int32"):
    return None if value is None else numpy.array([value], element)


def prompt(batch, count, padded=0):
    tokens = numpy.random.default_rng(batch).integers(2, WORDS, (batch, count)).astype("int32")
    tokens[0, :padded] = 0
    return tokens


def greedy(batch=2, count=3, longest=9, least=None, penalty=None, words=None, first_words=None, mask=None, padded=0):
    return [prompt(batch, count, padded), one(longest), one(least), one(penalty, "float32"), words, first_words, mask]


def beams(batch=2, count=3, longest=9, width=3, returned=1, least=0, length_penalty=1.0, penalty=None, words=None,
          first_words=None, mask=None, padded=0):
    """onnxruntime wants the least length, and the penalty of the length where scores are asked for."""
    return [prompt(batch, count, padded), one(longest), one(least), one(width), one(returned), one(length_penalty, "float32"),
            one(penalty, "float32"), words, first_words, mask]


# --- cases -----------------------------------------------------------------------------------------------------------


def until_end(count):
    """The tokens of each row up to the first padding behind the prompt: what follows when all rows have ended is open."""
    def valid(sequences):
        ends = [numpy.nonzero(row[count:] == 0)[0] for row in sequences]
        return [row[:count + (end[0] + 1 if len(end) else len(row))] for row, end in zip(sequences, ends)]
    return valid


def some_words(*shape):
    return (numpy.arange(numpy.prod(shape)).reshape(shape) % 3 != 0).astype("int32")


def greedy_searches():
    def case(given, seed=1, end=1, attributes={}, **options):
        return Case("GreedySearch", given, {**BASE, "eos_token_id": end, "decoder": decoder(seed), **attributes},
                    valid=until_end(given[0].shape[1]), **options)

    for seed in (1, 2, 3):
        yield case(greedy(), seed)
    for end in (4, 7):
        yield case(greedy(longest=14), 1, end)
        yield case(greedy(longest=14, least=8), 1, end)
    yield case(greedy(penalty=1.5))
    yield case(greedy(penalty=0.7, least=5))
    yield case(greedy(words=some_words(WORDS)))
    yield case(greedy(words=numpy.ones(WORDS, "int32"), first_words=(numpy.arange(2 * WORDS).reshape(2, WORDS) % 4 == 1).astype("int32")))
    yield case(greedy(padded=1))
    yield case(greedy(mask=numpy.array([[0, 1, 1], [1, 1, 1]], "int32")))
    yield case(greedy(batch=1, count=1, longest=6), 2)
    yield case(greedy(), again=greedy(batch=3, count=3, longest=12))
    yield Case("GreedySearch", greedy(), {**BASE, "decoder": decoder(1)}, again=greedy(batch=3, count=5, longest=7))
    for gram in (1, 2, 3, 5):
        yield case(greedy(longest=12), 4, attributes={"no_repeat_ngram_size": gram})
    yield case(greedy(longest=12), 2, attributes={"init_decoder": decoder(5)})
    yield case(greedy(longest=12, padded=1, penalty=1.2), 2, 7, attributes={"init_decoder": decoder(3)},
               again=greedy(batch=1, count=2, longest=5, padded=1, penalty=1.2))


def beam_searches():
    def case(given, seed=1, attributes={}, results=(True, True), **options):
        return Case("BeamSearch", given, {**BASE, "decoder": decoder(seed), **attributes}, results, length=64, slack=16, **options)

    for seed in (1, 2, 3):
        yield case(beams(), seed)
        yield case(beams(longest=14, returned=3), seed)
    for end in (4, 7):
        for stops in (0, 1):
            yield case(beams(batch=3, longest=16, width=4, returned=4), 1, {"eos_token_id": end, "early_stopping": stops})
    yield case(beams(width=1, longest=12))
    yield case(beams(width=6, returned=2, length_penalty=2.0), 2, {"eos_token_id": 5})
    yield case(beams(width=3, returned=3, length_penalty=-1.0), 2, {"eos_token_id": 5})
    yield case(beams(width=3, returned=3, length_penalty=0.0), 2, {"eos_token_id": 5, "early_stopping": 1})
    yield case(beams(least=7, penalty=1.5, returned=2), 3, {"eos_token_id": 4})
    yield case(beams(penalty=0.7), 3)
    for gram in (1, 2, 4):
        yield case(beams(returned=2, longest=12), 1, {"no_repeat_ngram_size": gram})
    yield case(beams(words=some_words(WORDS)), 2)
    yield case(beams(first_words=some_words(2, WORDS), returned=2), 2)
    yield case(beams(padded=2, returned=2), 2)
    yield case(beams(mask=numpy.array([[0, 1, 1], [1, 1, 1]], "int32")), 2)
    yield case(beams(longest=12), 2, {"init_decoder": decoder(5)})
    yield case(beams(longest=7), 2, {"no_repeat_ngram_size": 2}, (True, True, True))
    yield case(beams(longest=7), 2, {"init_decoder": decoder(5)}, (True, True, True))
    yield case(beams(longest=12, penalty=1.1), 2, results=(True,))
    yield case(beams(longest=8, returned=2, penalty=1.2), 3, constants=range(1, 7))
    # Batch, lengths of prompts and sequences, and the number of beams are those of the run.
    yield case(beams(returned=2), 1, again=beams(batch=3, count=5, longest=12, width=5, returned=4))
    yield case(beams(longest=10, padded=1), 2, {"eos_token_id": 7, "init_decoder": decoder(3)},
               again=beams(batch=1, count=2, longest=5, width=2))
    half = beams(returned=2, penalty=1.25)
    half[5:7] = one(2, "float16"), one(1.25, "float16")
    yield Case("BeamSearch", half, {**BASE, "decoder": decoder(2, "float16")}, (True, True), length=64,
               want=lambda *given: run_onnxruntime([case(given, 2)], [given])[0])


def beam_searches_with_encoder():
    def case(given, seed=1, attributes={}, results=(True, True), has_hidden=True, takes_sequence=False, starts=True,
             **options):
        graphs = encoder_and_decoder(seed, has_hidden, takes_sequence, starts)
        return Case("BeamSearch", given, {**ENCODED, **graphs, **attributes}, results, length=64, slack=16, **options)

    for seed in (1, 2, 3):
        yield case(beams(returned=3), seed)
    yield case(beams(longest=14, width=4), 2, {"eos_token_id": 4, "early_stopping": 1}, has_hidden=False)
    yield case(beams(longest=14, width=4, penalty=1.3, length_penalty=0.5), 2, {"no_repeat_ngram_size": 2})
    yield case(beams(least=5, width=2, padded=1), 3, {"eos_token_id": 3})
    yield case(beams(mask=numpy.array([[0, 1, 1], [1, 1, 0]], "int32"), words=some_words(WORDS)), 3)
    yield case(beams(longest=6), 2, results=(True, True, True))
    yield case(beams(), 1, takes_sequence=True)
    for seed in (1, 2):
        yield case(beams(longest=12, width=4, returned=3), seed, {"eos_token_id": 4}, starts=False)
    yield case(beams(longest=6), 2, {"decoder_start_token_id": 3}, (True, True, True), starts=False)
    yield case(beams(returned=2), 3, starts=False, again=beams(batch=3, count=5, longest=12, width=5, returned=4))
    yield case(beams(returned=2), 1, again=beams(batch=3, count=5, longest=12, width=5, returned=4))


CASES = [*greedy_searches(), *beam_searches(), *beam_searches_with_encoder()]
