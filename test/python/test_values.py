# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Strings, sequences, optionals and maps: what host operations compute, and what bad data gives."""
import resource

import numpy
import onnx
import pytest
import tegula
from onnx import TensorProto, helper, parser

FLOATS = numpy.float32


def compile_text(text):
    return tegula.compile(parser.parse_model('<ir_version: 10, opset_import: ["" : 21, "ai.onnx.ml" : 4]>\n' + text), threads=1)


def make(inputs, outputs, nodes, opset=21):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 4)]
    return tegula.compile(helper.make_model(graph, opset_imports=opsets, ir_version=10), threads=1)


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def sequence(name, kind=TensorProto.FLOAT, shape=None):
    return helper.make_tensor_sequence_value_info(name, kind, shape)


def optional(name, of):
    return helper.make_value_info(name, helper.make_optional_type_proto(of.type))


def failure_of(model, inputs):
    with pytest.raises(tegula.TegulaError) as caught:
        model.run(inputs)
    return str(caught.value)


# --- sequences -------------------------------------------------------------------------------------------------------


def test_sequence_in_and_out():
    model = make([sequence("s"), tensor("x", TensorProto.FLOAT, ["n"])], [sequence("t"), tensor("n", TensorProto.INT64, [])],
                 [helper.make_node("SequenceInsert", ["s", "x"], ["t"]), helper.make_node("SequenceLength", ["t"], ["n"])])
    assert model.inputs[0] == tegula.ValueInfo("s", "sequence(tensor(float32))")
    assert str(model.outputs[0]) == "t: sequence(tensor(float32))"
    elements = [FLOATS([1, 2]), FLOATS([[3], [4]])]
    made, count = model.run([elements, FLOATS([5])])
    assert count == 3
    for got, want in zip(made, elements + [FLOATS([5])], strict=True):
        numpy.testing.assert_array_equal(got, want)
    # A result lives on by itself.
    model.run([[], FLOATS([])])
    numpy.testing.assert_array_equal(made[1], elements[1])


@pytest.mark.parametrize("position, wanted", [(0, [9, 1, 2]), (2, [1, 2, 9]), (-1, [1, 9, 2]), (-2, [9, 1, 2]), (3, None), (-3, None)])
def test_insert_position(position, wanted):
    model = make([sequence("s"), tensor("x", TensorProto.FLOAT, []), tensor("p", TensorProto.INT64, [])], [sequence("t")],
                 [helper.make_node("SequenceInsert", ["s", "x", "p"], ["t"], name="put")])
    inputs = [[FLOATS(1), FLOATS(2)], FLOATS(9), numpy.int64(position)]
    if wanted is None:
        assert f"node 'put' (SequenceInsert, opset 21): index out of range: position {position} in a sequence of 2" in failure_of(model, inputs)
    else:
        assert [float(element) for element in model(*inputs)] == wanted


@pytest.mark.parametrize("position, wanted", [(0, [2, 3]), (-1, [1, 2]), (3, None), (-4, None)])
def test_erase_position(position, wanted):
    model = make([sequence("s"), tensor("p", TensorProto.INT32, [])], [sequence("t")],
                 [helper.make_node("SequenceErase", ["s", "p"], ["t"])])
    inputs = [[FLOATS(1), FLOATS(2), FLOATS(3)], numpy.int32(position)]
    if wanted is None:
        assert "SequenceErase" in failure_of(model, inputs) and "out of range" in failure_of(model, inputs)
    else:
        assert [float(element) for element in model(*inputs)] == wanted


def test_empty_sequence():
    model = make([sequence("s", shape=[2])], [tensor("y", TensorProto.FLOAT, [2])],
                 [helper.make_node("Constant", [], ["p"], value_int=0), helper.make_node("SequenceAt", ["s", "p"], ["y"], name="first")])
    numpy.testing.assert_array_equal(model([FLOATS([1, 2])]), [1, 2])
    assert "node 'first' (SequenceAt, opset 21): index out of range: position 0 in a sequence of 0" in failure_of(model, [[]])
    # The model was compiled for elements of two.
    assert "expected 2 for dimension 0 of a tensor, but got 3" in failure_of(model, [[FLOATS([1, 2, 3])]])
    erased = make([sequence("s")], [sequence("t")], [helper.make_node("SequenceErase", ["s"], ["t"])])
    assert "the sequence is empty" in failure_of(erased, [[]])


