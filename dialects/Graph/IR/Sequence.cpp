// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Type inference of sequences and optionals.
#include "tegula/Dialect/Graph/IR/Graph.h"
#include "tegula/Dialect/Graph/IR/Types.h"

using namespace mlir;
using namespace tegula::graph;

static Type sequenceOf(Type element) { return SequenceType::get(element.getContext(), element); }

LogicalResult SequenceConstructOp::inferTypes(SmallVectorImpl<Type> &types) {
  if (getElements().empty()) {
    types.push_back(getSequence().getType());
    return success();
  }
  Type element = getElements().front().getType();
  for (Value other : getElements().drop_front())
    if (!(element = meetTypes(element, other.getType())))
      return emitOpError("expected elements of one type, but got ")
             << getElements().front().getType() << " and " << other.getType();
  types.push_back(sequenceOf(element));
  return success();
}

LogicalResult SequenceAtOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getSequence().getType().getElement());
  return success();
}

LogicalResult SequenceInsertOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type element = meetTypes(getSequence().getType().getElement(), getElement().getType());
  if (!element)
    return emitOpError("expected an element of type ")
           << getSequence().getType().getElement() << ", but got " << getElement().getType();
  types.push_back(sequenceOf(element));
  return success();
}

LogicalResult SequenceEraseOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getSequence().getType());
  return success();
}

LogicalResult SequenceLengthOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get({}, IntegerType::get(getContext(), 64)));
  return success();
}

LogicalResult SplitToSequenceOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (!x) {
    types.push_back(sequenceOf(getX().getType()));
    return success();
  }
  int64_t axis = getAxis();
  if (axis < 0 || axis >= x.getRank())
    return emitOpError("expected an axis of 0 to ") << x.getRank() - 1 << ", but got " << axis;
  SmallVector<int64_t> shape(x.getShape());
  shape[axis] = getSplit() ? ShapedType::kDynamic : 1;
  if (!getSplit() && !getKeepDims())
    shape.erase(shape.begin() + axis);
  types.push_back(sequenceOf(RankedTensorType::get(shape, x.getElementType())));
  return success();
}

LogicalResult ConcatFromSequenceOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto unranked = dyn_cast<TensorType>(getSequence().getType().getElement());
  if (!unranked)
    return emitOpError("expected a sequence of tensors, but got ") << getSequence().getType();
  auto element = dyn_cast<RankedTensorType>(unranked);
  if (!element) {
    types.push_back(UnrankedTensorType::get(unranked.getElementType()));
    return success();
  }
  SmallVector<int64_t> shape(element.getShape());
  int64_t rank = element.getRank() + getNewAxis(), axis = int64_t(getAxis());
  axis += axis < 0 ? rank : 0;
  if (axis < 0 || axis >= rank)
    return emitOpError("expected an axis of ") << -rank << " to " << rank - 1 << ", but got " << int64_t(getAxis());
  if (getNewAxis())
    shape.insert(shape.begin() + axis, ShapedType::kDynamic);
  else
    shape[axis] = ShapedType::kDynamic;
  types.push_back(RankedTensorType::get(shape, element.getElementType()));
  return success();
}

LogicalResult OptionalConstructOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getValue() ? Type(OptionalType::get(getContext(), getValue().getType())) : getResult().getType());
  return success();
}

LogicalResult OptionalHasElementOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get({}, IntegerType::get(getContext(), 1)));
  return success();
}

LogicalResult OptionalGetElementOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getValue().getType().getElement());
  return success();
}

LogicalResult RetypeOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getResult().getType());
  return success();
}
