// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifier of attention.
#include "Inference.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"

using namespace mlir;
using namespace tegula::graph;

/// Whether two extents can be equal.
static bool agree(int64_t a, int64_t b) { return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b; }

LogicalResult AttentionOp::inferTypes(SmallVectorImpl<Type> &types) {
  RankedTensorType q = rankedOf(getQ()), k = rankedOf(getK()), v = rankedOf(getV());
  Type element = cast<TensorType>(getY().getType()).getElementType();
  if (!q || !k || !v) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  if (q.getRank() < 2 || k.getRank() < 2 || v.getRank() < 2)
    return emitOpError("expected operands of rank 2 or more, but got ") << q << ", " << k << " and " << v;
  auto fromEnd = [](RankedTensorType type, int64_t i) { return type.getDimSize(type.getRank() - i); };
  int64_t keys = fromEnd(k, getTransposeK() ? 1 : 2), depth = fromEnd(k, getTransposeK() ? 2 : 1);
  if (!agree(fromEnd(q, 1), depth))
    return emitOpError("expected queries and keys of equal size, but got ") << q << " and " << k;
  auto batch = [](RankedTensorType type) { return type.getShape().drop_back(2); };
  auto shape = broadcastShapes({batch(q), batch(k), batch(v)});
  if (!shape)
    return emitOpError("expected leading dimensions that broadcast together, but got ")
           << q << ", " << k << " and " << v;
  shape->append({fromEnd(q, 2), keys});
  for (Value operand : {getBias(), getMask()}) {
    auto type = operand ? rankedOf(operand) : RankedTensorType();
    if (operand && !type) {
      types.push_back(UnrankedTensorType::get(element));
      return success();
    }
    if (!operand)
      continue;
    if (!(shape = broadcastShapes({*shape, type.getShape()})))
      return emitOpError("expected bias and mask that broadcast with the scores, but got ") << type;
  }
  if (!agree(shape->back(), fromEnd(v, 2)))
    return emitOpError("expected as many values as keys, but got ") << v << " and " << shape->back();
  shape->back() = fromEnd(v, 1);
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

LogicalResult AttentionOp::verify() {
  auto element = [](Value value) { return cast<TensorType>(value.getType()).getElementType(); };
  for (Value operand : {getK(), getV(), getY(), getBias()})
    if (operand && element(operand) != element(getQ()))
      return emitOpError("expected operands and result of one element type, but got ")
             << element(operand) << " and " << element(getQ());
  if (getMask() && !element(getMask()).isInteger(1))
    return emitOpError("expected a mask of i1, but got ") << element(getMask());
  if (bool(getMask()) != getFill().has_value())
    return emitOpError("expected mask and fill together, but one is missing");
  SmallVector<Type> types;
  return inferTypes(types);
}
