# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Cases of one operator each, compared with onnxruntime or with a reference in numpy; many share one compiled model."""
import dataclasses
import textwrap
from typing import Callable, Optional, Sequence

import ml_dtypes
import numpy
import onnxruntime
import pytest
from onnx import helper, numpy_helper

OPSETS = {"": 21, "com.microsoft": 1, "ai.onnx.ml": 3}
BFLOAT16 = numpy.dtype(ml_dtypes.bfloat16)
NARROW_INTEGERS = [numpy.dtype(element) for element in (ml_dtypes.int2, ml_dtypes.uint2, ml_dtypes.int4, ml_dtypes.uint4)]


@dataclasses.dataclass
class Case:
    """`again`: the operands of a second run. The dimensions in which they differ from `operands` are symbolic."""
    operator: str
    operands: Sequence[Optional[numpy.ndarray]]
    attributes: dict = dataclasses.field(default_factory=dict)
    results: Sequence[bool] = (True,)  # which results are asked for
    again: Optional[Sequence[Optional[numpy.ndarray]]] = None
    want: Optional[Callable] = None  # (*operands) -> results; None: onnxruntime
    length: int = 1  # of the longest sum that an element of a result is
    quanta: int = 0  # how far integers may be off
    slack: float = 1  # a factor of the tolerance, for results that are steeper than sums
    valid: Optional[Callable] = None  # (results) -> the parts of them that the operator defines
    constants: Sequence[int] = ()  # operands that are initializers
    are_alike: bool = False  # results have the type of operand 0, which onnxruntime cannot infer
    domain: str = "com.microsoft"
    opsets: dict = dataclasses.field(default_factory=lambda: OPSETS)  # the same for all cases of a model

    def runs(self):
        return [self.operands] if self.again is None else [self.operands, self.again]

    @property
    def is_dynamic(self):
        return self.again is not None


def tolerance(element, length):
    """How far a sum of `length` products may be off, relative to the largest result: rounding errors of the element type
    (of f32 inside, for narrower ones) grow with the root of the length, and the result is rounded a few times."""
    element = numpy.dtype(element)
    epsilon = float(ml_dtypes.finfo(element).eps)
    inner = min(epsilon, float(numpy.finfo(numpy.float32).eps))
    return 4 * epsilon + 4 * inner * (8 + length ** 0.5)


def assert_close(got, want, case, label):
    if want.dtype.kind in "OU":
        assert got.tolist() == want.tolist(), f"{label}: expected {want.tolist()}, but got {got.tolist()}"
        return
    assert got.shape == want.shape, f"{label}: expected shape {want.shape}, but got {got.shape}"
    assert got.dtype == want.dtype, f"{label}: expected {want.dtype}, but got {got.dtype}"
    if got.size == 0:
        return
    if got.dtype.kind in "iub" or got.dtype in NARROW_INTEGERS:
        difference = numpy.abs(got.astype(numpy.int64) - want.astype(numpy.int64))
        assert difference.max() <= case.quanta, f"{label}: off by up to {difference.max()}"
        return
    wide, wanted = got.astype(numpy.float64), want.astype(numpy.float64)
    finite = numpy.isfinite(wanted)
    assert numpy.array_equal(wide[~finite], wanted[~finite], equal_nan=True), f"{label}: special values differ"
    if finite.any():
        bound = tolerance(got.dtype, case.length) * case.slack
        largest = numpy.abs(wanted[finite]).max()
        error = numpy.abs(wide - wanted)[finite] - bound * numpy.abs(wanted[finite])
        assert error.max() <= bound * largest, (
            f"{label}: off by up to {numpy.abs(wide - wanted)[finite].max()}, with a largest value of {largest} "
            f"and a tolerance of {bound}")


