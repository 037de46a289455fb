# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of ai.onnx.ml: classifiers, regressors, and what prepares their features."""
import itertools
import math

import numpy
from onnx import numpy_helper

from contrib_cases import F32, F64, integers, normal
from oracle import Case

TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO")
INTEGERS = {"classlabels_ints": [7, 3, 11]}
STRINGS = {"classlabels_strings": ["red", "green", "blue"]}


def case(operator, operands, attributes, results=1, **options):
    return Case(operator, operands, attributes, (True,) * results, domain="ai.onnx.ml", **options)


def floats(*shape, seed=0, spread=1.0):
    return normal(shape, seed=seed, spread=spread).ravel().tolist()


def first(labels, count):
    return {name: values[:count] for name, values in labels.items()}


# --- linear models ---------------------------------------------------------------------------------------------------


def linear():
    for transform, labels in itertools.product(TRANSFORMS, (INTEGERS, STRINGS)):
        attributes = {**labels, "coefficients": floats(3, 4, seed=1), "intercepts": floats(3, seed=2), "post_transform": transform}
        yield case("LinearClassifier", [normal((5, 4))], attributes, 2, length=4)
        binary = {**first(labels, 2), "coefficients": floats(1, 4, seed=1), "intercepts": [0.2], "post_transform": transform}
        yield case("LinearClassifier", [normal((5, 4))], binary, 2, length=4)
    for element in ("float64", "int32", "int64"):
        attributes = {**INTEGERS, "coefficients": floats(3, 4, seed=1), "intercepts": floats(3, seed=2), "multi_class": 1}
        yield case("LinearClassifier", [integers(-9, 9, (5, 4), element)], attributes, 2, length=4)
    yield case("LinearClassifier", [normal((4,))], attributes, 2, length=4)
    yield case("LinearClassifier", [normal((5, 4))], attributes, 2, length=4, again=[normal((2, 4), seed=4)])
    for transform in TRANSFORMS:
        for intercepts in ({}, {"intercepts": floats(3, seed=2)}):
            yield case("LinearRegressor", [normal((5, 4))],
                       {"coefficients": floats(3, 4, seed=1), "targets": 3, "post_transform": transform, **intercepts}, length=4)
    yield case("LinearRegressor", [normal((5, 4))], {"coefficients": floats(1, 4, seed=1), "intercepts": [0.5]}, length=4)
    # Probabilities: results of the linear part are between 0 and 1.
    inner = numpy.random.default_rng(1).random((6, 2)).astype(F32)
    yield case("LinearRegressor", [inner], {"coefficients": [0.8, 0.1, 0.2, 0.7], "targets": 2, "post_transform": "PROBIT"},
               slack=100)
    yield case("LinearRegressor", [normal((5, 4))], {"coefficients": floats(2, 4, seed=1), "targets": 2}, length=4,
               again=[normal((1, 4), seed=4)])


# --- support vectors -------------------------------------------------------------------------------------------------


