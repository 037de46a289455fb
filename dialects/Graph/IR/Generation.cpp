// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and folders of ops that make tensors from sizes.
#include "Inference.h"

#include <cmath>

using namespace mlir;
using namespace tegula::graph;

LogicalResult ConstantOfShapeOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type element = getValue().getElementType();
  if (getValue().getNumElements() != 1)
    return emitOpError("expected a value of one element, but got ") << getValue().getType();
  if (auto partial = getPartialShape(getShape())) {
    SmallVector<int64_t> shape;
    for (std::optional<int64_t> extent : *partial) {
      if (extent && *extent < 0)
        return emitOpError("expected extents of 0 or more, but got ") << *extent;
      shape.push_back(extent.value_or(ShapedType::kDynamic));
    }
    return answer(types, shape, element);
  }
  auto length = lengthOf(getShape());
  return length ? answerDynamic(types, *length, element) : answerUnknown(types, element);
}

LogicalResult RandomUniformOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto count = getConstantIntegers(getCount());
  if (!count || count->size() != 1)
    return answerDynamic(types, 1, elementOf(getY()));
  if (count->front() < 0)
    return emitOpError("expected a count of 0 or more, but got ") << count->front();
  return answer(types, {count->front()}, elementOf(getY()));
}

OpFoldResult ConstantOfShapeOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  auto value = dyn_cast<DenseElementsAttr>(getValue());
  if (!type || !type.hasStaticShape() || !value)
    return {};
  // The declared type alone is no proof: the shape must say so too.
  auto shape = getPartialShape(getShape());
  if (!shape || !llvm::equal(*shape, type.getShape()))
    return {};
  return pickElements(value, type, [](ArrayRef<int64_t>) { return 0; });
}

LogicalResult RangeOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type element = elementOf(getY());
  auto first = [](auto values) {
    return values && values->size() == 1 ? std::optional(values->front()) : std::nullopt;
  };
  if (isa<IntegerType>(element)) {
    auto start = first(getConstantIntegers(getStart())), limit = first(getConstantIntegers(getLimit()));
    auto delta = first(getConstantIntegers(getDelta()));
    if (delta == 0)
      return emitOpError("expected a delta other than 0");
    __int128 room = start && limit ? __int128(*limit) - *start : 0;
    if (!start || !limit || !delta)
      return answerDynamic(types, 1, element);
    if (*delta < 0) {
      room = -room;
      *delta = *delta == std::numeric_limits<int64_t>::min() ? std::numeric_limits<int64_t>::max() : -*delta;
    }
    __int128 count = room > 0 ? (room + *delta - 1) / *delta : 0;
    if (count > std::numeric_limits<int64_t>::max() / 8)
      return emitOpError("expected a range that fits memory");
    return answer(types, {int64_t(count)}, element);
  }
  auto start = first(getConstantFloats(getStart())), limit = first(getConstantFloats(getLimit()));
  auto delta = first(getConstantFloats(getDelta()));
  if (delta == 0.0)
    return emitOpError("expected a delta other than 0");
  if (!start || !limit || !delta)
    return answerDynamic(types, 1, element);
  double count = std::max(0.0, std::ceil((*limit - *start) / *delta));
  if (!(count < 1e15))
    return emitOpError("expected a range that fits memory");
  return answer(types, {int64_t(count)}, element);
}

OpFoldResult RangeOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  auto start = getConstantIntegers(adaptor.getStart()), limit = getConstantIntegers(adaptor.getLimit());
  auto delta = getConstantIntegers(adaptor.getDelta());
  if (!type || !type.hasStaticShape() || type.getNumElements() > maxFoldedElements || !start || !limit || !delta)
    return {};
  SmallVector<int64_t> values;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    values.push_back(int64_t(uint64_t(start->front()) + uint64_t(i) * uint64_t(delta->front())));
  return makeIntegers(type, values);
}

LogicalResult OneHotOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto indices = rankedOf(getIndices());
  Type element = elementOf(getValues());
  if (!indices)
    return answerUnknown(types, element);
  auto axis = normalizeAxis(getAxis(), indices.getRank() + 1);
  if (!axis)
    return badAxis(*this, getAxis(), indices.getRank() + 1);
  int64_t depth = ShapedType::kDynamic;
  if (auto integers = getConstantIntegers(getDepth()); integers && integers->size() == 1)
    depth = integers->front();
  else if (auto floats = getConstantFloats(getDepth()); floats && floats->size() == 1)
    depth = int64_t(floats->front());
  if (!isDynamic(depth) && depth < 0)
    return emitOpError("expected a depth of 0 or more, but got ") << depth;
  SmallVector<int64_t> shape(indices.getShape());
  shape.insert(shape.begin() + *axis, depth);
  return answer(types, shape, element);
}

LogicalResult EyeLikeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (x && x.getRank() != 2)
    return emitOpError("expected a matrix, but got ") << x;
  return x ? answer(types, x.getShape(), elementOf(getY())) : answerDynamic(types, 2, elementOf(getY()));
}

LogicalResult TriluOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (x && x.getRank() < 2)
    return emitOpError("expected an operand of rank 2 or more, but got ") << x;
  types.push_back(getX().getType());
  return success();
}