def element_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def make_model(cases, wanted=None, runs=None):
    """One node per case. `wanted`: results, which say the types of the outputs; without, these are left to be inferred.
    `runs`: the operands of each case, when they are not the case's own."""
    nodes, inputs, outputs, initializers = [], [], [], []
    for i, case in enumerate(cases):
        variants = case.runs() if runs is None else [runs[i]]
        names = []
        for k, operand in enumerate(variants[0]):
            if operand is None:
                names.append("")
                continue
            name = f"x{i}_{k}"
            names.append(name)
            if k in case.constants:
                initializers.append(numpy_helper.from_array(operand, name))
                continue
            shapes = [variant[k].shape for variant in variants]
            dims = [extents[0] if len(set(extents)) == 1 else f"d{i}_{k}_{axis}"
                    for axis, extents in enumerate(zip(*shapes))]
            inputs.append(helper.make_tensor_value_info(name, element_type(operand), dims))
        while names and not names[-1]:
            names.pop()
        results = [f"y{i}_{k}" if asked else "" for k, asked in enumerate(case.results)]
        nodes.append(helper.make_node(case.operator, names, results, domain=case.domain, **case.attributes))
        for k, name in enumerate(filter(None, results)):
            if wanted or case.are_alike:
                like = wanted[i][k] if wanted else variants[0][0]
                outputs.append(helper.make_tensor_value_info(name, element_type(like), None))
            else:
                outputs.append(helper.make_empty_tensor_value_info(name))
    graph = helper.make_graph(nodes, "cases", inputs, outputs, initializers)
    opsets = [helper.make_opsetid(domain, version) for domain, version in cases[0].opsets.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def feeds(cases, operands):
    return {f"x{i}_{k}": operand for i, (case, given) in enumerate(zip(cases, operands))
            for k, operand in enumerate(given) if operand is not None and k not in case.constants}


def split(cases, results):
    results, parts = list(results), []
    for case in cases:
        count = sum(case.results)
        parts.append(results[:count])
        results = results[count:]
    return parts


def widened(array):
    """f32 in place of 16-bit floats, in which onnxruntime's CPU provider has few operators."""
    if array is not None and array.dtype in (numpy.float16, BFLOAT16):
        return array.astype(numpy.float32)
    return array


def run_onnxruntime(cases, operands):
    """The results of the nodes, unfused, with 16-bit floats computed in f32 and rounded once."""
    wide = [[widened(operand) for operand in given] for given in operands]
    model = make_model(cases, runs=wide)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = split(cases, session.run(None, feeds(cases, wide)))
    for case, given, results in zip(cases, operands, wanted):
        narrow = next((operand.dtype for operand in given
                       if operand is not None and operand.dtype in (numpy.float16, BFLOAT16)), None)
        if narrow is not None:
            results[:] = [result.astype(narrow) if result.dtype == numpy.float32 else result for result in results]
    return wanted


def expected(cases, turn):
    """The reference results of run `turn` of each case."""
    operands = [case.runs()[min(turn, len(case.runs()) - 1)] for case in cases]
    wanted = [None] * len(cases)
    by_runtime = [i for i, case in enumerate(cases) if case.want is None]
    if by_runtime:
        results = run_onnxruntime([cases[i] for i in by_runtime], [operands[i] for i in by_runtime])
        for i, result in zip(by_runtime, results):
            wanted[i] = result
    for i, case in enumerate(cases):
        if case.want is not None:
            wanted[i] = [result for result, asked in zip(case.want(*operands[i]), case.results) if asked]
    return operands, wanted


def describe(case):
    operands = ", ".join("-" if x is None else f"{x.dtype}{list(x.shape)}" for x in case.operands)
    attributes = ", ".join(f"{name}={textwrap.shorten(str(value), 40)}" for name, value in case.attributes.items())
    return f"{case.operator}({operands}) {attributes}"


def compile_cases(cases, wanted, **options):
    """The compiled model; when it does not compile, the failures of its single cases."""
    import tegula  # the tables of cases are read where nothing is built, too

    try:
        return tegula.compile(make_model(cases, wanted), **options)
    except tegula.TegulaError:
        failures = []
        for case, results in zip(cases, wanted):
            try:
                tegula.compile(make_model([case], [results]), **options)
            except tegula.TegulaError as error:
                failures.append(f"{describe(case)}: {error}")
        pytest.fail("\n".join(failures) or "the cases compile alone, but not together")


def check(cases, **options):
    """Compiles all cases as one model and compares every run."""
    turns = [expected(cases, turn) for turn in range(max(len(case.runs()) for case in cases))]
    model = compile_cases(cases, turns[0][1], **options)
    failures = []
    for turn, (operands, wanted) in enumerate(turns):
        got = split(cases, model.run(feeds(cases, operands)))
        for case, results, wants in zip(cases, got, wanted):
            if case.valid:
                results, wants = case.valid(*results), case.valid(*wants)
            for k, (result, want) in enumerate(zip(results, wants, strict=True)):
                try:
                    assert_close(numpy.asarray(result), numpy.asarray(want), case, f"result {k}")
                except AssertionError as error:
                    failures.append(f"{describe(case)}, run {turn}: {error}")
    assert not failures, "\n".join(failures)