def support_vectors():
    features, sizes = 4, [2, 3, 2]
    kernels = {"LINEAR": [0.0, 0, 0], "POLY": [0.3, 0.5, 2.0], "RBF": [0.2, 0, 0], "SIGMOID": [0.1, 0.3, 0]}

    def machine(classes, kernel, labels, **attributes):
        count = sum(sizes[:classes])
        pairs = classes * (classes - 1) // 2
        return {**first(labels, classes), "coefficients": floats(classes - 1, count, seed=1), "rho": floats(pairs, seed=2),
                "support_vectors": floats(count, features, seed=3), "vectors_per_class": sizes[:classes],
                "kernel_type": kernel, "kernel_params": kernels[kernel], **attributes}

    options = dict(length=8, slack=4)
    for kernel, classes, labels in itertools.product(kernels, (2, 3), (INTEGERS, STRINGS)):
        yield case("SVMClassifier", [normal((6, features))], machine(classes, kernel, labels), 2, **options)
    for transform, classes in itertools.product(TRANSFORMS[1:], (2, 3)):
        yield case("SVMClassifier", [normal((6, features))], machine(classes, "RBF", INTEGERS, post_transform=transform), 2, **options)
    for classes in (2, 3):
        pairs = classes * (classes - 1) // 2
        # onnxruntime stops its iteration of the probabilities at an error of 0.005 / classes.
        yield case("SVMClassifier", [normal((6, features))],
                   machine(classes, "RBF", INTEGERS, prob_a=floats(pairs, seed=5), prob_b=floats(pairs, seed=6)), 2, length=8,
                   slack=2000)
    for classes, labels in itertools.product((2, 3), (INTEGERS, STRINGS)):
        rows = {**first(labels, classes), "coefficients": floats(classes, features, seed=1), "rho": [0.1],
                "kernel_params": kernels["LINEAR"]}
        yield case("SVMClassifier", [normal((6, features))], rows, 2, **options)
    yield case("SVMClassifier", [normal((6, features))], {**rows, "coefficients": [abs(x) for x in rows["coefficients"]]}, 2, **options)
    for element in ("float64", "int32", "int64"):
        yield case("SVMClassifier", [integers(-3, 3, (6, features), element)], machine(3, "LINEAR", INTEGERS), 2, **options)
    yield case("SVMClassifier", [normal((6, features))], machine(3, "RBF", INTEGERS), 2, again=[normal((2, features), seed=9)],
               **options)

    for kernel, one_class in itertools.product(kernels, (0, 1)):
        attributes = {"coefficients": floats(5, seed=1), "rho": [0.3], "support_vectors": floats(5, features, seed=3), "n_supports": 5,
                      "kernel_type": kernel, "kernel_params": kernels[kernel], "one_class": one_class}
        yield case("SVMRegressor", [normal((6, features))], attributes, **options)
    yield case("SVMRegressor", [normal((6, features))], {"coefficients": floats(features, seed=1), "rho": [0.3], "n_supports": 0,
                                                            "kernel_params": kernels["LINEAR"]},
               **options)
    yield case("SVMRegressor", [normal((6, features))], attributes, again=[normal((3, features), seed=9)], **options)


# --- trees -----------------------------------------------------------------------------------------------------------


def trees(count, depth, prefix, columns, modes=("BRANCH_LEQ",), seed=0, missing=False, doubles=False, positive=False,
          column_of=None):
    """`count` full trees over 4 features; each leaf has a weight of each column, or of one."""
    random = numpy.random.default_rng(seed)
    nodes = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                                   "missing_value_tracks_true")}
    leaves = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(count):
        for node in range(2 ** (depth + 1) - 1):
            is_leaf = node >= 2 ** depth - 1
            row = (tree, node, 0 if is_leaf else int(random.integers(4)), 0.0 if is_leaf else float(random.standard_normal()),
                   "LEAF" if is_leaf else str(random.choice(modes)), 0 if is_leaf else 2 * node + 1, 0 if is_leaf else 2 * node + 2,
                   int(missing and random.integers(2)))
            for name, value in zip(nodes, row):
                nodes[name].append(value)
            for column in range(columns) if is_leaf and column_of is None else [column_of] if is_leaf else []:
                weight = abs(random.standard_normal()) if positive else random.standard_normal()
                for name, value in zip(leaves, (tree, node, column, float(F32.type(weight)))):
                    leaves[name].append(value)
    attributes = {f"nodes_{name}": values for name, values in nodes.items()}
    attributes.update({f"{prefix}_{name}": values for name, values in leaves.items()})
    attributes["nodes_values"] = [float(F32.type(value)) for value in attributes["nodes_values"]]
    if not missing:
        del attributes["nodes_missing_value_tracks_true"]
    if doubles:
        for name in ("nodes_values", f"{prefix}_weights"):
            attributes[name + "_as_tensor"] = numpy_helper.from_array(numpy.array(attributes.pop(name), F64))
    return attributes


