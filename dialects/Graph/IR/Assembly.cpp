// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference, verifiers and folders of movement ops that take tensors apart, join, repeat or pad them.
#include "Inference.h"

using namespace mlir;
using namespace tegula::graph;

// --- concat ----------------------------------------------------------------------------------------------------------

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("expected at least one operand");
  for (Value input : getInputs())
    if (elementOf(input) != elementOf(getY()))
      return emitOpError("expected operands of element type ") << elementOf(getY()) << ", but got " << elementOf(input);
  return success();
}

LogicalResult ConcatOp::inferTypes(SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> shape;
  int64_t axis = 0, total = 0, rank = -1;
  bool allRanked = true;
  for (Value input : getInputs()) {
    auto type = rankedOf(input);
    if (!type) {
      allRanked = false;
      continue;
    }
    if (rank < 0) {
      rank = type.getRank();
      auto normalized = normalizeAxis(getAxis(), rank);
      if (!normalized)
        return badAxis(*this, getAxis(), rank);
      axis = *normalized;
      shape.assign(rank, ShapedType::kDynamic);
    } else if (type.getRank() != rank) {
      return emitOpError("expected operands of rank ") << rank << ", but got " << type;
    }
    for (int64_t i = 0; i < rank; ++i) {
      int64_t extent = type.getDimSize(i);
      if (i == axis) {
        total = isDynamic(total) || isDynamic(extent) ? ShapedType::kDynamic : total + extent;
        continue;
      }
      if (!isDynamic(extent) && !isDynamic(shape[i]) && extent != shape[i])
        return emitOpError("expected extent ") << shape[i] << " in dimension " << i << ", but got " << type;
      if (!isDynamic(extent))
        shape[i] = extent;
    }
  }
  if (rank < 0)
    return answerUnknown(types, elementOf(getY()));
  shape[axis] = allRanked ? total : ShapedType::kDynamic;
  return answer(types, shape, elementOf(getY()));
}

OpFoldResult ConcatOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (getInputs().size() == 1 && getInputs()[0].getType() == getType())
    return getInputs()[0];
  if (OpFoldResult folded = foldPartial(getResult()))
    return folded;
  if (!type || !type.hasStaticShape() || type.getNumElements() > maxFoldedElements ||
      !isa<IntegerType, FloatType>(type.getElementType()))
    return {};
  // Blocks of everything from the axis on, one operand after the other.
  int64_t axis = *normalizeAxis(getAxis(), type.getRank()), outer = 1;
  for (int64_t i = 0; i < axis; ++i)
    outer *= type.getDimSize(i);
  SmallVector<SmallVector<Attribute>> parts;
  for (Attribute operand : adaptor.getInputs()) {
    auto dense = dyn_cast_or_null<DenseElementsAttr>(operand);
    if (!dense)
      return {};
    parts.push_back(llvm::to_vector(dense.getValues<Attribute>()));
  }
  SmallVector<Attribute> elements;
  for (int64_t o = 0; o < outer; ++o)
    for (SmallVector<Attribute> &part : parts) {
      size_t block = part.size() / outer;
      elements.append(part.begin() + o * block, part.begin() + (o + 1) * block);
    }
  return DenseElementsAttr::get(type, elements);
}

// --- split -----------------------------------------------------------------------------------------------------------

LogicalResult SplitOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  Type element = elementOf(getX());
  int64_t count = getPieces().size();
  if (!x) {
    types.append(count, UnrankedTensorType::get(element));
    return success();
  }
  auto axis = normalizeAxis(getAxis(), x.getRank());
  if (!axis)
    return badAxis(*this, getAxis(), x.getRank());
  SmallVector<int64_t> sizes(count, ShapedType::kDynamic);
  int64_t extent = x.getDimSize(*axis);
  if (getSizes()) {
    if (auto partial = getPartialExtents(getSizes())) {
      if (int64_t(partial->size()) != count)
        return emitOpError("expected ") << count << " sizes, but got " << partial->size();
      sizes = *partial;
    }
    int64_t total = 0;
    for (int64_t size : sizes)
      total = isDynamic(total) || isDynamic(size) ? ShapedType::kDynamic : total + size;
    if (!isDynamic(total) && !isDynamic(extent) && total != extent)
      return emitOpError("expected sizes that add up to ") << extent << ", but got " << total;
  } else if (!isDynamic(extent)) {
    int64_t piece = count ? (extent + count - 1) / count : 0, rest = extent;
    for (int64_t &size : sizes) {
      size = std::min(piece, rest);
      rest -= size;
    }
  }
  SmallVector<int64_t> shape(x.getShape());
  for (int64_t size : sizes) {
    shape[*axis] = size;
    types.push_back(RankedTensorType::get(shape, element));
  }
  return success();
}