@pytest.mark.parametrize("split, keepdims, wanted", [
    (None, 1, [(1, 3), (1, 3), (1, 3), (1, 3), (1, 3)]), (None, 0, [(3,)] * 5), (2, 1, [(2, 3), (2, 3), (1, 3)]),
    ([1, 4], 0, [(1, 3), (4, 3)]), ([0, 5], 1, [(0, 3), (5, 3)]), ([1, 3], 1, None), ([-1, 6], 1, None), (0, 1, None)])
def test_split_and_concat(split, keepdims, wanted):
    x = numpy.arange(15, dtype=FLOATS).reshape(5, 3)
    inputs = [tensor("x", TensorProto.FLOAT, ["n", 3])]
    values = [x]
    if split is not None:
        values.append(numpy.array(split, numpy.int64))
        inputs.append(tensor("split", TensorProto.INT64, list(values[1].shape)))
    model = make(inputs, [sequence("s")],
                 [helper.make_node("SplitToSequence", [i.name for i in inputs], ["s"], axis=0, keepdims=keepdims)])
    if wanted is None:
        assert "SplitToSequence" in failure_of(model, values)
        return
    parts = model(*values)
    assert [part.shape for part in parts] == wanted
    numpy.testing.assert_array_equal(numpy.concatenate([part.reshape(-1, 3) for part in parts]), x)
    joined = make([sequence("s", shape=[None, 3])], [tensor("y", TensorProto.FLOAT, [None, 3])],
                  [helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0)])
    numpy.testing.assert_array_equal(joined([part.reshape(-1, 3) for part in parts]), x)
    assert "the sequence is empty" in failure_of(joined, [[]])


def test_concat_along_a_new_axis():
    model = make([sequence("s", shape=[2, 3])], [tensor("y", TensorProto.FLOAT, [2, 3, None])],
                 [helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=-1, new_axis=1)])
    parts = [numpy.arange(6, dtype=FLOATS).reshape(2, 3) + k for k in range(4)]
    numpy.testing.assert_array_equal(model(parts), numpy.stack(parts, axis=-1))
    assert "element 1 has another type or shape" in failure_of(model, [[parts[0], parts[1].T.copy()]])


def test_loop_carries_a_sequence():
    """y[k] = x[:k] for every k; the loop leaves nothing behind but its sequence."""
    model = compile_text("""
        g (int64 n, float[m] x) => (seq(float[k]) y) {
            empty = SequenceEmpty <dtype: int = 1> ()
            yes = Constant <value: tensor = bool {1}> ()
            zero = Constant <value: tensor = int64[1] {0}> ()
            y = Loop (n, yes, empty) <body = body (int64 i, bool c, seq(float[k]) s) => (bool c2, seq(float[k]) t) {
                c2 = Identity(c)
                end = Unsqueeze(i, zero)
                part = Slice(x, zero, end)
                t = SequenceInsert(s, part)
            }>
        }""")
    x = numpy.arange(8, dtype=FLOATS)
    for count in (0, 1, 6):
        parts = model(numpy.int64(count), x)
        assert [len(part) for part in parts] == list(range(count))
        for k, part in enumerate(parts):
            numpy.testing.assert_array_equal(part, x[:k])