def forests():
    x = normal((9, 4), seed=3)
    holes = x.copy()
    holes[::2, 1], holes[1::3, 2] = numpy.nan, numpy.nan
    integer_labels, string_labels = {"classlabels_int64s": [7, 3, 11]}, STRINGS
    for transform, labels in itertools.product(TRANSFORMS, (integer_labels, string_labels)):
        yield case("TreeEnsembleClassifier", [x], {**trees(3, 3, "class", 3), **labels, "post_transform": transform}, 2, length=3)
    for modes in itertools.product(("BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"), ("BRANCH_LEQ",)):
        yield case("TreeEnsembleClassifier", [x], {**trees(2, 2, "class", 3, modes), **integer_labels}, 2, length=3)
    yield case("TreeEnsembleClassifier", [holes], {**trees(4, 3, "class", 3, missing=True), **integer_labels}, 2, length=4)
    yield case("TreeEnsembleClassifier", [x], {**trees(4, 3, "class", 3), **integer_labels, "base_values": [0.5, -1.0, 0.25]}, 2, length=4)
    for positive, column, transform in itertools.product((False, True), (0, 1), ("NONE", "LOGISTIC")):
        yield case("TreeEnsembleClassifier", [x], {**trees(2, 2, "class", 2, positive=positive, column_of=column),
                                                   **first(integer_labels, 2), "post_transform": transform}, 2, length=3)
    yield case("TreeEnsembleClassifier", [x], {**trees(2, 2, "class", 2, column_of=0), **first(string_labels, 2), "base_values": [0.1]},
               2, length=3)
    for element in ("float64", "int32", "int64"):
        yield case("TreeEnsembleClassifier", [integers(-2, 3, (9, 4), element)], {**trees(3, 3, "class", 3), **integer_labels}, 2, length=3)
    yield case("TreeEnsembleClassifier", [x.astype(F64)], {**trees(3, 3, "class", 3, doubles=True), **integer_labels}, 2, length=3)
    yield case("TreeEnsembleClassifier", [x], {**trees(3, 3, "class", 3), **integer_labels}, 2, length=3, again=[x[:2]])

    for aggregate, targets in itertools.product(("SUM", "AVERAGE", "MIN", "MAX"), (1, 2)):
        attributes = {**trees(3, 3, "target", targets), "n_targets": targets, "aggregate_function": aggregate}
        yield case("TreeEnsembleRegressor", [x], attributes, length=3)
        yield case("TreeEnsembleRegressor", [x], {**attributes, "base_values": [0.5, -1.0][:targets]}, length=3)
    for transform in TRANSFORMS[1:]:
        yield case("TreeEnsembleRegressor", [x], {**trees(3, 2, "target", 2), "n_targets": 2, "post_transform": transform}, length=3)
    yield case("TreeEnsembleRegressor", [holes], {**trees(3, 3, "target", 1, missing=True), "n_targets": 1}, length=3)
    yield case("TreeEnsembleRegressor", [x.astype(F64)], {**trees(3, 3, "target", 1, doubles=True), "n_targets": 1}, length=3)
    yield case("TreeEnsembleRegressor", [x], {**trees(3, 3, "target", 1), "n_targets": 1}, length=3, again=[x[:4]])


# --- features --------------------------------------------------------------------------------------------------------


