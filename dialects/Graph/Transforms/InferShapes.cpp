// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph ops whose result types are what the importer knew, often with dynamic dimensions or unranked.
// Out: every result type joined with what InferShapesOpInterface computes; shape arithmetic that became constant is
//      folded on the way, so that a Shape -> Gather -> Concat -> Reshape chain gives a static type.
// Algorithm: one walk in program order. Each op's types are inferred and joined, then it is folded; its operands are
// final by then. A graph.if of known condition is replaced by its branch; a graph.loop carries values of the types that
// all its rounds have in common. Function result types follow at the end.
//
//   %s = graph.shape %x ... : tensor<2x3xf32> -> tensor<2xi64>      %s = graph.constant dense<[2, 3]>
//   %r = graph.reshape %y, %s : ... -> tensor<*xf32>          =>    %r = graph.reshape %y, %s : ... -> tensor<2x3xf32>
#include "tegula/Dialect/Graph/IR/Constants.h"
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
        return op->emitOpError("expected result type ")
               << result.getType() << " as the model says, but got " << inferred;
      result.setType(joined);
    }
    (void)folder.tryToFold(op);
    return success();
  }

  /// Everything in `block`, in program order; ops with regions after their regions.
  LogicalResult visitBlock(Block &block, OperationFolder &folder) {
    for (Operation *op = block.empty() ? nullptr : &block.front(), *next = nullptr; op; op = next) {
      if (auto branch = dyn_cast<tegula::graph::IfOp>(op))
        if (auto condition = tegula::graph::getConstantIntegers(branch.getCondition());
            condition && !condition->empty()) {
          next = takeBranch(branch, condition->front() != 0);
          continue;
        }
      if (auto loop = dyn_cast<tegula::graph::LoopOp>(op))
        if (failed(settleArguments(loop)))
          return failure();
      for (Region &region : op->getRegions())
        for (Block &inner : region)
          if (failed(visitBlock(inner, folder)))
            return failure();
      next = op->getNextNode();
      if (failed(visit(op, folder)))
        return failure();
    }
    return success();
  }

  /// Puts the chosen branch in the place of a graph.if; returns the first op to go on with.
  static Operation *takeBranch(tegula::graph::IfOp branch, bool isThen) {
    Block &block = (isThen ? branch.getThenRegion() : branch.getElseRegion()).front();
    Operation *yield = block.getTerminator(), *first = &block.front();
    branch->replaceAllUsesWith(yield->getOperands());
    if (first == yield)
      first = branch->getNextNode();
    branch->getBlock()->getOperations().splice(branch->getIterator(), block.getOperations(), block.begin(),
                                               yield->getIterator());
    branch->erase();
    return first;
  }

  /// The types of a loop's carried values: those of the initial values, less what a round changes. Found on copies of
  /// the loop, since inference on the loop itself only ever adds knowledge.
  LogicalResult settleArguments(tegula::graph::LoopOp loop) {
    auto arguments = [](tegula::graph::LoopOp op) { return op.getBody().getArguments().drop_front(2); };
    SmallVector<Type> types;
    for (auto [argument, initial] : llvm::zip(arguments(loop), loop.getInitial())) {
      Type type = tegula::graph::joinTypes(argument.getType(), initial.getType());
      if (!type)
        return loop.emitOpError("expected carried values of one element type and rank, but got ")
               << argument.getType() << " and " << initial.getType();
      types.push_back(type);
    }
    for (bool changed = true; changed;) {
      changed = false;
      OpBuilder builder(loop);
      auto copy = cast<tegula::graph::LoopOp>(builder.clone(*loop));
      for (auto [argument, type] : llvm::zip(arguments(copy), types))
        argument.setType(type);
      LogicalResult inferred = success();
      {
        OperationFolder folder(&getContext());
        inferred = visitBlock(copy.getBody().front(), folder);
      }
      ValueRange next = copy.getBody().front().getTerminator()->getOperands().drop_front();
      for (auto [type, value] : llvm::zip(types, next)) {
        Type met = tegula::graph::meetTypes(type, value.getType());
        if (!met) {
          copy.erase();
          return loop.emitOpError("expected carried values to keep their element type, but got ")
                 << type << " and " << value.getType();
        }
        changed |= met != type;
        type = met;
      }
      copy.erase();
      if (failed(inferred))
        return failure();
    }
    for (auto [argument, type] : llvm::zip(arguments(loop), types))
      argument.setType(type);
    return success();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isDeclaration())
      return;
    OperationFolder folder(&getContext());
    for (Block &block : function.getBody())
      if (failed(visitBlock(block, folder)))
        return signalPassFailure();
    Operation *terminator = function.getBody().back().getTerminator();
    function.setFunctionType(FunctionType::get(&getContext(), function.getArgumentTypes(),
                                               SmallVector<Type>(terminator->getOperandTypes())));
  }
};
} // namespace
