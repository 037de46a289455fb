// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_REDUCTION
#define TEGULA_GRAPH_REDUCTION

include "tegula/Dialect/Graph/IR/GraphBase.td"

// The reduced dimensions are the attribute `axes` or, when they are known only at run time, the operand `run_time_axes`.
class Graph_ReduceOp<string mnemonic, string meaning, Type tensor = Graph_NumericTensor>
    : Graph_PureOp<mnemonic> {
  let summary = meaning;
  let description = meaning # [{ Reduces the dimensions `axes` (each in 0..rank-1, none twice; none at all reduces nothing,
    so that every element is a set of its own), or those that the one-dimensional integer operand `run_time_axes` names
    (negative ones count from the back; out of range is a run-time error; with `empty_reduces_all` all of them when it
    has no elements). A reduced dimension stays with extent 1 when
    `keep_dimensions` is set and goes otherwise. f16 and bf16 accumulate in f32. The order of a float sum is unspecified.}];
  let arguments = (ins tensor:$x, Optional<Graph_IndexTensor>:$run_time_axes, OptionalAttr<DenseI64ArrayAttr>:$axes,
                       DefaultValuedAttr<BoolAttr, "true">:$keep_dimensions,
                       DefaultValuedAttr<BoolAttr, "false">:$empty_reduces_all);
  let results = (outs tensor:$y);
  let assemblyFormat = "$x (`over` $run_time_axes^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Graph_ReduceSumOp : Graph_ReduceOp<"reduce_sum", "Sum; of an empty set 0.">;
def Graph_ReduceMeanOp : Graph_ReduceOp<"reduce_mean",
    "Sum divided by the number of elements; of an empty set NaN, or 0 for integers (which truncate).">;
def Graph_ReduceProductOp : Graph_ReduceOp<"reduce_product", "Product; of an empty set 1.">;
def Graph_ReduceMaxOp : Graph_ReduceOp<"reduce_max",
    "Largest element, NaN if there is one; of an empty set minus infinity, or the lowest integer.">;
def Graph_ReduceMinOp : Graph_ReduceOp<"reduce_min",
    "Smallest element, NaN if there is one; of an empty set infinity, or the highest integer.">;
def Graph_ReduceLogSumExpOp : Graph_ReduceOp<"reduce_log_sum_exp",
    "log(sum(exp(x))) without overflow; of an empty set minus infinity.", Graph_FloatTensor>;

class Graph_ArgReduceOp<string mnemonic, string meaning> : Graph_PureOp<mnemonic> {
  let summary = meaning;
  let description = meaning # [{ Along dimension `axis` (0..rank-1), which stays with extent 1 when `keep_dimensions` is
    set and goes otherwise. Of equal elements the first counts, or the last when `select_last` is set; a NaN counts as
    the extreme.}];
  let arguments = (ins Graph_NumericTensor:$x, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "true">:$keep_dimensions,
                       DefaultValuedAttr<BoolAttr, "false">:$select_last);
  let results = (outs TensorOf<[I64]>:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}
def Graph_ArgMaxOp : Graph_ArgReduceOp<"arg_max", "Index of the largest element.">;
def Graph_ArgMinOp : Graph_ArgReduceOp<"arg_min", "Index of the smallest element.">;

class Graph_SoftmaxLikeOp<string mnemonic, string meaning> : Graph_PureOp<mnemonic, [SameOperandsAndResultElementType]> {
  let summary = meaning;
  let description = meaning # [{ The slices extend over the dimensions `axes` (each in 0..rank-1, none twice) together;
    the result has the operand's shape. f16 and bf16 compute in f32.}];
  let arguments = (ins Graph_FloatTensor:$x, DenseI64ArrayAttr:$axes);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($y)";
  let hasVerifier = 1;
}
def Graph_SoftmaxOp : Graph_SoftmaxLikeOp<"softmax", "exp(x - max) / sum(exp(x - max)) of every slice.">;
def Graph_LogSoftmaxOp : Graph_SoftmaxLikeOp<"log_softmax", "x - max - log(sum(exp(x - max))) of every slice.">;
def Graph_HardmaxOp : Graph_SoftmaxLikeOp<"hardmax",
    "1 at the first largest element of every slice and 0 elsewhere; `axes` are consecutive.">;

def Graph_LayerNormOp : Graph_PureOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "Normalization to zero mean and unit variance over the trailing dimensions.";
  let description = [{
    With mean and (population) variance taken over the dimensions `axis`..rank-1:
    `inverse_deviation = 1 / sqrt(variance + epsilon)`, `y = (x - mean) * inverse_deviation * scale + bias`; `scale` and
    `bias` broadcast to x and may be absent. `mean` and `inverse_deviation` have extent 1 in the normalized dimensions.
    f16 and bf16 compute in f32 and round once.
  }];
  let arguments = (ins Graph_FloatTensor:$x, Optional<Graph_FloatTensor>:$scale, Optional<Graph_FloatTensor>:$bias,
                       I64Attr:$axis, F32Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$y, Graph_FloatTensor:$mean, Graph_FloatTensor:$inverse_deviation);
  let assemblyFormat = [{
    $x (`scale` $scale^)? (`bias` $bias^)? attr-dict `:` type($x) (`,` `scale` type($scale)^)? (`,` `bias` type($bias)^)? `->` type(results)
  }];
  let hasVerifier = 1;
}

def Graph_RmsNormOp : Graph_PureOp<"rms_norm"> {
  let summary = "Division by the root of the mean square over the trailing dimensions.";
  let description = [{
    `y = x / sqrt(mean(x * x) + epsilon) * scale` with the mean over the dimensions `axis`..rank-1; `scale` broadcasts to
    x and may be absent. f16 and bf16 compute in f32 and round once.
  }];
  let arguments = (ins Graph_FloatTensor:$x, Optional<Graph_FloatTensor>:$scale, I64Attr:$axis, F32Attr:$epsilon);
  let results = (outs Graph_FloatTensor:$y);
  let assemblyFormat = "$x (`scale` $scale^)? attr-dict `:` type(operands) `->` type($y)";
  let hasVerifier = 1;
}

class Graph_CumulativeOp<string mnemonic, string meaning> : Graph_PureOp<mnemonic> {
  let summary = meaning;
  let description = meaning # [{ Element i along the dimension `axis` (a scalar, -rank..rank-1, else a run-time error)
    combines the elements 0..i of its line, without its own when `exclusive` is set; `reverse` starts at the end. The
    result has the operand's shape. f16 and bf16 accumulate in f32.}];
  let arguments = (ins Graph_NumericTensor:$x, Graph_IndexTensor:$axis,
                       DefaultValuedAttr<BoolAttr, "false">:$exclusive, DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Graph_NumericTensor:$y);
  let assemblyFormat = "$x `along` $axis attr-dict `:` type($x) `,` type($axis) `->` type($y)";
}
def Graph_CumulativeSumOp : Graph_CumulativeOp<"cumulative_sum", "Running sum.">;
def Graph_CumulativeProductOp : Graph_CumulativeOp<"cumulative_product", "Running product.">;

#endif