def features():
    for norm, element in itertools.product(("MAX", "L1", "L2"), ("float32", "float64", "int32", "int64")):
        yield case("Normalizer", [integers(1, 9, (4, 5), element) if element[0] == "i" else numpy.abs(normal((4, 5), element))],
                   {"norm": norm}, length=5)
    for norm in ("MAX", "L1", "L2"):
        yield case("Normalizer", [numpy.array([[0, 0, 0], [1, 2, 3]], F32)], {"norm": norm}, length=3)
    yield case("Normalizer", [numpy.abs(normal((4, 5)))], {"norm": "L2"}, length=5, again=[numpy.abs(normal((2, 7)))])
    for element in ("float32", "float64", "int32", "int64"):
        x = integers(-5, 6, (3, 4), element)
        for offset, scale in (([0.5], [2.0]), (floats(4), floats(4, seed=1))):
            yield case("Scaler", [x], {"offset": offset, "scale": scale})
        yield case("OneHotEncoder", [x], {"cats_int64s": [-2, 0, 3, 5]},
                   want=lambda x: [(x[..., None] == numpy.array([-2, 0, 3, 5])).astype(F32)])
    yield case("Scaler", [normal((3, 4))], {"offset": floats(4), "scale": floats(4, seed=1)}, again=[normal((6, 4), seed=2)])
    words = numpy.array([["b", "x"], ["a", "c"]], object)
    yield case("OneHotEncoder", [words], {"cats_strings": ["a", "b", "c"]})
    yield case("OneHotEncoder", [integers(0, 4, (5,), "int64")], {"cats_int64s": [3, 1], "zeros": 1})
    yield case("OneHotEncoder", [integers(0, 4, (2, 3), "int64")], {"cats_int64s": [3, 1]}, again=[integers(0, 4, (4, 1), "int64")])

    x = normal((3, 4))
    x[0, 1], x[2, 3], x[1, 1] = numpy.nan, numpy.nan, 0
    for values in ([9.0], [1.0, 2.0, 3.0, 4.0]):
        for element in (F32, F64):
            for replaced, hits in ((math.nan, numpy.isnan), (0.0, lambda x: x == 0)):
                yield case("Imputer", [x.astype(element)], {"imputed_value_floats": values, "replaced_value_float": replaced},
                           want=lambda x, values=values, hits=hits: [numpy.where(hits(x), numpy.array(values, x.dtype), x)])
        for element in ("int32", "int64"):
            yield case("Imputer", [integers(0, 3, (3, 4), element)], {"imputed_value_int64s": [int(v) for v in values],
                                                                       "replaced_value_int64": 1},
                       want=lambda x, values=values: [numpy.where(x == 1, numpy.array(values, x.dtype), x)])
    yield case("Imputer", [x], {"imputed_value_floats": [2.0], "replaced_value_float": math.nan}, again=[x[:, :2].copy()])

    for element, count in itertools.product(("float32", "float64", "int32", "int64"), (1, 2, 3)):
        parts = [integers(0, 9, (3, width), element, width) for width in (2, 4, 1)][:count]
        yield case("FeatureVectorizer", parts, {"inputdimensions": [part.shape[1] for part in parts]})
    yield case("FeatureVectorizer", [normal((3, 2)), normal((3, 4), seed=1)], {"inputdimensions": [2, 4]},
               again=[normal((5, 2)), normal((5, 4), seed=1)])
    yield case("CategoryMapper", [words], {"cats_strings": ["a", "b", "c"], "cats_int64s": [5, 6, 7], "default_int64": -3})
    yield case("CategoryMapper", [integers(4, 9, (3, 2), "int64")],
               {"cats_strings": ["a", "b", "c"], "cats_int64s": [5, 6, 7], "default_string": "none"})
    yield case("CategoryMapper", [integers(4, 9, (3, 2), "int64")], {"cats_strings": ["a", "b", "c"], "cats_int64s": [5, 6, 7]},
               again=[integers(4, 9, (1, 5), "int64")])


def encoders():
    """LabelEncoder of every pair of types, at the versions that have it."""
    words, numbers, reals = ["a", "b", "c"], [5, -1, 7], [0.5, -2.0, 3.0]
    operands = {"strings": numpy.array([["b", "x"], ["a", "c"]], object), "int64s": numpy.array([[7, 8], [5, -1]]),
                "floats": numpy.array([[3.0, 1.0], [0.5, -2.0]], F32)}
    lists = {"strings": words, "int64s": numbers, "floats": reals}
    for (source, keys), (target, values) in itertools.product(lists.items(), repeat=2):
        defaults = {"strings": {"default_string": "no"}, "int64s": {"default_int64": 99}, "floats": {"default_float": 0.25}}[target]
        yield case("LabelEncoder", [operands[source]], {f"keys_{source}": keys, f"values_{target}": values, **defaults})
    yield case("LabelEncoder", [operands["int64s"]], {"keys_int64s": numbers, "values_int64s": [1, 2, 3]},
               again=[numpy.array([[5, 5, 7]])])


def first_encoders():
    words = {"classes_strings": ["a", "b", "c"]}
    opsets = {"": 21, "ai.onnx.ml": 1}
    yield case("LabelEncoder", [numpy.array([["b", "x"], ["a", "c"]], object)], {**words, "default_int64": 9}, opsets=opsets)
    yield case("LabelEncoder", [numpy.array([[2, 7], [0, 1]])], {**words, "default_string": "none"}, opsets=opsets)


CASES = [case for group in (linear, support_vectors, forests, features, encoders) for case in group()]
FIRST = list(first_encoders())
