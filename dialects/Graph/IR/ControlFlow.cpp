// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of ops with regions. Their regions are inferred before them; see InferShapes.cpp.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Types.h"

using namespace mlir;
using namespace tegula::graph;

static YieldOp getYield(Region &region) { return cast<YieldOp>(region.front().getTerminator()); }

LogicalResult IfOp::inferTypes(SmallVectorImpl<Type> &types) {
  for (auto [first, second] : llvm::zip(getYield(getThenRegion()).getValues(), getYield(getElseRegion()).getValues())) {
    Type type = meetTypes(first.getType(), second.getType());
    if (!type)
      return emitOpError("expected equal element types of both branches, but got ")
             << first.getType() << " and " << second.getType();
    types.push_back(type);
  }
  return success();
}

LogicalResult IfOp::verify() {
  for (Region *region : {&getThenRegion(), &getElseRegion()}) {
    auto yield = dyn_cast<YieldOp>(region->front().getTerminator());
    if (!yield || yield.getNumOperands() != getNumResults() || region->getNumArguments() != 0)
      return emitOpError("expected regions without arguments that yield ") << getNumResults() << " values";
  }
  return success();
}

LogicalResult LoopOp::inferTypes(SmallVectorImpl<Type> &types) {
  YieldOp yield = getYield(getBody());
  size_t carried = getInitial().size();
  for (BlockArgument argument : getBody().getArguments().drop_front(2))
    types.push_back(argument.getType());
  for (Value scanned : yield.getValues().drop_front(1 + carried)) {
    auto type = cast<TensorType>(scanned.getType());
    if (!type.hasRank()) {
      types.push_back(type);
      continue;
    }
    SmallVector<int64_t> shape{ShapedType::kDynamic};
    llvm::append_range(shape, type.getShape());
    types.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  return success();
}

LogicalResult LoopOp::verify() {
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  size_t carried = getInitial().size();
  if (getBody().getNumArguments() != carried + 2)
    return emitOpError("expected a region of ") << carried + 2 << " arguments, but got " << getBody().getNumArguments();
  if (!yield || yield.getNumOperands() < carried + 1 || yield.getNumOperands() - 1 != getNumResults())
    return emitOpError("expected a region that yields a condition and ") << getNumResults() << " values";
  for (Value scanned : yield.getValues().drop_front(1 + carried))
    if (!isa<TensorType>(scanned.getType()))
      return emitOpError("expected scanned values to be tensors, but got ") << scanned.getType();
  return success();
}

void YieldOp::build(OpBuilder &, OperationState &) {} // without values
