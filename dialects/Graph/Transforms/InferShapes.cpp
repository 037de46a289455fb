// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph ops whose result types are what the importer knew, often with dynamic dimensions or unranked.
// Out: every result type joined with what InferShapesOpInterface computes; shape arithmetic that became constant is
//      folded on the way, so that a Shape -> Gather -> Concat -> Reshape chain gives a static type.
// Algorithm: one walk in program order. Each op is folded first (its operands are final by then); if it stays, its
// types are inferred and joined. Function result types follow at the end.
//
//   %s = graph.shape %x ... : tensor<2x3xf32> -> tensor<2xi64>      %s = graph.constant dense<[2, 3]>
//   %r = graph.reshape %y, %s : ... -> tensor<*xf32>          =>    %r = graph.reshape %y, %s : ... -> tensor<2x3xf32>
#include "tegula/Dialect/Graph/IR/Types.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/FoldUtils.h"

using namespace mlir;

namespace tegula {
#define GEN_PASS_DEF_GRAPHINFERSHAPESPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

namespace {
struct GraphInferShapesPass : tegula::impl::GraphInferShapesPassBase<GraphInferShapesPass> {
  LogicalResult visit(Operation *op, OperationFolder &folder) {
    if (op->hasTrait<OpTrait::ConstantLike>())
      return success();
    auto interface = dyn_cast<tegula::graph::InferShapesOpInterface>(op);
    if (!interface)
      return success();
    SmallVector<Type> types;
    if (failed(interface.inferTypes(types)))
      return failure();
    for (auto [result, inferred] : llvm::zip(op->getResults(), types)) {
      Type joined = tegula::graph::joinTypes(result.getType(), inferred);
      if (!joined)
        return op->emitOpError("expected result type ") << result.getType() << " as the model says, but got " << inferred;
      result.setType(joined);
    }
    (void)folder.tryToFold(op);
    return success();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isDeclaration())
      return;
    OperationFolder folder(&getContext());
    SmallVector<Operation *> operations;
    function.walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op != function)
        operations.push_back(op);
    });
    for (Operation *op : operations)
      if (failed(visit(op, folder)))
        return signalPassFailure();
    Operation *terminator = function.getBody().back().getTerminator();
    function.setFunctionType(
        FunctionType::get(&getContext(), function.getArgumentTypes(), SmallVector<Type>(terminator->getOperandTypes())));
  }
};
} // namespace
