// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference, verifiers and folders of ops that rearrange dimensions: transposes and views. Slices, joins and
// repetitions are in Assembly.cpp.
#include "Inference.h"

using namespace mlir;
using namespace tegula::graph;

// --- transpose -------------------------------------------------------------------------------------------------------

LogicalResult TransposeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  Type element = elementOf(getX());
  if (!x)
    return answerDynamic(types, getPermutation().size(), element);
  if (failed(verify()))
    return failure();
  SmallVector<int64_t> shape;
  for (int64_t source : getPermutation())
    shape.push_back(x.getDimSize(source));
  return answer(types, shape, element);
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

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  ArrayRef<int64_t> permutation = getPermutation();
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return getX().getType() == getType() ? OpFoldResult(getX()) : OpFoldResult();
  if (auto x = rankedOf(getX()); x && x.hasStaticShape() && adaptor.getX())
    return pickElements(adaptor.getX(), getType(), [&](ArrayRef<int64_t> index) {
      SmallVector<int64_t> source(index.size());
      for (auto [i, from] : llvm::enumerate(permutation))
        source[from] = index[i];
      return linearize(source, x.getShape());
    });
  // A transpose of a transpose is one transpose.
  if (auto inner = getX().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> composed;
    for (int64_t from : permutation)
      composed.push_back(inner.getPermutation()[from]);
    getXMutable().assign(inner.getX());
    setPermutation(composed);
    return getResult();
  }
  return {};
}

// --- reshape ---------------------------------------------------------------------------------------------------------

LogicalResult ReshapeOp::inferTypes(SmallVectorImpl<Type> &types) {
  Type element = elementOf(getX());
  auto x = dyn_cast<RankedTensorType>(getX().getType());
  OriginQuery query;
  auto shape = getPartialIntegers(getShape(), query, 0);
  if (!shape) {
    if (auto length = lengthOf(getShape()))
      return answerDynamic(types, *length, element);
    return answerUnknown(types, element);
  }
  SmallVector<int64_t> result;
  // Where x's dimensions are copied, they cancel on both sides: [?, 4, 8] under [0, -1] is [?, 32].
  SmallVector<int64_t> unmatched;
  if (x)
    for (int64_t i = 0; i < x.getRank(); ++i)
      if (x.isDynamicDim(i))
        unmatched.push_back(i);
  auto match = [&](int64_t dimension) {
    auto *found = llvm::find(unmatched, dimension);
    if (found == unmatched.end())
      return false;
    unmatched.erase(found);
    return true;
  };
  auto matchOrigin = [&](const PartialInteger &entry) {
    for (int64_t dimension : unmatched) {
      PartialInteger own = getExtentOrigin(getX(), dimension, query, 0);
      if (own.tensor == entry.tensor && own.dimension == entry.dimension)
        return match(dimension);
    }
    return false;
  };
  std::optional<size_t> inferred;
  SmallVector<size_t> open; // places whose extent nothing tells yet
  int64_t known = 1;
  for (auto [i, entry] : llvm::enumerate(*shape)) {
    int64_t extent = entry.value.value_or(ShapedType::kDynamic);
    if (entry.value == -1) {
      if (inferred)
        return emitOpError("expected at most one -1 in the shape, but got two");
      inferred = i;
      open.push_back(i);
      result.push_back(ShapedType::kDynamic);
      continue;
    }
    if (entry.value && extent < -1)
      return emitOpError("expected shape values of -1 or more, but got ") << extent;
    if (entry.value && extent == 0 && !getAllowZero()) {
      if (x && int64_t(i) >= x.getRank())
        return emitOpError("expected a dimension to copy at place ")
               << i << ", but got an operand of rank " << x.getRank();
      extent = x ? x.getDimSize(i) : ShapedType::kDynamic;
      if (isDynamic(extent) && !match(i))
        open.push_back(i);
    } else if (isDynamic(extent) && !(entry.tensor && matchOrigin(entry))) {
      open.push_back(i);
    }
    result.push_back(extent);
    if (!isDynamic(extent))
      known *= extent;
  }
  if (x && unmatched.empty()) {
    int64_t count = 1;
    for (int64_t extent : x.getShape())
      if (!isDynamic(extent))
        count *= extent;
    bool isStatic = x.hasStaticShape();
    if (open.empty() && isStatic && count != known)
      return emitOpError("expected a shape of ") << count << " elements, but got one of " << known;
    if (open.size() == 1 && known > 0) {
      if (count % known != 0) {
        if (isStatic)
          return emitOpError("expected a shape of ") << count << " elements, but got one that " << known << " divides";
      } else {
        result[open.front()] = count / known;
      }
    } else if (open.size() == 1 && inferred) {
      if (isStatic && count != 0)
        return emitOpError("expected a shape of ") << count << " elements, but got one of 0";
      if (isStatic)
        result[*inferred] = 0;
    }
  }
  return answer(types, result, element);
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult folded = foldView(getX(), adaptor.getX(), getType()))
    return folded;
  return foldPartial(getResult());
}

// --- flatten, squeeze, unsqueeze -------------------------------------------------------------------------------------

LogicalResult FlattenOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x)
    return answerDynamic(types, 2, elementOf(getX()));
  int64_t axis = getAxis();
  if (axis < 0)
    axis += x.getRank();
  if (axis < 0 || axis > x.getRank())
    return emitOpError("expected an axis in ")
           << -x.getRank() << ".." << x.getRank() << ", but got " << int64_t(getAxis());
  SmallVector<int64_t> shape{1, 1};
  for (int64_t i = 0; i < x.getRank(); ++i) {
    int64_t &extent = shape[i >= axis];
    extent = isDynamic(extent) || x.isDynamicDim(i) ? ShapedType::kDynamic : extent * x.getDimSize(i);
  }
  return answer(types, shape, elementOf(getX()));
}

