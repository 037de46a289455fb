// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/Window.h"

#include "tegula/Conversion/GraphToLinalg/IndexMath.h"
#include "tegula/Dialect/Graph/IR/Window.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

/// A binary operation on indices, computed here when both are known.
template <typename OpTy, typename Fold>
static OpFoldResult combine(OpBuilder &b, Location loc, OpFoldResult lhs, OpFoldResult rhs, Fold fold) {
  auto left = getConstantIntValue(lhs), right = getConstantIntValue(rhs);
  if (left && right)
    return b.getIndexAttr(fold(*left, *right));
  return OpTy::create(b, loc, asValue(b, loc, lhs), asValue(b, loc, rhs)).getResult();
}

bool tegula::isSameExtent(OpFoldResult a, OpFoldResult b) {
  if (a == b)
    return true;
  auto first = dyn_cast<Value>(a), second = dyn_cast<Value>(b);
  if (!first || !second)
    return false;
  auto firstDim = first.getDefiningOp<tensor::DimOp>(), secondDim = second.getDefiningOp<tensor::DimOp>();
  return firstDim && secondDim && firstDim.getSource() == secondDim.getSource() && firstDim.getConstantIndex() &&
         firstDim.getConstantIndex() == secondDim.getConstantIndex();
}

OpFoldResult tegula::addIndices(OpBuilder &b, Location loc, OpFoldResult lhs, OpFoldResult rhs) {
  if (isConstantIntValue(rhs, 0))
    return lhs;
  if (isConstantIntValue(lhs, 0))
    return rhs;
  return combine<arith::AddIOp>(b, loc, lhs, rhs, [](int64_t x, int64_t y) { return x + y; });
}
OpFoldResult tegula::subIndices(OpBuilder &b, Location loc, OpFoldResult lhs, OpFoldResult rhs) {
  if (isConstantIntValue(rhs, 0))
    return lhs;
  return combine<arith::SubIOp>(b, loc, lhs, rhs, [](int64_t x, int64_t y) { return x - y; });
}
OpFoldResult tegula::mulIndices(OpBuilder &b, Location loc, OpFoldResult lhs, OpFoldResult rhs) {
  if (isConstantIntValue(rhs, 1))
    return lhs;
  if (isConstantIntValue(lhs, 1))
    return rhs;
  return combine<arith::MulIOp>(b, loc, lhs, rhs, [](int64_t x, int64_t y) { return x * y; });
}
OpFoldResult tegula::maxIndices(OpBuilder &b, Location loc, OpFoldResult lhs, OpFoldResult rhs) {
  return combine<arith::MaxSIOp>(b, loc, lhs, rhs, [](int64_t x, int64_t y) { return std::max(x, y); });
}
OpFoldResult tegula::ceilDivIndex(OpBuilder &b, Location loc, OpFoldResult lhs, int64_t divisor) {
  if (divisor == 1)
    return lhs;
  return combine<arith::CeilDivSIOp>(b, loc, lhs, b.getIndexAttr(divisor),
                                     [](int64_t x, int64_t y) { return llvm::divideCeilSigned(x, y); });
}
OpFoldResult tegula::floorDivIndex(OpBuilder &b, Location loc, OpFoldResult lhs, int64_t divisor) {
  if (divisor == 1)
    return lhs;
  return combine<arith::FloorDivSIOp>(b, loc, lhs, b.getIndexAttr(divisor),
                                      [](int64_t x, int64_t y) { return llvm::divideFloorSigned(x, y); });
}

OpFoldResult tegula::windowSpan(OpBuilder &b, Location loc, OpFoldResult kernel, int64_t dilation) {
  OpFoldResult steps = subIndices(b, loc, kernel, b.getIndexAttr(1));
  return addIndices(b, loc, mulIndices(b, loc, steps, b.getIndexAttr(dilation)), b.getIndexAttr(1));
}