def test_loop_frees_what_a_round_leaves():
    """Each round makes a sequence of 2 MiB and forgets it: hundreds of rounds stay in little memory."""
    model = compile_text("""
        g (int64 n, float[m] x) => (float y) {
            yes = Constant <value: tensor = bool {1}> ()
            one = Constant <value: tensor = float {1}> ()
            first = Constant <value: tensor = int64 {0}> ()
            zero = Constant <value: tensor = float {0}> ()
            y = Loop (n, yes, zero) <body = body (int64 i, bool c, float v) => (bool c2, float w) {
                c2 = Identity(c)
                big = Add(x, v)
                s = SequenceConstruct(big, big)
                e = SequenceAt(s, first)
                most = ReduceMax <keepdims: int = 0> (e)
                w = Add(most, one)
            }>
        }""")
    x = numpy.zeros(1 << 18, FLOATS)
    model(numpy.int64(2), x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert model(numpy.int64(300), x) == 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB; all rounds make 600 MiB


def test_if_chooses_a_sequence():
    model = compile_text("""
        g (bool c, float[n] x) => (seq(float[n]) y) {
            y = If (c) <then_branch = a () => (seq(float[n]) p) { p = SequenceConstruct(x, x) },
                        else_branch = b () => (seq(float[n]) q) { q = SequenceConstruct(x) }>
        }""")
    assert len(model(numpy.bool_(True), FLOATS([1]))) == 2
    assert len(model(numpy.bool_(False), FLOATS([1]))) == 1


def test_wrong_values_are_refused():
    model = make([sequence("s")], [tensor("n", TensorProto.INT64, [])], [helper.make_node("SequenceLength", ["s"], ["n"])])
    assert "input 's': expected a list" in failure_of(model, [FLOATS([1])])
    assert "expected an element of type tensor(float32), but got int64" in failure_of(model, [[numpy.int64([1])]])
    with pytest.raises(tegula.TegulaError, match="expected None in out"):
        make([sequence("s")], [sequence("t")], [helper.make_node("Identity", ["s"], ["t"])]).run([[]], out=[FLOATS([0])])


# --- optionals -------------------------------------------------------------------------------------------------------


def test_optional():
    of = tensor("x", TensorProto.FLOAT, [2])
    model = make([optional("o", of)], [tensor("y", TensorProto.BOOL, []), optional("p", of)],
                 [helper.make_node("OptionalHasElement", ["o"], ["y"]), helper.make_node("Identity", ["o"], ["p"])])
    has, value = model.run([FLOATS([1, 2])])
    assert has
    numpy.testing.assert_array_equal(value, [1, 2])
    has, value = model.run([None])
    assert not has and value is None
    get = make([optional("o", of)], [of.__class__.FromString(tensor("y", TensorProto.FLOAT, [2]).SerializeToString())],
               [helper.make_node("OptionalGetElement", ["o"], ["y"], name="get")])
    numpy.testing.assert_array_equal(get(FLOATS([3, 4])), [3, 4])
    assert "node 'get' (OptionalGetElement, opset 21)" in failure_of(get, [None])


def test_optional_is_made():
    model = compile_text("""
        g (bool c, float[n] x) => (optional(float[n]) y) {
            y = If (c) <then_branch = a () => (optional(float[n]) p) { p = Optional(x) },
                        else_branch = b () => (optional(float[n]) q) { q = Optional <type: type_proto = float[n]> () }>
        }""")
    numpy.testing.assert_array_equal(model(numpy.bool_(True), FLOATS([1, 2])), [1, 2])
    assert model(numpy.bool_(False), FLOATS([1, 2])) is None


# --- strings ---------------------------------------------------------------------------------------------------------

WORDS = numpy.array(["Äpfel", "", "b c", "日本"], object)


def test_strings_in_and_out():
    model = make([tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.STRING, ["n", 1])],
                 [helper.make_node("Constant", [], ["axis"], value_ints=[1]), helper.make_node("Unsqueeze", ["x", "axis"], ["y"])])
    assert model.inputs[0].dtype == numpy.dtype(object)
    got = model(WORDS)
    assert got.shape == (4, 1) and got.dtype == object and list(got[:, 0]) == list(WORDS)
    assert list(model(WORDS.astype(str))[:, 0]) == list(WORDS)
    assert list(model([word.encode() for word in WORDS])[:, 0]) == list(WORDS)
    assert "expected strings of UTF-8, but string 1 is not" in failure_of(model, [numpy.array([b"a", b"\xff"], object)])
    assert "expected strings, but got 3" in failure_of(model, [numpy.array(["a", 3], object)])


def test_strings_move_as_numbers_do():
    model = compile_text("""
        g (string[n] x, int64[k] i) => (string[m] y, bool[n] e, string[n] w) {
            words = Constant <value_strings: strings = ["one", "two"]> ()
            word = Constant <value_string: string = "b c"> ()
            picked = Gather(x, i)
            y = Concat <axis: int = 0> (picked, words)
            e = Equal(x, word)
            w = Where(e, x, word)
        }""")
    y, equal, where = model.run([WORDS, numpy.int64([3, 0])])
    assert list(y) == ["日本", "Äpfel", "one", "two"]
    assert list(equal) == [False, False, True, False]
    assert list(where) == ["b c"] * 4
    assert "index out of range" in failure_of(model, [WORDS, numpy.int64([4])])


