// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference, verifiers and folders of ops that move elements without computing.
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

using namespace mlir;
using namespace tegula::graph;

// --- transpose -------------------------------------------------------------------------------------------------------

LogicalResult TransposeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  Type element = cast<TensorType>(getX().getType()).getElementType();
  if (!x) {
    types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> shape;
  for (int64_t source : getPermutation())
    shape.push_back(x.getDimSize(source));
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult TransposeOp::verify() {
  SmallVector<int64_t> sorted(getPermutation());
  llvm::sort(sorted);
  for (auto [i, value] : llvm::enumerate(sorted))
    if (value != int64_t(i))
      return emitOpError("expected a permutation of 0..") << sorted.size();
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  if (x && x.getRank() != int64_t(sorted.size()))
    return emitOpError("expected a permutation of ") << x.getRank() << " dimensions, but got " << sorted.size();
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [i, value] : llvm::enumerate(getPermutation()))
    if (value != int64_t(i))
      return {};
  return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
}

// --- reshape ---------------------------------------------------------------------------------------------------------

LogicalResult ReshapeOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type element = cast<TensorType>(getX().getType()).getElementType();
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto shapeType = dyn_cast<RankedTensorType>(getShape().getType());
  auto shape = getConstantIntegers(getShape());
  if (!shape) {
    if (shapeType && shapeType.getRank() == 1 && !shapeType.isDynamicDim(0))
      types.push_back(
          RankedTensorType::get(SmallVector<int64_t>(shapeType.getDimSize(0), ShapedType::kDynamic), element));
    else
      types.push_back(UnrankedTensorType::get(element));
    return success();
  }
  SmallVector<int64_t> result;
  int64_t inferred = -1, known = 1;
  bool allKnown = true;
  for (auto [i, extent] : llvm::enumerate(*shape)) {
    if (extent == -1) {
      if (inferred >= 0)
        return emitOpError("expected at most one -1 in the shape, but got two");
      inferred = i;
      result.push_back(ShapedType::kDynamic);
      continue;
    }
    if (extent < -1)
      return emitOpError("expected shape values of -1 or more, but got ") << extent;
    if (extent == 0 && !getAllowZero()) {
      if (x && int64_t(i) >= x.getRank())
        return emitOpError("expected a dimension to copy at place ") << i << ", but got an operand of rank " << x.getRank();
      extent = x ? x.getDimSize(i) : ShapedType::kDynamic;
    }
    result.push_back(extent);
    if (ShapedType::isDynamic(extent))
      allKnown = false;
    else
      known *= extent;
  }
  if (x && x.hasStaticShape() && allKnown) {
    int64_t count = x.getNumElements();
    if (inferred >= 0 ? (known == 0 ? count != 0 : count % known != 0) : count != known)
      return emitOpError("expected a shape of ") << count << " elements, but got one of " << known;
    if (inferred >= 0)
      result[inferred] = known == 0 ? 0 : count / known;
  } else if (x && inferred >= 0 && !getAllowZero()) {
    // Copied dynamic dimensions cancel: [?, 4, 8] under [0, -1] is [?, 32].
    int64_t rest = 1;
    bool cancels = true;
    for (int64_t i = 0; i < x.getRank() && cancels; ++i) {
      bool copied = i < int64_t(shape->size()) && (*shape)[i] == 0;
      if (copied)
        continue;
      cancels = !x.isDynamicDim(i);
      rest *= x.getDimSize(i);
    }
    int64_t explicitExtents = 1;
    for (int64_t extent : *shape)
      if (extent > 0)
        explicitExtents *= extent;
    if (cancels && rest % explicitExtents == 0)
      result[inferred] = rest / explicitExtents;
  }
  types.push_back(RankedTensorType::get(result, element));
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape())
    return {};
  if (getX().getType() == type)
    return getX();
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(adaptor.getX()))
    if (dense.getNumElements() == type.getNumElements())
      return dense.reshape(type);
  return {};
}

// --- shape -----------------------------------------------------------------------------------------------------------

LogicalResult ShapeOp::inferTypes(SmallVectorImpl<Type> &types) {
  int64_t count = std::max<int64_t>(0, getEnd() - getStart());
  types.push_back(RankedTensorType::get({count}, IntegerType::get(getContext(), 64)));
  return success();
}

OpFoldResult ShapeOp::fold(FoldAdaptor) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!x || !type || !type.hasStaticShape())
    return {};
  SmallVector<int64_t> values;
  for (int64_t i = getStart(); i < getEnd(); ++i) {
    if (x.isDynamicDim(i))
      return {};
    values.push_back(x.getDimSize(i));
  }
  return makeIntegers(type, values);
}
