// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_TRANSFORMS_PASSES
#define TEGULA_GRAPH_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def GraphInferShapesPass : Pass<"graph-infer-shapes", "::mlir::func::FuncOp"> {
  let summary = "Computes result types from operand types and constants, folding shape arithmetic on the way";
  let description = [{
    Visits the ops of a function in program order: folds each, infers its result types from its operands (types and, for
    shape operands, constant values) and joins them with what the model declares. A contradiction is an error. The
    function's result types follow.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphFuseBatchNormPass : Pass<"graph-fuse-batch-norm", "::mlir::func::FuncOp"> {
  let summary = "Folds batch normalization into the convolution before it";
  let description = [{
    A `graph.batch_norm` whose operand is a `graph.conv` with no other use, with weight, bias and all statistics constant
    f32, is one convolution: weight scaled per output channel by scale / sqrt(variance + epsilon), bias shifted. The new
    constants are computed in f64 and rounded once.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphFoldConstantsPass : Pass<"graph-fold-constants", "::mlir::ModuleOp"> {
  let summary = "Evaluates what follows from constants alone";
  let description = [{
    Ops whose operands are constants, and ops on their results, are computed by the constant evaluator, which compiles them
    for the baseline of this machine's architecture and runs them in this process, all in one program; constants take
    their place. What would be far bigger than what it is computed from stays an op, so a splat stays a splat; so does
    what takes too long, and what fails, with a remark that says why. Shapes are inferred again where they became known.
    Without a constant op nothing is compiled. With `keep-dequantized`, dequantization stays, for graph-fold-qdq.
  }];
  let options = [Option<"keepDequantized", "keep-dequantized", "bool", "false",
                        "leave dequantized constants to graph-fold-qdq">];
  let dependentDialects = ["::tegula::graph::GraphDialect", "::mlir::func::FuncDialect"];
}

def GraphFoldQDQPass : Pass<"graph-fold-qdq", "::mlir::func::FuncOp"> {
  let summary = "Makes contractions of dequantized values integer contractions, and moves dequantization behind movement";
  let description = [{
    `graph.conv` and `graph.matmul` of two dequantized 8-bit operands become the contraction of the integers with an i32
    accumulator, a cast and one multiplication by the product of the scales; a bias of that product's scale is added to
    the sum, another one to the real result. Quantization that follows stays and is computed with it. A quantization that
    takes a value back to the integers that it was made of, directly or through ops that only move elements or choose
    the largest, goes: the ops work on the integers. So does one behind factors if each integer comes out as it was, and
    what adds 0 to dequantized values or multiplies them by 1. One that is alone in reading scaled sums, behind a constant summand,
    bound or Relu perhaps, divides their scale and these constants by its own; a Relu goes where the type's lowest
    integer is zero.

    Sums are exact, so that results differ from the float form by its rounding: at most one quantization step after
    quantization. Float results are those of exact sums.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphLowerPrecisionPass : Pass<"graph-lower-precision", "::mlir::func::FuncOp"> {
  let summary = "With the precision bf16: contractions bound by arithmetic read bf16 and sum in f32";
  let description = [{
    Where the module's `graph.precision` is bf16, each `graph.conv` and `graph.matmul` of f32 that does 16 multiply-adds
    or more for each element that it reads or writes gets operands of bf16 and keeps its f32 result. Weights are rounded
    by casts, which graph-fold-constants evaluates; other operands where they are computed, behind what only moves them,
    so that they are stored in bf16. Elementwise ops read what is stored; softmax, normalizations, other reductions and
    the function's results stay f32. Each op that is changed, and what was changed in all, is a remark.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphPropagateLayoutPass : Pass<"graph-propagate-layout", "::mlir::func::FuncOp"> {
  let summary = "Moves transposes through the graph until they meet and cancel";
  let description = [{
    Transposes move down through elementwise ops, concatenations, reductions and softmax as long as no op gets more
    transposes than it had; those that meet their inverse vanish, others merge. A transpose of the last two dimensions of
    an operand of `graph.matmul` becomes its flag; small constants on the way are transposed back at compile time.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphBlockChannelsPass : Pass<"graph-block-channels", "::mlir::func::FuncOp"> {
  let summary = "Lays channels of images out in blocks as long as the target's vectors";
  let description = [{
    Convolutions of float images become `graph.blocked_conv` on [N, C / c, H, W, c], of f32, when their channels fill blocks
    of the target's vector length; on x86 with AVX2, those of 8-bit integers with i32 sums do whatever their channels. Ops
    between them that work in the same way on blocked values (elementwise ops, pools, concatenations of channels) follow.
    Relayouts, each a reshape and a transpose, are left at the borders of such regions. Weights are laid out, and
    transformed where Winograd's algorithm needs fewer multiplications (not with the precision f32-strict), by ops that
    graph-fold-constants evaluates. Without
    a CPU target on the module nothing changes.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphBlockColumnsPass : Pass<"graph-block-columns", "::mlir::func::FuncOp"> {
  let summary = "Lays constant weights of matrix products out in the order in which they are read";
  let description = [{
    A `graph.matmul` of floats with constant weights that nothing else reads becomes `graph.blocked_matmul`: columns lie in
    blocks as long as the target's vectors, by an op that graph-fold-constants evaluates. f32 weights that f16 or bf16 hold
    exactly are stored so. 8-bit weights that `graph.dequantize` scales by columns, without zero points, stay bytes, and the
    sums are scaled (not with the precision f32-strict). Plain stay weights below 32 KiB, those of f16 where the target has no instruction that widens
    them, those of bf16 where it sums products of pairs of bf16 in one instruction, and those whose last block would be
    filled up with more than a quarter of what there is. Without a CPU target on the module nothing changes.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphFuseAttentionPass : Pass<"graph-fuse-attention", "::mlir::func::FuncOp"> {
  let summary = "Makes one op of matrix product, softmax and matrix product";
  let description = [{
    `graph.softmax` along the last dimension of a `graph.matmul`, whose only use is the left operand of another one, becomes
    `graph.attention`, which no run stores the scores of. In between may stand a scale (multiplication or division by a
    number), a soft cap (tanh of a quotient, times the divisor), a summand, and a choice between scores and a number, in this
    order; behind the softmax, a choice of 0 for whole rows (not with the precision f32-strict, as what is multiplied
    with these zeros may be NaN or infinity). All are in one block, of f32, or of f16 or bf16 with five queries or more,
    and the number of elements that a query has is known. Where one of the steps has other uses or another form, or
    another op stands between softmax and product, as a cast of the precision bf16, a missed remark of the
    category `fusion` at the softmax says so.
    A softmax of rows of a flattened tensor that gets its shape back is one along the last dimension of the tensor.
    Without a CPU target on the module nothing changes.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphTabulateBytesPass : Pass<"graph-tabulate-bytes", "::mlir::func::FuncOp"> {
  let summary = "Makes functions of an 8-bit value that is quantized to 8 bits again elements of a table";
  let description = [{
    Elementwise ops, between the dequantization of one 8-bit tensor and a quantization to 8 bits, whose other operands are
    constant numbers, become an element of a table of 256 bytes if one of them takes long (exponentials, error
    function). The table is made by the same ops, which graph-fold-constants evaluates. Without a CPU target on the
    module nothing changes.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphVerifyLayoutPass : Pass<"graph-verify-layout", "::mlir::func::FuncOp"> {
  let summary = "Fails where two transposes follow each other: the contract of stage layout";
  let description = [{
    An edge between two computing ops holds at most one relayout. A transpose whose operand is a transpose is an error.
  }];
}

def GraphListUnsupportedPass : Pass<"graph-list-unsupported", "::mlir::ModuleOp"> {
  let summary = "Fails with one error per ONNX node that nothing can lower";
  let description = [{
    Every `graph.onnx` carrier becomes an error that names operator, opset and, where the importer knew it, the reason;
    all of them at once, so that a user sees the whole list. Without a carrier nothing happens.
  }];
}

#endif
