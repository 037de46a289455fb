// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of contractions.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula::graph;

LogicalResult MatMulOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto lhs = dyn_cast<RankedTensorType>(getLhs().getType());
  auto rhs = dyn_cast<RankedTensorType>(getRhs().getType());
  Type element = cast<TensorType>(getY().getType()).getElementType();
  if (!lhs || !rhs) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> left(lhs.getShape()), right(rhs.getShape());
  if (left.empty() || right.empty())
    return emitOpError("expected operands of rank 1 or more, but got ") << lhs << " and " << rhs;
  if (getTransposeLhs() && left.size() > 1)
    std::swap(left[left.size() - 1], left[left.size() - 2]);
  if (getTransposeRhs() && right.size() > 1)
    std::swap(right[right.size() - 1], right[right.size() - 2]);
  int64_t leftDepth = left.back(), rightDepth = right.size() == 1 ? right[0] : right[right.size() - 2];
  if (!ShapedType::isDynamic(leftDepth) && !ShapedType::isDynamic(rightDepth) && leftDepth != rightDepth)
    return emitOpError("expected equal inner dimensions, but got ") << leftDepth << " and " << rightDepth;
  ArrayRef<int64_t> leftBatch = ArrayRef(left).drop_back(std::min<size_t>(left.size(), 2));
  ArrayRef<int64_t> rightBatch = ArrayRef(right).drop_back(std::min<size_t>(right.size(), 2));
  auto shape = broadcastShapes({leftBatch, rightBatch});
  if (!shape)
    return emitOpError("expected batch dimensions that broadcast together, but got ") << lhs << " and " << rhs;
  if (left.size() > 1)
    shape->push_back(left[left.size() - 2]);
  if (right.size() > 1)
    shape->push_back(right.back());
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

LogicalResult MatMulOp::verify() {
  SmallVector<Type> types;
  return inferTypes(types);
}

LogicalResult ConvOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  Type element = cast<TensorType>(getY().getType()).getElementType();
  if (!x || !weight) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> shape{x.getDimSize(0), weight.getDimSize(0)};
  for (int64_t i = 0, spatial = x.getRank() - 2; i < spatial; ++i) {
    int64_t extent = x.getDimSize(i + 2), kernel = weight.getDimSize(i + 2);
    if (ShapedType::isDynamic(extent) || ShapedType::isDynamic(kernel)) {
      shape.push_back(ShapedType::kDynamic);
      continue;
    }
    int64_t room = extent + getPads()[i] + getPads()[i + spatial] - (getDilations()[i] * (kernel - 1) + 1);
    if (room < 0)
      return emitOpError("expected a padded extent of at least the kernel's in spatial dimension ")
             << i << ", but got " << extent + getPads()[i] + getPads()[i + spatial];
    shape.push_back(room / getStrides()[i] + 1);
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult ConvOp::verify() {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto weight = dyn_cast<RankedTensorType>(getWeight().getType());
  if (!x || !weight)
    return success();
  if (x.getRank() < 3 || x.getRank() != weight.getRank())
    return emitOpError("expected operand and weight of equal rank, at least 3, but got ") << x << " and " << weight;
  size_t spatial = x.getRank() - 2;
  if (getStrides().size() != spatial || getDilations().size() != spatial || getPads().size() != 2 * spatial)
    return emitOpError("expected ") << spatial << " strides and dilations and " << 2 * spatial << " pads";
  if (llvm::any_of(getStrides(), [](int64_t v) { return v <= 0; }) ||
      llvm::any_of(getDilations(), [](int64_t v) { return v <= 0; }))
    return emitOpError("expected positive strides and dilations");
  int64_t group = getGroup(), channels = x.getDimSize(1), inner = weight.getDimSize(1), outer = weight.getDimSize(0);
  if (group <= 0)
    return emitOpError("expected a positive group, but got ") << group;
  if (!ShapedType::isDynamic(channels) && !ShapedType::isDynamic(inner) && channels != inner * group)
    return emitOpError("expected ") << inner * group << " input channels (weight dimension 1 times group), but got "
                                    << channels;
  if (!ShapedType::isDynamic(outer) && outer % group != 0)
    return emitOpError("expected output channels divisible by group ") << group << ", but got " << outer;
  return success();
}