// --- slice -----------------------------------------------------------------------------------------------------------

LogicalResult SliceOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x)
    return answerUnknown(types, elementOf(getX()));
  auto starts = getPartialIntegers(getStarts()), ends = getPartialIntegers(getEnds());
  auto steps = getSteps() ? getPartialShape(getSteps()) : std::nullopt;
  std::optional<SmallVector<int64_t>> axes;
  if (getAxes() && getConstantIntegers(getAxes())) {
    axes = getConstantAxes(getAxes(), x.getRank());
    if (!axes)
      return emitOpError("expected distinct axes in ") << -x.getRank() << ".." << x.getRank() - 1;
  } else if (!getAxes() && starts) {
    if (int64_t(starts->size()) > x.getRank())
      return emitOpError("expected at most ") << x.getRank() << " starts, but got " << starts->size();
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts->size()));
  }
  if (!axes)
    return answerDynamic(types, x.getRank(), elementOf(getX()));
  SmallVector<int64_t> shape(x.getShape());
  for (auto [k, axis] : llvm::enumerate(*axes)) {
    int64_t extent = shape[axis];
    shape[axis] = ShapedType::kDynamic;
    if (!starts || !ends || k >= starts->size() || k >= ends->size())
      continue;
    std::optional<int64_t> step = 1;
    if (getSteps())
      step = steps && k < steps->size() ? (*steps)[k] : std::nullopt;
    if (step == 0)
      return emitOpError("expected steps other than 0");
    const PartialInteger &start = (*starts)[k], &end = (*ends)[k];
    if (!start.value || !step)
      continue;
    if (end.value && !isDynamic(extent)) {
      shape[axis] = clampSlice(*start.value, *end.value, *step, extent).count;
    } else if (end.value && *step > 0 &&
               ((*start.value >= 0 && *end.value >= 0 && *end.value <= *start.value) ||
                (*start.value < 0 && *end.value < 0 && *end.value <= *start.value))) {
      shape[axis] = 0; // start and end from the same side, in the wrong order
    }
  }
  return answer(types, shape, elementOf(getX()));
}

/// Start and step per dimension of a slice whose operands are constant and whose operand is static.
static std::optional<SmallVector<SliceRange>> getConstantRanges(SliceOp slice) {
  auto x = rankedOf(slice.getX());
  if (!x)
    return std::nullopt;
  auto starts = getConstantIntegers(slice.getStarts()), ends = getConstantIntegers(slice.getEnds());
  if (!starts || !ends)
    return std::nullopt;
  auto axes = slice.getAxes() ? getConstantAxes(slice.getAxes(), x.getRank())
                              : std::optional(llvm::to_vector(llvm::seq<int64_t>(0, starts->size())));
  auto steps = slice.getSteps() ? getConstantIntegers(slice.getSteps()) : SmallVector<int64_t>(starts->size(), 1);
  if (!axes || !steps || axes->size() != starts->size() || ends->size() != starts->size() ||
      steps->size() != starts->size() || llvm::is_contained(*steps, 0))
    return std::nullopt;
  SmallVector<SliceRange> ranges;
  for (int64_t extent : x.getShape())
    ranges.push_back({0, 1, extent});
  for (auto [k, axis] : llvm::enumerate(*axes)) {
    // 0 to the greatest end, step 1, is everything, whatever the extent.
    int64_t everything = std::numeric_limits<int32_t>::max();
    if (isDynamic(ranges[axis].count)) {
      if ((*starts)[k] != 0 || (*steps)[k] != 1 || (*ends)[k] < everything)
        return std::nullopt;
      continue;
    }
    ranges[axis] = clampSlice((*starts)[k], (*ends)[k], (*steps)[k], ranges[axis].count);
  }
  return ranges;
}

OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult folded = foldPartial(getResult()))
    return folded;
  auto ranges = getConstantRanges(*this);
  if (!ranges)
    return {};
  auto x = rankedOf(getX());
  bool isWhole = getX().getType() == getType();
  for (auto [i, range] : llvm::enumerate(*ranges))
    isWhole &= range.start == 0 && range.step == 1 && range.count == x.getDimSize(i);
  if (isWhole)
    return getX();
  if (!x.hasStaticShape() || !adaptor.getX())
    return {};
  return pickElements(adaptor.getX(), getType(), [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> source;
    for (auto [range, i] : llvm::zip(*ranges, index))
      source.push_back(range.start + i * range.step);
    return linearize(source, x.getShape());
  });
}

