// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_TRANSFORMS_PASSES
#define TEGULA_GRAPH_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def GraphInferShapesPass : Pass<"graph-infer-shapes", "::mlir::func::FuncOp"> {
  let summary = "Computes result types from operand types and constants, folding shape arithmetic on the way";
  let dependentDialects = ["::tegula::graph::GraphDialect"];
}

def GraphListUnsupportedPass : Pass<"graph-list-unsupported", "::mlir::ModuleOp"> {
  let summary = "Fails with one error per ONNX node that nothing can lower";
}

#endif
