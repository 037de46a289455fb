// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Resampling at positions that are data, and sums over windows: generics whose body addresses the operand.
#include "tegula/Conversion/GraphToLinalg/FloatMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <array>
#include <functional>
#include <limits>

using namespace mlir;
using namespace tegula;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {
struct GridSampleLowering : Lowering<graph::GridSampleOp> {
  using Lowering::Lowering;

  /// `x` mirrored at the borders until it lies between them.
  static Value reflect(const FloatMath &f, Value x, Value low, Value high) {
    Value range = f.sub(high, low), isFlat = f.compare(CmpFPredicate::OLE, range, f.constant(0));
    Value safe = f.select(isFlat, f.constant(1), range);
    // Distance from the low border, folded into 0..2 range, then mirrored.
    Value period = f.mul(safe, f.constant(2)), distance = f.sub(x, low);
    Value rest = f.sub(distance, f.mul(f.floor(f.div(distance, period)), period));
    Value mirrored = f.select(f.compare(CmpFPredicate::OGT, rest, safe), f.sub(period, rest), rest);
    return f.select(isFlat, low, f.add(low, mirrored));
  }

  LogicalResult matchAndRewrite(graph::GridSampleOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), grid = adaptor.getGrid();
    if (!type || !isa<RankedTensorType>(x.getType()) || !isa<RankedTensorType>(grid.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = type.getRank(), spatial = rank - 2;
    SmallVector<Value> whole, extents;
    for (OpFoldResult extent : getExtents(rewriter, loc, x))
      whole.push_back(asValue(rewriter, loc, extent));
    extents.append(whole.begin(), whole.begin() + 2);
    for (int64_t i = 0; i < spatial; ++i) {
      extents.push_back(asValue(rewriter, loc, getExtent(rewriter, loc, grid, i + 1)));
      math.check(math.compare(CmpIPredicate::ne, whole[i + 2], math.constant(0)), TEGULA_SHAPE_MISMATCH);
    }
    Value batch = asValue(rewriter, loc, getExtent(rewriter, loc, grid, 0));
    math.check(math.compare(CmpIPredicate::eq, batch, whole[0]), TEGULA_SHAPE_MISMATCH);
    Value tuple = asValue(rewriter, loc, getExtent(rewriter, loc, grid, rank - 1));
    math.check(math.compare(CmpIPredicate::eq, tuple, math.constant(spatial)), TEGULA_SHAPE_MISMATCH);

    Type element = getElement(op.getX()), compute = getInterpolationType(element);
    StringRef padding = op.getPadding(), mode = op.getMode();
    Value result = buildIndexed(
        rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, {}, {},
        [&](const IndexMath &inner, ValueRange, ValueRange at) -> Value {
          FloatMath f(inner, compute);
          Value one = f.constant(1), half = f.constant(0.5);
          // Per dimension: neighbors (clamped index, inside or not) and weights.
          struct Neighbor {
            Value index, inside, weight;
          };
          SmallVector<SmallVector<Neighbor>> neighbors(spatial);
          for (int64_t d = 0; d < spatial; ++d) {
            SmallVector<Value> position{at[0]};
            position.append(at.begin() + 2, at.end());
            position.push_back(inner.constant(spatial - 1 - d)); // innermost dimension first
            Value n = f.convert(tensor::ExtractOp::create(inner.b, inner.loc, grid, position));
            Value extent = f.fromIndex(whole[d + 2]), last = f.sub(extent, one);
            Value low = op.getAlignCorners() ? f.constant(0) : f.constant(-0.5);
            Value high = op.getAlignCorners() ? last : f.sub(extent, half);
            Value place = op.getAlignCorners() ? f.mul(f.mul(f.add(n, one), half), last)
                                               : f.mul(f.sub(f.mul(f.add(n, one), extent), one), half);
            if (mode == "nearest")
              place = math::RoundEvenOp::create(inner.b, inner.loc, place);
            Value beyond =
                inner.logicalOr(f.compare(CmpFPredicate::OLT, place, low), f.compare(CmpFPredicate::OGT, place, high));
            if (padding == "border")
              place = f.select(beyond, f.max(f.min(place, last), f.constant(0)), place);
            else if (padding == "reflection")
              place = f.select(beyond, reflect(f, place, low, high), place);
            Value base = mode == "nearest" ? place : f.floor(place), ratio = f.sub(place, base);
            int64_t from = mode == "cubic" ? -1 : 0, count = mode == "cubic" ? 4 : mode == "linear" ? 2 : 1;
            for (int64_t k = from; k < from + count; ++k) {
              Neighbor neighbor;
              Value own = f.add(base, f.constant(k));
              neighbor.inside = inner.logicalAnd(f.compare(CmpFPredicate::OGE, own, f.constant(0)),
                                                 f.compare(CmpFPredicate::OLE, own, last));
              if (padding == "reflection")
                own = reflect(f, own, low, high);
              neighbor.index =
                  inner.clamp(f.toIndexValue(own), inner.constant(0), inner.sub(whole[d + 2], inner.constant(1)));
              if (mode == "cubic")
                neighbor.weight = f.cubicKernel(f.sub(f.constant(k), ratio), -0.75);
              else if (mode == "linear")
                neighbor.weight = k ? ratio : f.sub(one, ratio);
              neighbors[d].push_back(neighbor);
            }
          }
          // All combinations, the last dimension fastest.
          std::function<Value(int64_t, SmallVector<Value> &, Value)> sum = [&](int64_t d, SmallVector<Value> &place,
                                                                               Value inside) -> Value {
            if (d == spatial) {
              Value stored = tensor::ExtractOp::create(inner.b, inner.loc, x, place);
              Value value = loadFloat(f, stored, element);
              return inside ? f.select(inside, value, f.constant(0)) : value;
            }
            Value total;
            for (const Neighbor &neighbor : neighbors[d]) {
              place.push_back(neighbor.index);
              Value within = padding != "zeros" ? Value()
                             : inside           ? inner.logicalAnd(inside, neighbor.inside)
                                                : neighbor.inside;
              Value value = sum(d + 1, place, within);
              place.pop_back();
              if (neighbor.weight)
                value = f.mul(value, neighbor.weight);
              total = total ? f.add(total, value) : value;
            }
            return total;
          };
          SmallVector<Value> place{at[0], at[1]};
          return storeFloat(f, sum(0, place, nullptr), element);
        });
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Bins of regions: every result element walks its samples, whose number may depend on the region.
struct RoiAlignLowering : Lowering<graph::RoiAlignOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::RoiAlignOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX(), rois = adaptor.getRois(), batches = adaptor.getBatchIndices();
    if (!type || !isa<RankedTensorType>(x.getType()) || !isa<RankedTensorType>(rois.getType()) ||
        !isa<RankedTensorType>(batches.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    SmallVector<Value> whole;
    for (OpFoldResult extent : getExtents(rewriter, loc, x))
      whole.push_back(asValue(rewriter, loc, extent));
    Value regions = asValue(rewriter, loc, getExtent(rewriter, loc, rois, 0)), zero = math.constant(0);
    math.check(math.compare(CmpIPredicate::eq, regions, asValue(rewriter, loc, getExtent(rewriter, loc, batches, 0))),
               TEGULA_SHAPE_MISMATCH);
    for (int64_t i : {0, 2, 3})
      math.check(math.logicalOr(math.compare(CmpIPredicate::ne, whole[i], zero),
                                math.compare(CmpIPredicate::eq, regions, zero)),
                 TEGULA_INDEX_OUT_OF_RANGE);
    SmallVector<Value> extents{regions, whole[1], math.constant(op.getHeight()), math.constant(op.getWidth())};
    Type element = getElement(op.getX()), compute = getInterpolationType(element);
    bool isMax = op.getMode() == "max";
    AffineMap map = AffineMap::get(4, 0, rewriter.getAffineDimExpr(0), rewriter.getContext());
    Value result = buildIndexed(
        rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, batches, map,
        [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
          FloatMath f(inner, compute);
          Value image = inner.checkedIndex(toIndex(inner.b, inner.loc, v[0]), whole[0]);
          Value one = f.constant(1), half = f.constant(0.5);
          // Per dimension (rows, columns): where the bin starts, and its samples.
          struct Bin {
            Value start, step, count, last, extent;
          } bins[2];
          for (int64_t d = 0; d < 2; ++d) {
            auto corner = [&](int64_t column) {
              Value value =
                  tensor::ExtractOp::create(inner.b, inner.loc, rois, ValueRange{at[0], inner.constant(column)});
              value = f.mul(f.convert(value), f.constant(op.getSpatialScale().convertToFloat()));
              return op.getHalfPixel() ? f.sub(value, half) : value;
            };
            Value start = corner(1 - d), size = f.sub(corner(3 - d), start);
            if (!op.getHalfPixel())
              size = f.max(size, one);
            Value bin = f.div(size, f.constant(d == 0 ? op.getHeight() : op.getWidth()));
            Value count = inner.constant(op.getSamplingRatio());
            if (op.getSamplingRatio() == 0)
              count = inner.max(f.toIndexValue(f.ceil(bin)), inner.constant(0));
            bins[d].start = f.add(start, f.mul(f.fromIndex(at[2 + d]), bin));
            bins[d].step = f.div(bin, f.max(f.fromIndex(count), one));
            bins[d].count = count;
            bins[d].last = inner.sub(whole[2 + d], inner.constant(1));
            bins[d].extent = f.fromIndex(whole[2 + d]);
          }
          Value first = isMax ? f.constant(-std::numeric_limits<double>::infinity()) : f.constant(0);
          Value from = inner.constant(0), by = inner.constant(1);
          auto rows = scf::ForOp::create(
              inner.b, inner.loc, from, bins[0].count, by, first,
              [&](OpBuilder &rowBuilder, Location rowLoc, Value iy, ValueRange rowCarried) {
                auto columns = scf::ForOp::create(
                    rowBuilder, rowLoc, from, bins[1].count, by, rowCarried[0],
                    [&](OpBuilder &b, Location place, Value ix, ValueRange carried) {
                      IndexMath m{b, place};
                      FloatMath g(m, compute);
                      scf::YieldOp::create(b, place, sample(m, g, x, image, at[1], bins, {iy, ix}, carried[0], isMax));
                    });
                scf::YieldOp::create(rowBuilder, rowLoc, columns.getResult(0));
              });
          Value total = rows.getResult(0), samples = inner.mul(bins[0].count, bins[1].count);
          Value none = inner.compare(CmpIPredicate::eq, samples, from);
          if (!isMax)
            total = f.div(total, f.max(f.fromIndex(samples), one));
          return storeFloat(f, f.select(none, f.constant(0), total), element);
        });
    rewriter.replaceOp(op, result);
    return success();
  }

  /// One bilinear sample added to (or compared with) `carried`.
  template <typename BinT>
  static Value sample(const IndexMath &m, const FloatMath &g, Value x, Value image, Value channel, BinT *bins,
                      std::array<Value, 2> steps, Value carried, bool isMax) {
    Value zero = g.constant(0), one = g.constant(1), outside, low[2], high[2], weightLow[2], weightHigh[2];
    for (int64_t d = 0; d < 2; ++d) {
      Value place = g.add(bins[d].start, g.mul(g.add(g.fromIndex(steps[d]), g.constant(0.5)), bins[d].step));
      Value beyond = m.logicalOr(g.compare(CmpFPredicate::OLT, place, g.constant(-1)),
                                 g.compare(CmpFPredicate::OGT, place, bins[d].extent));
      outside = outside ? m.logicalOr(outside, beyond) : beyond;
      place = g.max(place, zero);
      low[d] = m.clamp(g.toIndexValue(place), m.constant(0), bins[d].last);
      high[d] = m.min(m.add(low[d], m.constant(1)), bins[d].last);
      Value isLast = m.compare(CmpIPredicate::eq, low[d], bins[d].last);
      weightHigh[d] = g.select(isLast, zero, g.sub(place, g.fromIndex(low[d])));
      weightLow[d] = g.sub(one, weightHigh[d]);
    }
    Value total;
    for (int64_t corner = 0; corner < 4; ++corner) {
      bool isBottom = corner & 2, isRight = corner & 1;
      Value stored = tensor::ExtractOp::create(
          m.b, m.loc, x, ValueRange{image, channel, isBottom ? high[0] : low[0], isRight ? high[1] : low[1]});
      Value weight = g.mul(isBottom ? weightHigh[0] : weightLow[0], isRight ? weightHigh[1] : weightLow[1]);
      Value term = g.mul(g.convert(stored), weight);
      total = !total ? term : isMax ? g.max(total, term) : g.add(total, term);
    }
    total = g.select(outside, zero, total);
    return isMax ? g.max(carried, total) : g.add(carried, total);
  }
};

/// Every image element asks all kernel positions whether a window holds it there.
struct Col2ImLowering : Lowering<graph::Col2ImOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::Col2ImOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    if (!type || !isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t spatial = type.getRank() - 2, rank = type.getRank();
    Value zero = math.constant(0), one = math.constant(1), area = one, windows = one;
    SmallVector<Value> block, positions, extents{asValue(rewriter, loc, getExtent(rewriter, loc, x, 0)), nullptr};
    SmallVector<OpFoldResult> kernelSizes;
    for (int64_t i = 0; i < spatial; ++i) {
      block.push_back(extractIndex(rewriter, loc, adaptor.getBlockShape(), i));
      math.check(math.compare(CmpIPredicate::sgt, block[i], zero), TEGULA_INVALID_VALUE);
      block[i] = math.max(block[i], one);
      kernelSizes.push_back(getAsOpFoldResult(block[i]));
      area = math.mul(area, block[i]);
      Value image = extractIndex(rewriter, loc, adaptor.getImageShape(), i);
      math.check(math.compare(CmpIPredicate::sge, image, zero), TEGULA_INVALID_VALUE);
      extents.push_back(image);
      Value padded = math.add(image, math.constant(op.getPads()[i] + op.getPads()[i + spatial]));
      Value reach = math.mul(math.sub(block[i], one), math.constant(op.getDilations()[i]));
      Value room = math.sub(math.sub(padded, reach), one);
      Value count = math.add(math.div(room, math.constant(op.getStrides()[i])), one);
      positions.push_back(math.select(math.isNegative(room), zero, count));
      windows = math.mul(windows, positions[i]);
    }
    Value rows = asValue(rewriter, loc, getExtent(rewriter, loc, x, 1));
    Value columns = asValue(rewriter, loc, getExtent(rewriter, loc, x, 2));
    math.check(math.compare(CmpIPredicate::eq, math.rem(rows, area), zero), TEGULA_SHAPE_MISMATCH);
    math.check(math.compare(CmpIPredicate::eq, columns, windows), TEGULA_SHAPE_MISMATCH);
    extents[1] = math.div(rows, area);
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);

    Type element = getElement(op.getX()), stored = type.getElementType();
    bool isFloat = isa<FloatType>(element);
    Type compute = isFloat ? getInterpolationType(element) : stored;
    // Only its shape matters: the extents of the kernel loops.
    Value kernel = makeEmpty(rewriter, loc, kernelSizes, rewriter.getI8Type());
    Value init = makeFilled(rewriter, loc, sizes, constantScalar(rewriter, loc, 0, compute));
    SmallVector<AffineExpr> loops, kernelLoops;
    for (int64_t i = 0; i < rank; ++i)
      loops.push_back(rewriter.getAffineDimExpr(i));
    for (int64_t i = 0; i < spatial; ++i)
      kernelLoops.push_back(rewriter.getAffineDimExpr(rank + i));
    SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
    iterators.append(spatial, utils::IteratorType::reduction);
    MLIRContext *context = rewriter.getContext();
    Value result =
        linalg::GenericOp::create(
            rewriter, loc, init.getType(), kernel, init,
            ArrayRef{AffineMap::get(rank + spatial, 0, kernelLoops, context),
                     AffineMap::get(rank + spatial, 0, loops, context)},
            iterators,
            [&](OpBuilder &b, Location at, ValueRange v) {
              IndexMath inner{b, at};
              Value image = linalg::IndexOp::create(b, at, 0), channel = linalg::IndexOp::create(b, at, 1);
              Value row = inner.constant(0), column = inner.constant(0);
              Value holds = b.createOrFold<arith::ConstantOp>(at, b.getBoolAttr(true));
              for (int64_t i = 0; i < spatial; ++i) {
                Value k = linalg::IndexOp::create(b, at, rank + i), y = linalg::IndexOp::create(b, at, i + 2);
                Value stride = inner.constant(op.getStrides()[i]);
                Value offset = inner.sub(inner.add(y, inner.constant(op.getPads()[i])),
                                         inner.mul(k, inner.constant(op.getDilations()[i])));
                Value window = inner.div(offset, stride);
                Value fits =
                    inner.logicalAnd(inner.compare(CmpIPredicate::sge, offset, inner.constant(0)),
                                     inner.compare(CmpIPredicate::eq, inner.rem(offset, stride), inner.constant(0)));
                fits = inner.logicalAnd(fits, inner.compare(CmpIPredicate::slt, window, positions[i]));
                holds = inner.logicalAnd(holds, fits);
                row = inner.add(inner.mul(row, block[i]), k);
                column = inner.add(inner.mul(column, positions[i]), window);
              }
              row = inner.add(inner.mul(channel, area), row);
              // What no window holds reads column 0 and adds nothing.
              auto branch = scf::IfOp::create(
                  b, at, holds,
                  [&](OpBuilder &nested, Location place) {
                    Value value = tensor::ExtractOp::create(nested, place, x, ValueRange{image, row, column});
                    if (isFloat)
                      value = FloatMath(IndexMath{nested, place}, compute).convert(value);
                    scf::YieldOp::create(nested, place, value);
                  },
                  [&](OpBuilder &nested, Location place) {
                    scf::YieldOp::create(nested, place, constantScalar(nested, place, 0, compute));
                  });
              Value term = branch.getResult(0);
              linalg::YieldOp::create(b, at,
                                      isFloat ? Value(arith::AddFOp::create(b, at, v[1], term))
                                              : Value(arith::AddIOp::create(b, at, v[1], term)));
            })
            .getResult(0);
    if (compute != stored)
      result = buildIndexed(rewriter, loc, sizes, type, result, rewriter.getMultiDimIdentityMap(rank),
                            [&](const IndexMath &inner, ValueRange v, ValueRange) {
                              return storeFloat(FloatMath(inner, compute), v[0], element);
                            });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};
} // namespace

void tegula::populateSamplingLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<GridSampleLowering, RoiAlignLowering, Col2ImLowering>(converter, patterns.getContext());
}
