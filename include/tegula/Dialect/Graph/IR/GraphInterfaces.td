// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_GRAPH_INTERFACES
#define TEGULA_GRAPH_INTERFACES

include "mlir/IR/OpBase.td"

def InferShapesOpInterface : OpInterface<"InferShapesOpInterface"> {
  let cppNamespace = "::tegula::graph";
  let description = [{
    Computes result types from operand types, attributes and those operands that are constants. The shape inference
    pass joins the answer with the types that the op already has; a dimension that nobody knows stays dynamic.
  }];
  let methods = [InterfaceMethod<
    [{Appends one type per result. An unranked tensor type says "nothing known". Fails, with a diagnostic on the op,
      only when the operands contradict each other.}],
    "::llvm::LogicalResult", "inferTypes", (ins "::llvm::SmallVectorImpl<::mlir::Type> &":$types)>];
}

#endif
