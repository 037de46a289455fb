// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and folders of ops that address elements by index tensors or by their values.
#include "Inference.h"

using namespace mlir;
using namespace tegula::graph;

// --- gathers ---------------------------------------------------------------------------------------------------------

LogicalResult GatherOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX()), indices = rankedOf(getIndices());
  if (!x || !indices)
    return answerUnknown(types, elementOf(getX()));
  auto axis = normalizeAxis(getAxis(), x.getRank());
  if (!axis)
    return badAxis(*this, getAxis(), x.getRank());
  SmallVector<int64_t> shape(x.getShape().take_front(*axis));
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, x.getShape().drop_front(*axis + 1));
  return answer(types, shape, elementOf(getX()));
}

OpFoldResult GatherOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult folded = foldPartial(getResult()))
    return folded;
  auto x = rankedOf(getX()), indicesType = rankedOf(getIndices());
  auto indices = getConstantIntegers(adaptor.getIndices());
  if (!x || !indicesType || !x.hasStaticShape() || !indices || !adaptor.getX())
    return {};
  auto axis = normalizeAxis(getAxis(), x.getRank());
  if (!axis)
    return {};
  for (int64_t &index : *indices) {
    auto place = normalizeAxis(index, x.getDimSize(*axis));
    if (!place)
      return {}; // a run-time error, reported with its node
    index = *place;
  }
  int64_t rank = indicesType.getRank();
  return pickElements(adaptor.getX(), getType(), [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> source(index.take_front(*axis));
    source.push_back((*indices)[linearize(index.slice(*axis, rank), indicesType.getShape())]);
    llvm::append_range(source, index.drop_front(*axis + rank));
    return linearize(source, x.getShape());
  });
}

LogicalResult GatherElementsOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX()), indices = rankedOf(getIndices());
  if (x && !normalizeAxis(getAxis(), x.getRank()))
    return badAxis(*this, getAxis(), x.getRank());
  if (x && indices && x.getRank() != indices.getRank())
    return emitOpError("expected indices of rank ") << x.getRank() << ", but got " << indices;
  if (indices)
    return answer(types, indices.getShape(), elementOf(getX()));
  return x ? answerDynamic(types, x.getRank(), elementOf(getX())) : answerUnknown(types, elementOf(getX()));
}

LogicalResult GatherNDOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX()), indices = rankedOf(getIndices());
  int64_t batch = getBatchDims();
  if (!x || !indices || (indices.getRank() && indices.isDynamicDim(indices.getRank() - 1)))
    return answerUnknown(types, elementOf(getX()));
  if (indices.getRank() <= batch)
    return emitOpError("expected indices of rank above ") << batch << ", but got " << indices;
  int64_t length = indices.getShape().back();
  if (batch + length > x.getRank())
    return emitOpError("expected index tuples of at most ") << x.getRank() - batch << " entries, but got " << length;
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape, x.getShape().drop_front(batch + length));
  for (int64_t i = 0; i < batch; ++i)
    if (isDynamic(shape[i]))
      shape[i] = x.getDimSize(i);
  return answer(types, shape, elementOf(getX()));
}

// --- scatters --------------------------------------------------------------------------------------------------------

LogicalResult ScatterElementsOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX()), indices = rankedOf(getIndices()), updates = rankedOf(getUpdates());
  if (x && !normalizeAxis(getAxis(), x.getRank()))
    return badAxis(*this, getAxis(), x.getRank());
  if (x && indices && x.getRank() != indices.getRank())
    return emitOpError("expected indices of rank ") << x.getRank() << ", but got " << indices;
  if (indices && updates && failed(verifyCompatibleShape(indices, updates)))
    return emitOpError("expected updates of the shape of ") << indices << ", but got " << updates;
  types.push_back(getX().getType());
  return success();
}