LoweredWindow tegula::lowerWindow(OpBuilder &b, Location loc, Value x, ArrayRef<OpFoldResult> kernel,
                                  ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads,
                                  StringRef autoPad, bool ceilMode, RankedTensorType resultType) {
  LoweredWindow lowered;
  for (size_t i = 0, spatial = kernel.size(); i < spatial; ++i) {
    OpFoldResult extent = getExtent(b, loc, x, i + 2);
    int64_t stride = strides[i];
    OpFoldResult begin = b.getIndexAttr(pads[i]), end = b.getIndexAttr(pads[i + spatial]), count;
    std::optional<graph::WindowExtents> most;
    auto known = getConstantIntValue(extent), knownKernel = getConstantIntValue(kernel[i]);
    if (known && knownKernel) {
      graph::WindowDimension window{*knownKernel, stride, dilations[i], pads[i], pads[i + spatial]};
      graph::WindowExtents extents = graph::computeWindow(*known, window, autoPad, ceilMode);
      begin = b.getIndexAttr(extents.padBegin);
      end = b.getIndexAttr(extents.padEnd);
      count = b.getIndexAttr(extents.count);
    } else if (autoPad != "NOTSET") {
      OpFoldResult span = windowSpan(b, loc, kernel[i], dilations[i]);
      count = ceilDivIndex(b, loc, extent, stride);
      // (count - 1) * stride + span - extent
      OpFoldResult total = subIndices(b, loc, span, b.getIndexAttr(1));
      if (stride != 1) {
        OpFoldResult reach = mulIndices(b, loc, count, b.getIndexAttr(stride));
        reach = addIndices(b, loc, reach, subIndices(b, loc, span, b.getIndexAttr(stride)));
        total = maxIndices(b, loc, subIndices(b, loc, reach, extent), b.getIndexAttr(0));
      }
      OpFoldResult smaller = floorDivIndex(b, loc, total, 2), larger = subIndices(b, loc, total, smaller);
      begin = autoPad == "SAME_UPPER" ? smaller : larger;
      end = autoPad == "SAME_UPPER" ? larger : smaller;
      if (knownKernel)
        most = graph::computeWindow(1, {*knownKernel, stride, dilations[i], 0, 0}, autoPad, ceilMode);
      if (most && most->padBegin + most->padEnd == 0)
        begin = end = b.getIndexAttr(0);
    } else {
      OpFoldResult span = windowSpan(b, loc, kernel[i], dilations[i]);
      OpFoldResult room =
          addIndices(b, loc, extent, subIndices(b, loc, b.getIndexAttr(pads[i] + pads[i + spatial]), span));
      count = ceilMode ? ceilDivIndex(b, loc, room, stride) : floorDivIndex(b, loc, room, stride);
      count = addIndices(b, loc, count, b.getIndexAttr(1));
      if (ceilMode && stride > 1) {
        // The last window starts inside the extent or its leading padding: at most ceil((extent + begin) / stride).
        OpFoldResult limit = ceilDivIndex(b, loc, addIndices(b, loc, extent, b.getIndexAttr(pads[i])), stride);
        count = arith::MinSIOp::create(b, loc, asValue(b, loc, count), asValue(b, loc, limit)).getResult();
      }
      count = maxIndices(b, loc, count, b.getIndexAttr(0));
    }
    if (!resultType.isDynamicDim(i + 2))
      count = b.getIndexAttr(resultType.getDimSize(i + 2));
    lowered.padBegin.push_back(begin);
    lowered.padEnd.push_back(end);
    lowered.mostBegin.push_back(most ? b.getIndexAttr(most->padBegin) : begin);
    lowered.mostEnd.push_back(most ? b.getIndexAttr(most->padEnd) : end);
    lowered.counts.push_back(count);
  }
  return lowered;
}

OpFoldResult tegula::neededPadEnd(OpBuilder &b, Location loc, OpFoldResult extent, OpFoldResult padBegin,
                                  OpFoldResult count, int64_t kernel, int64_t stride, int64_t dilation) {
  int64_t span = dilation * (kernel - 1) + 1;
  OpFoldResult reach = mulIndices(b, loc, count, b.getIndexAttr(stride));
  reach = addIndices(b, loc, reach, b.getIndexAttr(span - stride));
  return subIndices(b, loc, reach, addIndices(b, loc, extent, padBegin));
}