def test_string_initializer():
    graph = helper.make_graph([helper.make_node("StringConcat", ["x", "w"], ["y"])], "g",
                              [tensor("x", TensorProto.STRING, ["n", 1])], [tensor("y", TensorProto.STRING, ["n", 2])],
                              [helper.make_tensor("w", TensorProto.STRING, [2], ["!", "é"])])
    model = tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))
    assert model(WORDS.reshape(4, 1)).tolist() == [[word + "!", word + "é"] for word in WORDS]
    graph.initializer[0].string_data[1] = b"\xff"
    with pytest.raises(tegula.TegulaError, match="expected strings of UTF-8, but string 1 is not"):
        tegula.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10))


def test_string_concat_shapes():
    model = make([tensor("x", TensorProto.STRING, ["n"]), tensor("y", TensorProto.STRING, ["m"])], [tensor("z", TensorProto.STRING, ["k"])],
                 [helper.make_node("StringConcat", ["x", "y"], ["z"], name="join")])
    assert list(model(numpy.array(["a", "b"]), numpy.array(["c"]))) == ["ac", "bc"]
    assert "node 'join' (StringConcat, opset 21): shapes do not fit together" in failure_of(model, [numpy.array(["a", "b"]), numpy.array(["c"] * 3)])


@pytest.mark.parametrize("delimiter, limit, wanted", [
    (None, None, [["a", "b", "c"], ["d", "", ""]]), (" ", None, [["", "a", "b", "", "c"], ["d", "", "", "", ""]]),
    ("b", None, [[" a ", "  c"], ["d", ""]]), (None, 1, [["a", "b  c"], ["d", ""]]), ("", 0, [["a b  c"], ["d"]])])
def test_string_split(delimiter, limit, wanted):
    attributes = {name: value for name, value in (("delimiter", delimiter), ("maxsplit", limit)) if value is not None}
    model = make([tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.STRING, ["n", None]), tensor("z", TensorProto.INT64, ["n"])],
                 [helper.make_node("StringSplit", ["x"], ["y", "z"], **attributes)])
    parts, counts = model.run([numpy.array([" a b  c", "d"])])
    assert parts.tolist() == wanted
    assert list(counts) == [sum(k < len(row) for k in range(len(row) - [p == "" for p in row[::-1]].index(False))) for row in wanted]


@pytest.mark.parametrize("change, sensitive, wanted", [
    ("NONE", 0, ["éa"]), ("UPPER", 0, ["ÉA"]), ("LOWER", 1, ["straße", "éa"]), ("NONE", 1, ["Straße", "éa"])])
def test_string_normalizer(change, sensitive, wanted):
    model = make([tensor("x", TensorProto.STRING, [3])], [tensor("y", TensorProto.STRING, [None])],
                 [helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action=change, is_case_sensitive=sensitive,
                                   stopwords=["strAße", "no"])])
    assert list(model(numpy.array(["Straße", "éa", "no"]))) == wanted
    assert list(model(numpy.array(["no", "no", "no"]))) == [""]


def test_regex():
    def match(pattern):
        return make([tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.BOOL, ["n"])],
                    [helper.make_node("RegexFullMatch", ["x"], ["y"], pattern=pattern, name="match")])

    assert list(match(r"[a-zÄ]+|\p{Han}{2}")(WORDS)) == [True, False, False, True]
    assert "node 'match' (RegexFullMatch, opset 21)" in failure_of(match("(a"), [WORDS])


