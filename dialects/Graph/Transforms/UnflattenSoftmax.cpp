// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   %s = graph.shape %x
//   %f = graph.flatten %x {axis = 3}
//   %w = graph.softmax %f {axes = array<i64: 1>}      =>      %y = graph.softmax %x {axes = array<i64: 3>}
//   %y = graph.reshape %w, %s
#include "UnflattenSoftmax.h"

#include "tegula/Dialect/Graph/IR/Constants.h"

using namespace mlir;
using namespace tegula::graph;

static bool hasOneElement(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getNumElements() == 1 && type.getRank() <= 1;
}

/// Whether `op` quantizes or dequantizes all elements of a tensor alike.
static bool isScalarQuantization(Operation *op) {
  auto quantize = dyn_cast_or_null<QuantizeOp>(op);
  auto dequantize = dyn_cast_or_null<DequantizeOp>(op);
  if ((!quantize && !dequantize) || (quantize ? quantize.getBlockSize() : dequantize.getBlockSize()) != 0)
    return false;
  return llvm::all_of(llvm::drop_begin(op->getOperands()), hasOneElement);
}

/// Behind which tensor of the same shape `value` is.
static Value findShapeOrigin(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isScalarQuantization(op) && !isa<SoftmaxOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

void tegula::graph::unflattenSoftmax(SoftmaxOp softmax) {
  if (softmax.getAxes() != ArrayRef<int64_t>{1})
    return;
  SmallVector<Operation *> steps{softmax};
  Value top = softmax.getX();
  for (Operation *op = top.getDefiningOp(); isScalarQuantization(op) && top.hasOneUse(); op = top.getDefiningOp()) {
    steps.insert(steps.begin(), op);
    top = op->getOperand(0);
  }
  auto flatten = top.getDefiningOp<FlattenOp>();
  auto type = flatten ? dyn_cast<RankedTensorType>(flatten.getX().getType()) : RankedTensorType();
  if (!type || normalizeAxis(flatten.getAxis(), type.getRank()) != std::optional<int64_t>(type.getRank() - 1))
    return;
  Value bottom = softmax.getY();
  auto onlyUser = [&]() -> Operation * { return bottom.hasOneUse() ? *bottom.user_begin() : nullptr; };
  for (Operation *op = onlyUser(); isScalarQuantization(op) && op->getOperand(0) == bottom; op = onlyUser()) {
    steps.push_back(op);
    bottom = op->getResult(0);
  }
  auto reshape = dyn_cast_or_null<ReshapeOp>(onlyUser());
  auto shape = reshape && reshape.getX() == bottom ? reshape.getShape().getDefiningOp<ShapeOp>() : ShapeOp();
  auto result = reshape ? dyn_cast<RankedTensorType>(reshape.getType()) : RankedTensorType();
  if (!shape || !result || result.getShape() != type.getShape() || shape.getStart() != 0 ||
      int64_t(shape.getEnd()) != type.getRank() || findShapeOrigin(shape.getX()) != findShapeOrigin(flatten.getX()))
    return;
  steps.front()->setOperand(0, flatten.getX());
  for (Operation *step : steps)
    step->getResult(0).setType(type.clone(getElementTypeOrSelf(step->getResult(0).getType())));
  softmax.setAxes({type.getRank() - 1});
  reshape.replaceAllUsesWith(bottom);
  reshape.erase();
  for (Operation *op : {shape.getOperation(), flatten.getOperation()})
    if (op->use_empty())
      op->erase();
}