OpFoldResult FlattenOp::fold(FoldAdaptor adaptor) { return foldView(getX(), adaptor.getX(), getType()); }

LogicalResult SqueezeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  Type element = elementOf(getX());
  if (!x)
    return answerUnknown(types, element);
  SmallVector<int64_t> shape;
  if (!getAxes()) {
    if (!x.hasStaticShape())
      return answerUnknown(types, element);
    for (int64_t extent : x.getShape())
      if (extent != 1)
        shape.push_back(extent);
    return answer(types, shape, element);
  }
  if (!getConstantIntegers(getAxes())) {
    auto length = lengthOf(getAxes());
    return length && *length <= x.getRank() ? answerDynamic(types, x.getRank() - *length, element)
                                            : answerUnknown(types, element);
  }
  auto axes = getConstantAxes(getAxes(), x.getRank());
  if (!axes)
    return emitOpError("expected distinct axes in ") << -x.getRank() << ".." << x.getRank() - 1;
  for (int64_t i = 0; i < x.getRank(); ++i) {
    if (!llvm::is_contained(*axes, i)) {
      shape.push_back(x.getDimSize(i));
      if (x.getDimSize(i) == 1 && getOthersDiffer())
        return emitOpError("expected the dimensions of extent 1 to be known when the rank is decided, but dimension ")
               << i << " turned out to be one";
    } else if (!x.isDynamicDim(i) && x.getDimSize(i) != 1) {
      return emitOpError("expected extent 1 in dimension ") << i << ", but got " << x.getDimSize(i);
    }
  }
  return answer(types, shape, element);
}

OpFoldResult SqueezeOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult folded = foldView(getX(), adaptor.getX(), getType()))
    return folded;
  return foldPartial(getResult());
}

LogicalResult UnsqueezeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  auto length = lengthOf(getAxes());
  if (!x || !length)
    return answerUnknown(types, elementOf(getX()));
  int64_t rank = x.getRank() + *length;
  if (!getConstantIntegers(getAxes()))
    return answerDynamic(types, rank, elementOf(getX()));
  auto axes = getConstantAxes(getAxes(), rank);
  if (!axes)
    return emitOpError("expected distinct axes in ") << -rank << ".." << rank - 1;
  SmallVector<int64_t> shape;
  int64_t next = 0;
  for (int64_t i = 0; i < rank; ++i)
    shape.push_back(llvm::is_contained(*axes, i) ? 1 : x.getDimSize(next++));
  return answer(types, shape, elementOf(getX()));
}

OpFoldResult UnsqueezeOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult folded = foldView(getX(), adaptor.getX(), getType()))
    return folded;
  return foldPartial(getResult());
}

// --- shape, size -----------------------------------------------------------------------------------------------------

LogicalResult ShapeOp::inferTypes(SmallVectorImpl<Type> &types) {
  int64_t count = std::max<int64_t>(0, getEnd() - getStart());
  return answer(types, {count}, IntegerType::get(getContext(), 64));
}

OpFoldResult ShapeOp::fold(FoldAdaptor) { return foldPartial(getResult()); }

LogicalResult SizeOp::inferTypes(SmallVectorImpl<Type> &types) {
  return answer(types, {}, IntegerType::get(getContext(), 64));
}

OpFoldResult SizeOp::fold(FoldAdaptor) { return foldPartial(getResult()); }

// --- rearrangements --------------------------------------------------------------------------------------------------

LogicalResult DepthToSpaceOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x)
    return answerDynamic(types, 4, elementOf(getX()));
  int64_t block = getBlock();
  if (x.getRank() != 4)
    return emitOpError("expected an operand of rank 4, but got ") << x;
  SmallVector<int64_t> shape(x.getShape());
  if (!isDynamic(shape[1])) {
    if (shape[1] % (block * block) != 0)
      return emitOpError("expected channels divisible by ") << block * block << ", but got " << shape[1];
    shape[1] /= block * block;
  }
  for (int64_t i : {2, 3})
    if (!isDynamic(shape[i]))
      shape[i] *= block;
  return answer(types, shape, elementOf(getX()));
}

LogicalResult SpaceToDepthOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x)
    return answerDynamic(types, 4, elementOf(getX()));
  int64_t block = getBlock();
  if (x.getRank() != 4)
    return emitOpError("expected an operand of rank 4, but got ") << x;
  SmallVector<int64_t> shape(x.getShape());
  if (!isDynamic(shape[1]))
    shape[1] *= block * block;
  for (int64_t i : {2, 3}) {
    if (isDynamic(shape[i]))
      continue;
    if (shape[i] % block != 0)
      return emitOpError("expected extents divisible by ") << block << ", but got " << shape[i];
    shape[i] /= block;
  }
  return answer(types, shape, elementOf(getX()));
}

LogicalResult ReverseSequenceOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (x && x.getRank() < 2)
    return emitOpError("expected an operand of rank 2 or more, but got ") << x;
  if (getBatchAxis() + getTimeAxis() != 1 || (getBatchAxis() != 0 && getBatchAxis() != 1))
    return emitOpError("expected batch and time axis to be 0 and 1, but got ")
           << getBatchAxis() << " and " << getTimeAxis();
  types.push_back(getX().getType());
  return success();
}