def test_casts():
    numbers = numpy.array(["1", "-2.5", "1e3", "INF", "-inf", "NaN", "0.1"])
    to_number = make([tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.FLOAT, ["n"])],
                     [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT, name="read")])
    numpy.testing.assert_array_equal(to_number(numbers), FLOATS([1, -2.5, 1000, numpy.inf, -numpy.inf, numpy.nan, 0.1]))
    for bad in ("", "one", "1 ", " 1", "0x10"):
        assert "node 'read' (Cast, opset 21): value outside the operation's domain: expected a number of type float32" in failure_of(to_number, [numpy.array([bad])])
    to_integer = make([tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.INT8, ["n"])],
                      [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT8)])
    assert list(to_integer(numpy.array(["127", "-128", "+3", "2.9", "-0"]))) == [127, -128, 3, 2, 0]
    for bad in ("128", "-129", "NaN", "1e30"):
        assert "expected a number of type int8" in failure_of(to_integer, [numpy.array([bad])])
    to_text = make([tensor("x", TensorProto.FLOAT, ["n"])], [tensor("y", TensorProto.STRING, ["n"])],
                   [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)])
    assert list(to_text(FLOATS([1, -2.5, 0.1, 1e20, numpy.nan, numpy.inf, -numpy.inf]))) == ["1", "-2.5", "0.1", "1e+20", "NaN", "INF", "-INF"]
    whole = make([tensor("x", TensorProto.UINT64, ["n"])], [tensor("y", TensorProto.STRING, ["n"])],
                 [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)])
    assert list(whole(numpy.array([0, 2**64 - 1], numpy.uint64))) == ["0", str(2**64 - 1)]


# --- labels, n-grams, maps -------------------------------------------------------------------------------------------


def ml(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


def test_label_encoder():
    model = make([tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.INT64, ["n"])],
                 [ml("LabelEncoder", ["x"], ["y"], keys_strings=["日本", "b c", ""], values_int64s=[7, 8, 9], default_int64=-3)])
    assert list(model(WORDS)) == [-3, 9, 8, 7]
    back = make([tensor("x", TensorProto.INT64, ["n"])], [tensor("y", TensorProto.STRING, ["n"])],
                [ml("LabelEncoder", ["x"], ["y"], keys_int64s=[1, 2], values_strings=["é", "two"])])
    assert list(back(numpy.int64([2, 1, 0]))) == ["two", "é", "_Unused"]


def test_category_mapper():
    model = make([tensor("x", TensorProto.STRING, ["n", 1])], [tensor("y", TensorProto.INT64, ["n", 1])],
                 [ml("CategoryMapper", ["x"], ["y"], cats_strings=["b c", "日本"], cats_int64s=[5, 6])])
    assert model(WORDS.reshape(4, 1)).tolist() == [[-1], [-1], [5], [6]]


def test_tfidf_of_words():
    model = make([tensor("x", TensorProto.STRING, ["b", "n"])], [tensor("y", TensorProto.FLOAT, ["b", 4])],
                 [helper.make_node("TfIdfVectorizer", ["x"], ["y"], mode="TFIDF", min_gram_length=1, max_gram_length=2,
                                   max_skip_count=1, ngram_counts=[0, 2], ngram_indexes=[3, 0, 2], weights=[1.0, 2.0, 0.5],
                                   pool_strings=["a", "b", "a", "b"])])
    # a b, and a c b with one skipped.
    numpy.testing.assert_array_equal(model(numpy.array([["a", "b", "c", "a"], ["a", "c", "b", "b"]])), [[2, 0, .5, 2], [4, 0, .5, 1]])


def test_zip_map():
    maps = helper.make_value_info("z", helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))))
    model = make([tensor("x", TensorProto.FLOAT, ["n", "k"])], [maps], [ml("ZipMap", ["x"], ["z"], classlabels_strings=["no", "ja"])])
    assert model.outputs[0].type == "sequence(map(string, tensor(float32)))"
    assert model(FLOATS([[1, 2], [3, 4]])) == [{"no": 1.0, "ja": 2.0}, {"no": 3.0, "ja": 4.0}]
    assert "2 labels for 3 columns" in failure_of(model, [FLOATS([[1, 2, 3]])])


def map_input(key, value):
    return helper.make_value_info("m", helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, [])))


def test_dict_vectorizer():
    model = make([map_input(TensorProto.STRING, TensorProto.FLOAT)], [tensor("y", TensorProto.FLOAT, [1, 3])],
                 [ml("DictVectorizer", ["m"], ["y"], string_vocabulary=["a", "ü", "c"])])
    assert model({"ü": 2.5, "x": 1.0, "a": -1.0}).tolist() == [[-1.0, 2.5, 0.0]]
    assert model({}).tolist() == [[0.0, 0.0, 0.0]]
    assert "input 'm': expected a dict" in failure_of(model, [[1.0]])


