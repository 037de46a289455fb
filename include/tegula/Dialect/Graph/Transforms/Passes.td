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
    Without a constant op nothing is compiled.
  }];
  let dependentDialects = ["::tegula::graph::GraphDialect", "::mlir::func::FuncDialect"];
}

def GraphListUnsupportedPass : Pass<"graph-list-unsupported", "::mlir::ModuleOp"> {
  let summary = "Fails with one error per ONNX node that nothing can lower";
  let description = [{
    Every `graph.onnx` carrier becomes an error that names operator, opset and, where the importer knew it, the reason;
    all of them at once, so that a user sees the whole list. Without a carrier nothing happens.
  }];
}

#endif