LogicalResult ScatterNDOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getX().getType());
  auto x = rankedOf(getX()), indices = rankedOf(getIndices()), updates = rankedOf(getUpdates());
  if (!x || !indices || (indices.getRank() && indices.isDynamicDim(indices.getRank() - 1)))
    return success();
  if (indices.getRank() == 0)
    return emitOpError("expected indices of rank 1 or more");
  int64_t length = indices.getShape().back();
  if (length > x.getRank())
    return emitOpError("expected index tuples of at most ") << x.getRank() << " entries, but got " << length;
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape, x.getShape().drop_front(length));
  if (updates && failed(verifyCompatibleShape(shape, updates.getShape())))
    return emitOpError("expected updates of shape ")
           << RankedTensorType::get(shape, updates.getElementType()) << ", but got " << updates;
  return success();
}

LogicalResult TensorScatterOp::inferTypes(SmallVectorImpl<Type> &types) {
  types.push_back(getX().getType());
  auto x = rankedOf(getX()), update = rankedOf(getUpdate());
  if (!x)
    return success();
  auto axis = normalizeAxis(getAxis(), x.getRank());
  if (!axis || *axis == 0)
    return emitOpError("expected an axis other than the batch dimension in ")
           << -x.getRank() << ".." << x.getRank() - 1 << ", but got " << getAxis();
  if (!update)
    return success();
  SmallVector<int64_t> expected(x.getShape());
  if (update.getRank() == x.getRank())
    expected[*axis] = update.getDimSize(*axis);
  if (failed(verifyCompatibleShape(expected, update.getShape())))
    return emitOpError("expected an update of the cache's shape but along the axis, and got ") << update;
  return success();
}

// --- selections ------------------------------------------------------------------------------------------------------

LogicalResult TopKOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  Type element = elementOf(getX()), index = IntegerType::get(getContext(), 64);
  if (!x) {
    types.append({UnrankedTensorType::get(element), UnrankedTensorType::get(index)});
    return success();
  }
  auto axis = normalizeAxis(getAxis(), x.getRank());
  if (!axis)
    return badAxis(*this, getAxis(), x.getRank());
  SmallVector<int64_t> shape(x.getShape());
  int64_t extent = shape[*axis];
  shape[*axis] = ShapedType::kDynamic;
  if (auto k = getPartialShape(getK()); k && k->size() == 1 && k->front()) {
    int64_t count = *k->front();
    if (count < 0 || (!isDynamic(extent) && count > extent))
      return emitOpError("expected k from 0 to the axis' extent, but got ") << count;
    shape[*axis] = count;
  }
  types.append({RankedTensorType::get(shape, element), RankedTensorType::get(shape, index)});
  return success();
}

LogicalResult NonZeroOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  return answer(types, {x ? std::max<int64_t>(x.getRank(), 0) : ShapedType::kDynamic, ShapedType::kDynamic},
                IntegerType::get(getContext(), 64));
}

LogicalResult CompressOp::inferTypes(SmallVectorImpl<Type> &types) {
  if (!getAxis())
    return answerDynamic(types, 1, elementOf(getX()));
  auto x = rankedOf(getX());
  if (!x)
    return answerUnknown(types, elementOf(getX()));
  auto axis = normalizeAxis(*getAxis(), x.getRank());
  if (!axis)
    return badAxis(*this, *getAxis(), x.getRank());
  SmallVector<int64_t> shape(x.getShape());
  shape[*axis] = ShapedType::kDynamic;
  return answer(types, shape, elementOf(getX()));
}

LogicalResult UniqueOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  Type index = IntegerType::get(getContext(), 64);
  int64_t entries = ShapedType::kDynamic;
  if (!getAxis()) {
    types.push_back(RankedTensorType::get({ShapedType::kDynamic}, elementOf(getX())));
    if (x && x.hasStaticShape())
      entries = x.getNumElements();
  } else if (!x) {
    types.push_back(UnrankedTensorType::get(elementOf(getX())));
  } else {
    auto axis = normalizeAxis(*getAxis(), x.getRank());
    if (!axis)
      return badAxis(*this, *getAxis(), x.getRank());
    SmallVector<int64_t> shape(x.getShape());
    entries = shape[*axis];
    shape[*axis] = ShapedType::kDynamic;
    types.push_back(RankedTensorType::get(shape, elementOf(getX())));
  }
  for (int64_t extent : {ShapedType::kDynamic, entries, ShapedType::kDynamic})
    types.push_back(RankedTensorType::get({extent}, index));
  return success();
}
