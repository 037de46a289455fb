// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ExtentEstimate.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

#include <cmath>

using namespace mlir;
using namespace tegula::graph;

/// A dynamic extent of which nothing is known.
static constexpr double usualExtent = 256;

/// How many times as long as those of the first operand the extents of `op`'s result are.
static SmallVector<double> findFactors(Operation *op, int64_t rank) {
  SmallVector<double> factors(rank, 1);
  auto set = [&](int64_t axis, double factor) {
    if (auto dim = normalizeAxis(axis, rank))
      factors[*dim] = factor;
  };
  if (auto strides = op->getAttrOfType<DenseI64ArrayAttr>("strides"))
    for (auto [i, stride] : llvm::enumerate(strides.asArrayRef()))
      set(int64_t(i) + 2, isa<ConvTransposeOp>(op) ? double(stride) : 1 / double(stride));
  auto resize = dyn_cast<ResizeOp>(op);
  auto scales = resize && resize.getScales() ? getConstantFloats(resize.getScales()) : std::nullopt;
  if (!scales)
    return factors;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (resize.getAxes())
    axes.assign(resize.getAxes()->begin(), resize.getAxes()->end());
  for (auto [axis, scale] : llvm::zip(axes, *scales))
    set(axis, scale);
  return factors;
}

ExtentEstimate::ExtentEstimate(func::FuncOp function) {
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    auto type = op->getNumResults() ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
    if (!type || type.hasStaticShape())
      return;
    auto sources = llvm::make_filter_range(op->getOperands(), [&](Value operand) {
      auto own = dyn_cast<RankedTensorType>(operand.getType());
      return own && own.getRank() == type.getRank();
    });
    if (sources.empty())
      return;
    auto transpose = dyn_cast<TransposeOp>(op);
    bool isWindow = isa<ConvOp, ConvTransposeOp>(op);
    SmallVector<double> factors = findFactors(op, type.getRank()), own;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      int64_t from = transpose ? transpose.getPermutation()[i] : i;
      // The longest: others are broadcast. A weight has extents of its own.
      double longest = extent(*sources.begin(), from);
      for (Value source : sources)
        if (!isWindow)
          longest = std::max(longest, extent(source, from));
      own.push_back(std::ceil(longest * factors[i]));
    }
    extents[op->getResult(0)] = std::move(own);
  });
}

double ExtentEstimate::extent(Value value, int64_t dim) const {
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.isDynamicDim(dim))
    return double(type.getDimSize(dim));
  if (dim == 0)
    return 1;
  auto own = extents.find(value);
  return own == extents.end() ? usualExtent : own->second[dim];
}

double ExtentEstimate::countElements(Value value) const {
  double count = 1;
  for (int64_t i = 0; i < cast<RankedTensorType>(value.getType()).getRank(); ++i)
    count *= extent(value, i);
  return count;
}
