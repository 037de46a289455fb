// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and verifiers of ops that interpolate.
#include "Inference.h"

#include <cmath>

using namespace mlir;
using namespace tegula::graph;

LogicalResult ResizeOp::verify() {
  if (bool(getScales()) == bool(getSizes()))
    return emitOpError("expected either scales or sizes");
  if (getCoordinates() == "tf_crop_and_resize" && !getRoi())
    return emitOpError("expected roi for tf_crop_and_resize");
  return success();
}

LogicalResult ResizeOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  if (!x)
    return answerUnknown(types, elementOf(getX()));
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
  if (getAxes()) {
    axes.clear();
    ArrayRef<int64_t> given = *getAxes();
    for (int64_t axis : given) {
      auto normalized = normalizeAxis(axis, x.getRank());
      if (!normalized)
        return badAxis(*this, axis, x.getRank());
      axes.push_back(*normalized);
    }
  }
  SmallVector<int64_t> shape(x.getShape());
  for (int64_t axis : axes)
    shape[axis] = ShapedType::kDynamic;
  if (getScales()) {
    auto scales = getConstantFloats(getScales());
    if (scales && scales->size() != axes.size())
      return emitOpError("expected ") << axes.size() << " scales, but got " << scales->size();
    for (auto [k, axis] : llvm::enumerate(axes)) {
      if (!scales || x.isDynamicDim(axis))
        continue;
      if (!((*scales)[k] > 0))
        return emitOpError("expected positive scales, but got ") << (*scales)[k];
      double extent = std::floor(x.getDimSize(axis) * (*scales)[k]);
      if (!(extent < 1e15))
        return emitOpError("expected a result that fits memory");
      shape[axis] = int64_t(extent);
    }
    return answer(types, shape, elementOf(getX()));
  }
  auto sizes = getPartialExtents(getSizes());
  if (sizes && sizes->size() != axes.size())
    return emitOpError("expected ") << axes.size() << " sizes, but got " << sizes->size();
  if (!sizes)
    return answer(types, shape, elementOf(getX()));
  if (getAspectPolicy() == "stretch") {
    for (auto [k, axis] : llvm::enumerate(axes))
      shape[axis] = (*sizes)[k];
    return answer(types, shape, elementOf(getX()));
  }
  std::optional<double> scale;
  for (auto [k, axis] : llvm::enumerate(axes)) {
    if (isDynamic((*sizes)[k]) || x.isDynamicDim(axis) || x.getDimSize(axis) == 0)
      return answer(types, shape, elementOf(getX()));
    double ratio = double((*sizes)[k]) / double(x.getDimSize(axis));
    scale = !scale ? ratio : getAspectPolicy() == "not_larger" ? std::min(*scale, ratio) : std::max(*scale, ratio);
  }
  for (int64_t axis : axes)
    shape[axis] = int64_t(*scale * x.getDimSize(axis) + 0.5);
  return answer(types, shape, elementOf(getX()));
}

LogicalResult GridSampleOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX()), grid = rankedOf(getGrid());
  if (!x && !grid)
    return answerUnknown(types, elementOf(getX()));
  int64_t rank = x ? x.getRank() : grid.getRank();
  if (rank < 3 || (x && grid && grid.getRank() != rank))
    return emitOpError("expected operand and grid of equal rank, at least 3");
  if (grid && !grid.isDynamicDim(rank - 1) && grid.getDimSize(rank - 1) != rank - 2)
    return emitOpError("expected positions of ") << rank - 2 << " coordinates, but got " << grid.getDimSize(rank - 1);
  SmallVector<int64_t> shape(rank, ShapedType::kDynamic);
  if (x) {
    shape[0] = x.getDimSize(0);
    shape[1] = x.getDimSize(1);
  }
  for (int64_t i = 1; grid && i < rank - 1; ++i)
    shape[i + 1] = grid.getDimSize(i);
  return answer(types, shape, elementOf(getX()));
}

LogicalResult Col2ImOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX());
  int64_t spatial = getStrides().size();
  if (getDilations().size() != size_t(spatial) || getPads().size() != 2 * size_t(spatial))
    return emitOpError("expected ") << spatial << " dilations and " << 2 * spatial << " pads";
  for (int64_t value : llvm::concat<const int64_t>(getStrides(), getDilations()))
    if (value <= 0)
      return emitOpError("expected positive strides and dilations, but got ") << value;
  SmallVector<int64_t> shape(spatial + 2, ShapedType::kDynamic);
  if (x && x.getRank() != 3)
    return emitOpError("expected an operand of rank 3, but got ") << x;
  if (x)
    shape[0] = x.getDimSize(0);
  if (auto image = getPartialExtents(getImageShape())) {
    if (int64_t(image->size()) != spatial)
      return emitOpError("expected ") << spatial << " image extents, but got " << image->size();
    for (int64_t i = 0; i < spatial; ++i)
      shape[i + 2] = (*image)[i];
  }
  auto block = getConstantIntegers(getBlockShape());
  if (x && block && !x.isDynamicDim(1)) {
    int64_t size = 1;
    for (int64_t extent : *block)
      size *= extent;
    if (size <= 0 || x.getDimSize(1) % size != 0)
      return emitOpError("expected ") << x.getDimSize(1) << " to be divisible by the block's size " << size;
    shape[1] = x.getDimSize(1) / size;
  }
  return answer(types, shape, elementOf(getX()));
}

LogicalResult RoiAlignOp::inferTypes(SmallVectorImpl<Type> &types) {
  auto x = rankedOf(getX()), rois = rankedOf(getRois()), batches = rankedOf(getBatchIndices());
  if (x && x.getRank() != 4)
    return emitOpError("expected an operand of rank 4, but got ") << x;
  if (rois && (rois.getRank() != 2 || (!rois.isDynamicDim(1) && rois.getDimSize(1) != 4)))
    return emitOpError("expected regions of shape [R, 4], but got ") << rois;
  int64_t count = rois ? rois.getDimSize(0) : ShapedType::kDynamic;
  if (isDynamic(count) && batches && batches.getRank() == 1)
    count = batches.getDimSize(0);
  return answer(types, {count, x ? x.getDimSize(1) : ShapedType::kDynamic, int64_t(getHeight()), int64_t(getWidth())},
                elementOf(getX()));
}