// --- expand, tile ----------------------------------------------------------------------------------------------------

LogicalResult ExpandOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  auto target = getPartialExtents(getShape());
  if (!x)
    return answerUnknown(types, elementOf(getX()));
  if (!target) {
    auto length = lengthOf(getShape());
    return length ? answerDynamic(types, std::max(*length, x.getRank()), elementOf(getX()))
                  : answerUnknown(types, elementOf(getX()));
  }
  auto shape = broadcastShapes({x.getShape(), *target});
  if (!shape)
    return emitOpError("expected a shape to which ") << x << " broadcasts, but got another";
  return answer(types, *shape, elementOf(getX()));
}

OpFoldResult ExpandOp::fold(FoldAdaptor adaptor) {
  auto x = rankedOf(getX());
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!x || !type || !type.hasStaticShape() || !x.hasStaticShape() || x.getRank() > type.getRank())
    return foldPartial(getResult());
  if (x == type)
    return getX();
  if (!adaptor.getX())
    return foldPartial(getResult());
  return pickElements(adaptor.getX(), type, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> source(index.take_back(x.getRank()));
    for (auto [i, extent] : llvm::enumerate(x.getShape()))
      if (extent == 1)
        source[i] = 0;
    return linearize(source, x.getShape());
  });
}

LogicalResult TileOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x) {
    auto length = lengthOf(getRepeats());
    return length ? answerDynamic(types, *length, elementOf(getX())) : answerUnknown(types, elementOf(getX()));
  }
  auto repeats = getPartialExtents(getRepeats());
  if (repeats && int64_t(repeats->size()) != x.getRank())
    return emitOpError("expected ") << x.getRank() << " repeats, but got " << repeats->size();
  SmallVector<int64_t> shape(x.getRank(), ShapedType::kDynamic);
  for (int64_t i = 0; i < x.getRank() && repeats; ++i)
    if (!x.isDynamicDim(i) && !isDynamic((*repeats)[i]))
      shape[i] = x.getDimSize(i) * (*repeats)[i];
  return answer(types, shape, elementOf(getX()));
}

OpFoldResult TileOp::fold(FoldAdaptor adaptor) {
  auto x = rankedOf(getX());
  auto repeats = getConstantIntegers(adaptor.getRepeats());
  if (repeats && getX().getType() == getType() && llvm::all_of(*repeats, [](int64_t count) { return count == 1; }))
    return getX();
  if (!x || !x.hasStaticShape() || !adaptor.getX() || !repeats)
    return {};
  return pickElements(adaptor.getX(), getType(), [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> source;
    for (auto [i, extent] : llvm::zip(index, x.getShape()))
      source.push_back(extent ? i % extent : 0);
    return linearize(source, x.getShape());
  });
}

// --- pad -------------------------------------------------------------------------------------------------------------

LogicalResult PadOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x)
    return answerUnknown(types, elementOf(getX()));
  std::optional<SmallVector<int64_t>> axes = llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
  if (getAxes())
    axes = getConstantAxes(getAxes(), x.getRank());
  if (!axes && getConstantIntegers(getAxes()))
    return emitOpError("expected distinct axes in ") << -x.getRank() << ".." << x.getRank() - 1;
  if (!axes)
    return answerDynamic(types, x.getRank(), elementOf(getX()));
  auto pads = getPartialShape(getPads());
  if (pads && pads->size() != 2 * axes->size())
    return emitOpError("expected ") << 2 * axes->size() << " pads, but got " << pads->size();
  SmallVector<int64_t> shape(x.getShape());
  for (auto [k, axis] : llvm::enumerate(*axes)) {
    int64_t extent = shape[axis];
    shape[axis] = ShapedType::kDynamic;
    if (!pads || isDynamic(extent) || !(*pads)[k] || !(*pads)[k + axes->size()])
      continue;
    shape[axis] = extent + *(*pads)[k] + *(*pads)[k + axes->size()];
    if (shape[axis] < 0)
      return emitOpError("expected pads that leave an extent of 0 or more, but got ") << shape[axis];
  }
  return answer(types, shape, elementOf(getX()));
}

OpFoldResult PadOp::fold(FoldAdaptor adaptor) {
  auto pads = getConstantIntegers(adaptor.getPads());
  if (pads && getX().getType() == getType() && llvm::all_of(*pads, [](int64_t pad) { return pad == 0; }))
    return getX();
  return {};
}