Value tegula::padSpatial(OpBuilder &b, Location loc, Value x, ArrayRef<OpFoldResult> begin, ArrayRef<OpFoldResult> end,
                         Value scalar) {
  OpFoldResult zero = b.getIndexAttr(0);
  SmallVector<OpFoldResult> extents = getExtents(b, loc, x);
  SmallVector<OpFoldResult> offsets(extents.size(), zero), sizes = extents, low(extents.size(), zero),
                                                           high(extents.size(), zero);
  bool crops = false, pads = false;
  for (size_t i = 0; i < begin.size(); ++i) {
    auto known = [&](OpFoldResult pad) { return getConstantIntValue(pad); };
    auto split = [&](OpFoldResult pad, OpFoldResult &outside) -> OpFoldResult {
      outside = maxIndices(b, loc, pad, zero);
      return maxIndices(b, loc, subIndices(b, loc, zero, pad), zero);
    };
    bool mayCrop = !known(begin[i]) || !known(end[i]) || *known(begin[i]) < 0 || *known(end[i]) < 0;
    if (!mayCrop) {
      low[i + 2] = begin[i];
      high[i + 2] = end[i];
    } else {
      OpFoldResult front = split(begin[i], low[i + 2]), back = split(end[i], high[i + 2]);
      if (!isConstantIntValue(front, 0) || !isConstantIntValue(back, 0)) {
        crops = true;
        offsets[i + 2] = front;
        sizes[i + 2] = subIndices(b, loc, subIndices(b, loc, extents[i + 2], front), back);
      }
    }
    pads |= !isConstantIntValue(low[i + 2], 0) || !isConstantIntValue(high[i + 2], 0);
  }
  if (crops)
    x = buildSlice(b, loc, x, offsets, sizes, SmallVector<OpFoldResult>(extents.size(), b.getIndexAttr(1)));
  if (!pads)
    return x;
  auto source = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    auto total = getConstantIntValue(addIndices(b, loc, addIndices(b, loc, size, low[i]), high[i]));
    shape.push_back(total ? *total : ShapedType::kDynamic);
  }
  return tensor::PadOp::create(b, loc, RankedTensorType::get(shape, source.getElementType()), x, low, high, scalar);
}

Value tegula::padWindow(OpBuilder &b, Location loc, Value x, const LoweredWindow &window, Value scalar) {
  Value padded = padSpatial(b, loc, x, window.mostBegin, window.mostEnd, scalar);
  if (window.padBegin == window.mostBegin && window.padEnd == window.mostEnd)
    return padded;
  SmallVector<OpFoldResult> sizes = getExtents(b, loc, x), offsets(sizes.size(), b.getIndexAttr(0)),
                            ones(sizes.size(), b.getIndexAttr(1));
  for (size_t i = 0; i < window.padBegin.size(); ++i) {
    offsets[i + 2] = subIndices(b, loc, window.mostBegin[i], window.padBegin[i]);
    sizes[i + 2] = addIndices(b, loc, addIndices(b, loc, sizes[i + 2], window.padBegin[i]), window.padEnd[i]);
  }
  return buildSlice(b, loc, padded, offsets, sizes, ones);
}

PositionReads tegula::readPositions(OpBuilder &b, Location loc, Value x, ArrayRef<int64_t> kernel,
                                    ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations,
                                    ArrayRef<OpFoldResult> extents) {
  int64_t spatial = kernel.size();
  SmallVector<OpFoldResult> sizes(extents.take_front(2));
  SmallVector<OpFoldResult> ones(2 + spatial, b.getIndexAttr(1));
  SmallVector<AffineExpr> read{b.getAffineDimExpr(0), b.getAffineDimExpr(1)};
  for (int64_t k = 0; k < spatial; ++k) {
    OpFoldResult last =
        mulIndices(b, loc, subIndices(b, loc, extents[2 + k], b.getIndexAttr(1)), b.getIndexAttr(strides[k]));
    sizes.push_back(maxIndices(b, loc, addIndices(b, loc, last, b.getIndexAttr(1)), b.getIndexAttr(0)));
    read.push_back(b.getAffineDimExpr(2 + k) * strides[k]);
  }
  PositionReads reads;
  reads.map = AffineMap::get(2 + spatial, 0, read, b.getContext());
  SmallVector<int64_t> position(spatial, 0);
  for (int64_t i = 0, end = ShapedType::getNumElements(kernel); i < end; ++i) {
    SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0));
    for (int64_t k = 0; k < spatial; ++k)
      offsets.push_back(b.getIndexAttr(position[k] * dilations[k]));
    reads.slices.push_back(buildSlice(b, loc, x, offsets, sizes, ones));
    for (int64_t k = spatial - 1; k >= 0 && ++position[k] == kernel[k]; --k)
      position[k] = 0;
  }
  return reads;
}