def test_cast_map():
    dense = make([map_input(TensorProto.INT64, TensorProto.FLOAT)], [tensor("y", TensorProto.INT64, [1, None])],
                 [ml("CastMap", ["m"], ["y"], cast_to="TO_INT64", map_form="DENSE")])
    assert dense({5: 2.0, -1: 3.0}).tolist() == [[3, 2]]
    sparse = make([map_input(TensorProto.INT64, TensorProto.STRING)], [tensor("y", TensorProto.FLOAT, [1, 4])],
                  [ml("CastMap", ["m"], ["y"], cast_to="TO_FLOAT", map_form="SPARSE", max_map=4)])
    assert "expected a number of type float32, but got ''" in failure_of(sparse, [{1: "2.5"}])


# --- pictures and boxes ----------------------------------------------------------------------------------------------


def as_bytes(data):
    return numpy.frombuffer(data, numpy.uint8)


def test_pictures():
    def decoder(pixel_format):
        return make([tensor("x", TensorProto.UINT8, ["n"])], [tensor("y", TensorProto.UINT8, [None, None, None])],
                    [helper.make_node("ImageDecoder", ["x"], ["y"], pixel_format=pixel_format, name="decode")])

    pixels = numpy.uint8([[[255, 0, 0], [1, 2, 3]], [[9, 8, 7], [0, 255, 0]], [[0, 0, 255], [20, 40, 60]]])
    portable = as_bytes(b"P6 # comment\n2 3\n255\n" + pixels.tobytes())
    numpy.testing.assert_array_equal(decoder("RGB")(portable), pixels)
    numpy.testing.assert_array_equal(decoder("BGR")(portable), pixels[:, :, ::-1])
    luma = (pixels @ numpy.int64([19595, 38470, 7471]) + 0x8000) >> 16
    numpy.testing.assert_array_equal(decoder("Grayscale")(portable), luma[:, :, None])
    rows = b"".join(row[:, ::-1].tobytes() + bytes(2) for row in pixels[::-1])
    header = b"BM" + numpy.uint32([54 + len(rows), 0, 54, 40, 2, 3, 1 | 24 << 16, 0, len(rows), 0, 0, 0, 0]).tobytes()
    numpy.testing.assert_array_equal(decoder("RGB")(as_bytes(header + rows)), pixels)
    for bad in (b"", b"P6 2 3 255 abc", b"BM", header[:30] + rows, b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"II*\0junk"):
        message = failure_of(decoder("RGB"), [as_bytes(bad)])
        assert "node 'decode' (ImageDecoder, opset 21): value outside the operation's domain: expected a picture, but got" in message


def suppress(boxes, scores, most, overlap, least):
    """The definition, box by box."""
    def corners(box):
        return min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])

    def ratio(first, second):
        a, b = corners(first), corners(second)
        common = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
        return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)

    selected = []
    for batch in range(scores.shape[0]):
        for kind in range(scores.shape[1]):
            taken = []
            for k in sorted(range(scores.shape[2]), key=lambda k: -scores[batch, kind, k]):
                fits = scores[batch, kind, k] > least and len(taken) < most
                if fits and all(ratio(boxes[batch, k], boxes[batch, t]) <= overlap for t in taken):
                    taken.append(k)
                    selected.append([batch, kind, k])
    return numpy.int64(selected).reshape(-1, 3)


def test_non_max_suppression():
    random = numpy.random.default_rng(3)
    model = make([tensor("boxes", TensorProto.FLOAT, ["b", "n", 4]), tensor("scores", TensorProto.FLOAT, ["b", "c", "m"]),
                  tensor("most", TensorProto.INT64, [1]), tensor("overlap", TensorProto.FLOAT, [1]), tensor("least", TensorProto.FLOAT, [1])],
                 [tensor("y", TensorProto.INT64, [None, 3])],
                 [helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["y"], name="choose")])
    for most, overlap in ((3, 0.5), (100, 0.1), (0, 0.5)):
        boxes, scores = random.random((2, 30, 4), FLOATS), random.random((2, 3, 30), FLOATS)
        got = model(boxes, scores, numpy.int64([most]), FLOATS([overlap]), FLOATS([0.3]))
        numpy.testing.assert_array_equal(got, suppress(boxes, scores, most, overlap, 0.3))
    wrong = [boxes[:, :20], scores, numpy.int64([1]), FLOATS([0.5]), FLOATS([0])]
    assert "node 'choose' (NonMaxSuppression, opset 21): shapes do not fit together" in failure_of(model, [value.copy() for value in wrong])
