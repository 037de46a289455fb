// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A pool becomes one linalg.generic over batch, channel, places | window, whose window extents come from an empty
// tensor of the kernel's shape, on an operand that was padded before; then, where needed, an elementwise op on the
// result. Maxima of few positions are a map that reads each of them.
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Conversion/GraphToLinalg/Window.h"
#include "tegula/Dialect/Graph/IR/Window.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

/// The stored scalar below every other: -infinity, or the least integer.
static Value lowestScalar(OpBuilder &b, Location loc, Type element) {
  Type storage = getStorageType(element);
  if (auto type = dyn_cast<FloatType>(storage))
    return arith::ConstantOp::create(
        b, loc, b.getFloatAttr(type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true)));
  unsigned width = storage.getIntOrFloatBitWidth();
  APInt lowest = isUnsignedElement(element) ? APInt::getZero(width) : APInt::getSignedMinValue(width);
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(storage, lowest));
}

static Value larger(OpBuilder &b, Location loc, Type element, Value x, Value y) {
  if (isa<FloatType>(element))
    return arith::MaximumFOp::create(b, loc, x, y);
  if (isUnsignedElement(element))
    return arith::MaxUIOp::create(b, loc, x, y);
  return arith::MaxSIOp::create(b, loc, x, y);
}

/// A loaded float as the type to compute in.
static Value widen(OpBuilder &b, Location loc, Value value, Type compute) {
  return value.getType() == compute ? value : Value(arith::ExtFOp::create(b, loc, compute, value));
}

static Value power(OpBuilder &b, Location loc, Value base, double exponent) {
  if (exponent == 1)
    return base;
  if (exponent == 2)
    return arith::MulFOp::create(b, loc, base, base);
  if (exponent == 0.5)
    return math::SqrtOp::create(b, loc, base);
  return math::PowFOp::create(b, loc, base, constantScalar(b, loc, exponent, base.getType()));
}

namespace {
/// What pools share once their operand is padded.
struct Pool {
  OpBuilder &b;
  Location loc;
  SmallVector<OpFoldResult> extents; ///< of the result
  Value padded, window;
  SmallVector<AffineMap> maps; ///< padded operand, window, result
  SmallVector<utils::IteratorType> iterators;
  LoweredWindow places;
  size_t spatial;
  ArrayRef<int64_t> strides, dilations;

  template <typename OpTy>
  Pool(OpBuilder &b, OpTy op, Value x, RankedTensorType type, Value padding)
      : b(b), loc(op.getLoc()), spatial(op.getKernel().size()), strides(op.getStrides()), dilations(op.getDilations()) {
    auto kernel = op.getKernel();
    places = lowerWindow(b, loc, x, getAsIndexOpFoldResult(b.getContext(), kernel), strides, dilations, op.getPads(),
                         op.getAutoPad(), op.getCeilMode(), type);
    extents = {getExtent(b, loc, x, 0), getExtent(b, loc, x, 1)};
    llvm::append_range(extents, places.counts);
    // Windows of ceil_mode may reach past the padding.
    LoweredWindow whole = places;
    if (op.getCeilMode() && op.getAutoPad() == "NOTSET")
      for (size_t i = 0; i < spatial; ++i) {
        OpFoldResult needed = neededPadEnd(b, loc, getExtent(b, loc, x, i + 2), places.padBegin[i], places.counts[i],
                                           kernel[i], strides[i], dilations[i]);
        whole.padEnd[i] = whole.mostEnd[i] = maxIndices(b, loc, whole.padEnd[i], needed);
      }
    padded = padding ? padWindow(b, loc, x, whole, padding) : x;
    SmallVector<OpFoldResult> kernelExtents;
    for (int64_t extent : kernel)
      kernelExtents.push_back(b.getIndexAttr(extent));
    window = makeEmpty(b, loc, kernelExtents, b.getI8Type());
    size_t loops = 2 + 2 * spatial;
    auto d = [&](size_t i) { return b.getAffineDimExpr(i); };
    SmallVector<AffineExpr> operand{d(0), d(1)}, windowMap, result{d(0), d(1)};
    for (size_t i = 0; i < spatial; ++i) {
      operand.push_back(d(2 + i) * strides[i] + d(2 + spatial + i) * dilations[i]);
      windowMap.push_back(d(2 + spatial + i));
      result.push_back(d(2 + i));
    }
    for (ArrayRef<AffineExpr> map : {ArrayRef(operand), ArrayRef(windowMap), ArrayRef(result)})
      maps.push_back(AffineMap::get(loops, 0, map, b.getContext()));
    iterators.assign(2 + spatial, utils::IteratorType::parallel);
    iterators.append(spatial, utils::IteratorType::reduction);
  }

  /// Reduces the windows from `init` (a scalar) by `body` (element, accumulator).
  Value reduce(Value init, function_ref<Value(OpBuilder &, Location, Value, Value)> body) {
    Value filled = makeFilled(b, loc, extents, init);
    return linalg::GenericOp::create(b, loc, filled.getType(), ValueRange{padded, window}, filled, maps, iterators,
                                     [&](OpBuilder &nested, Location at, ValueRange v) {
                                       linalg::YieldOp::create(nested, at, body(nested, at, v[0], v[2]));
                                     })
        .getResult(0);
  }

  /// The same for a body whose order and grouping do not matter: one window dimension after the other, the last first.
  Value reduceSeparately(Value init, function_ref<Value(OpBuilder &, Location, Value, Value)> body) {
    Value operand = padded;
    MLIRContext *context = b.getContext();
    for (size_t i = spatial; i-- > 0;) {
      SmallVector<OpFoldResult> shape;
      for (size_t k = 0; k < spatial + 2; ++k)
        shape.push_back(k < 2 || k >= 2 + i ? extents[k] : getExtent(b, loc, operand, k));
      Value filled = makeFilled(b, loc, shape, init);
      Value line = makeEmpty(b, loc, {b.getIndexAttr(cast<ShapedType>(window.getType()).getDimSize(i))}, b.getI8Type());
      SmallVector<AffineExpr> read, written;
      for (size_t k = 0; k < spatial + 2; ++k) {
        written.push_back(b.getAffineDimExpr(k));
        read.push_back(k == 2 + i ? b.getAffineDimExpr(k) * strides[i] + b.getAffineDimExpr(2 + spatial) * dilations[i]
                                  : b.getAffineDimExpr(k));
      }
      SmallVector<AffineMap> lineMaps{AffineMap::get(3 + spatial, 0, read, context),
                                      AffineMap::get(3 + spatial, 0, b.getAffineDimExpr(2 + spatial)),
                                      AffineMap::get(3 + spatial, 0, written, context)};
      SmallVector<utils::IteratorType> loops(2 + spatial, utils::IteratorType::parallel);
      loops.push_back(utils::IteratorType::reduction);
      operand = linalg::GenericOp::create(b, loc, filled.getType(), ValueRange{operand, line}, filled, lineMaps, loops,
                                          [&](OpBuilder &nested, Location at, ValueRange v) {
                                            linalg::YieldOp::create(nested, at, body(nested, at, v[0], v[2]));
                                          })
                    .getResult(0);
    }
    return operand;
  }

  /// The same by a map that reads each position, of few: its innermost loop runs along the width, and what follows is
  /// computed in it.
  Value reduceInMap(ArrayRef<int64_t> kernel, Type element,
                    function_ref<Value(OpBuilder &, Location, Value, Value)> body) {
    PositionReads reads = readPositions(b, loc, padded, kernel, strides, dilations, extents);
    SmallVector<AffineMap> readMaps(reads.slices.size(), reads.map);
    return buildMap(b, loc, extents, reads.slices, readMaps, element,
                    [&](OpBuilder &nested, Location at, ValueRange v) -> Value {
                      Value result = v.front();
                      for (Value other : v.drop_front())
                        result = body(nested, at, other, result);
                      return result;
                    });
  }

  /// An elementwise op on a tensor of the result's shape, to storage element `to`.
  Value finish(Value tensor, Type to, function_ref<Value(OpBuilder &, Location, Value)> body) {
    Value empty = makeEmpty(b, loc, extents, to);
    AffineMap identity = b.getMultiDimIdentityMap(extents.size());
    return linalg::GenericOp::create(b, loc, empty.getType(), tensor, empty, ArrayRef{identity, identity},
                                     SmallVector<utils::IteratorType>(extents.size(), utils::IteratorType::parallel),
                                     [&](OpBuilder &nested, Location at, ValueRange v) {
                                       Value value = body(nested, at, v[0]);
                                       if (value.getType() != to)
                                         value = arith::TruncFOp::create(nested, at, to, value);
                                       linalg::YieldOp::create(nested, at, value);
                                     })
        .getResult(0);
  }
};

/// The positions of a window; the largest number where they are more.
uint64_t countPositions(ArrayRef<int64_t> kernel) {
  uint64_t count = 1;
  for (int64_t extent : kernel)
    count = llvm::SaturatingMultiply(count, uint64_t(extent));
  return count;
}

/// One dimension after the other reads the sum of the window's extents per result instead of their product, and writes
/// intermediate results.
bool isWorthSeparating(ArrayRef<int64_t> kernel) {
  uint64_t sum = 0;
  for (int64_t extent : kernel)
    sum += uint64_t(extent);
  return countPositions(kernel) >= 2 * sum;
}

struct MaxPoolLowering : Lowering<graph::MaxPoolOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::MaxPoolOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX());
    Value lowest = lowestScalar(rewriter, loc, element);
    Pool pool(rewriter, op, adaptor.getX(), type, lowest);
    if (!op.getIndices()) {
      auto body = [&](OpBuilder &b, Location at, Value x, Value accumulator) {
        return larger(b, at, element, accumulator, x);
      };
      ArrayRef<int64_t> kernel = op.getKernel();
      Value result = isWorthSeparating(kernel) ? pool.reduceSeparately(lowest, body)
                     : countPositions(kernel) <= graph::maxMappedPositions
                         ? pool.reduceInMap(kernel, getStorageType(element), body)
                         : pool.reduce(lowest, body);
      rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
      return success();
    }
    auto [values, indices] = reduceWithIndices(rewriter, op, adaptor.getX(), pool, lowest);
    rewriter.replaceOp(op, {castTo(rewriter, loc, values, type), castTo(rewriter, loc, indices, resultTensor(op, 1))});
    return success();
  }

  /// The maxima and their places. A place in the padding is told by its coordinate, so that the least value of the
  /// operand's type is found too; -1 marks that nothing was found yet.
  static std::pair<Value, Value> reduceWithIndices(OpBuilder &b, graph::MaxPoolOp op, Value x, Pool &pool,
                                                   Value lowest) {
    Location loc = op.getLoc();
    Type element = getElement(op.getX()), index = getStorageType(getElement(op.getIndices()));
    size_t spatial = pool.spatial;
    SmallVector<Value> extents, begins;
    for (size_t i = 0; i < spatial + 2; ++i)
      extents.push_back(asValue(b, loc, getExtent(b, loc, x, i)));
    for (OpFoldResult begin : pool.places.padBegin)
      begins.push_back(asValue(b, loc, begin));
    Value zero = constantIndex(b, loc, 0);
    Value none = constantScalar(b, loc, -1, index), noneZero = constantScalar(b, loc, 0, index);
    Value maxima = makeFilled(b, loc, pool.extents, lowest), places = makeFilled(b, loc, pool.extents, none);
    SmallVector<AffineMap> maps = pool.maps;
    maps.push_back(maps.back());
    auto generic = linalg::GenericOp::create(
        b, loc, TypeRange{maxima.getType(), places.getType()}, ValueRange{pool.padded, pool.window},
        ValueRange{maxima, places}, maps, pool.iterators, [&](OpBuilder &nested, Location at, ValueRange v) {
          auto loop = [&](size_t i) -> Value { return linalg::IndexOp::create(nested, at, i); };
          auto add = [&](Value l, Value r) -> Value { return arith::AddIOp::create(nested, at, l, r); };
          auto mul = [&](Value l, Value r) -> Value { return arith::MulIOp::create(nested, at, l, r); };
          auto both = [&](Value l, Value r) -> Value { return arith::AndIOp::create(nested, at, l, r); };
          Value inside;
          SmallVector<Value> coordinates;
          for (size_t i = 0; i < spatial; ++i) {
            Value coordinate = add(mul(loop(2 + i), constantIndex(nested, at, op.getStrides()[i])),
                                   mul(loop(2 + spatial + i), constantIndex(nested, at, op.getDilations()[i])));
            coordinate = arith::SubIOp::create(nested, at, coordinate, begins[i]);
            coordinates.push_back(coordinate);
            Value fits = both(arith::CmpIOp::create(nested, at, arith::CmpIPredicate::sge, coordinate, zero),
                              arith::CmpIOp::create(nested, at, arith::CmpIPredicate::slt, coordinate, extents[2 + i]));
            inside = inside ? both(inside, fits) : fits;
          }
          Value place = add(mul(loop(0), extents[1]), loop(1)), within;
          SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, spatial));
          if (op.getColumnMajor())
            std::reverse(order.begin(), order.end());
          for (size_t i : order) {
            place = mul(place, extents[2 + i]);
            within = within ? add(mul(within, extents[2 + i]), coordinates[i]) : coordinates[i];
          }
          place = arith::IndexCastOp::create(nested, at, index, add(place, within));
          Value isGreater;
          if (isa<FloatType>(element))
            isGreater = arith::CmpFOp::create(nested, at, arith::CmpFPredicate::OGT, v[0], v[2]);
          else
            isGreater = arith::CmpIOp::create(
                nested, at, isUnsignedElement(element) ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt, v[0],
                v[2]);
          Value isFirst = arith::CmpIOp::create(nested, at, arith::CmpIPredicate::slt, v[3], noneZero);
          Value takes = both(inside, arith::OrIOp::create(nested, at, isGreater, isFirst));
          Value maximum = arith::SelectOp::create(nested, at, takes, v[0], v[2]);
          Value chosen = arith::SelectOp::create(nested, at, takes, place, v[3]);
          linalg::YieldOp::create(nested, at, ValueRange{maximum, chosen});
        });
    return {generic.getResult(0), generic.getResult(1)};
  }
};

struct AveragePoolLowering : Lowering<graph::AveragePoolOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::AveragePoolOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX()), compute = getComputeType(element);
    Value x = adaptor.getX();
    Pool pool(rewriter, op, x, type, constantScalar(rewriter, loc, 0, type.getElementType()));
    Value sums = pool.reduce(constantScalar(rewriter, loc, 0, compute),
                             [&](OpBuilder &b, Location at, Value value, Value accumulator) -> Value {
                               return arith::AddFOp::create(b, at, accumulator, widen(b, at, value, compute));
                             });
    // Elements counted by a window: constant, unless windows reach over the border of what counts.
    auto isZero = [](OpFoldResult pad) { return isConstantIntValue(pad, 0); };
    bool isConstant = !op.getCeilMode() && (op.getCountIncludePad() || (llvm::all_of(pool.places.padBegin, isZero) &&
                                                                        llvm::all_of(pool.places.padEnd, isZero)));
    int64_t all = 1;
    for (int64_t extent : op.getKernel())
      all *= extent;
    // Per dimension: the first coordinate that counts and the one behind the last, in the extent's own coordinates.
    SmallVector<Value> begins, lows, highs;
    for (size_t i = 0; i < pool.spatial && !isConstant; ++i) {
      OpFoldResult begin = pool.places.padBegin[i], low = rewriter.getIndexAttr(0),
                   high = getExtent(rewriter, loc, x, i + 2);
      if (op.getCountIncludePad()) {
        low = subIndices(rewriter, loc, low, begin);
        high = addIndices(rewriter, loc, high, pool.places.padEnd[i]);
      }
      begins.push_back(asValue(rewriter, loc, begin));
      lows.push_back(asValue(rewriter, loc, low));
      highs.push_back(asValue(rewriter, loc, high));
    }
    Value result = pool.finish(sums, type.getElementType(), [&](OpBuilder &b, Location at, Value sum) -> Value {
      if (isConstant)
        return arith::DivFOp::create(b, at, sum, constantScalar(b, at, double(all), compute));
      Value count = constantIndex(b, at, 1), zero = constantIndex(b, at, 0);
      for (size_t i = 0; i < pool.spatial; ++i) {
        Value start = arith::MulIOp::create(b, at, linalg::IndexOp::create(b, at, i + 2),
                                            constantIndex(b, at, op.getStrides()[i]));
        start = arith::SubIOp::create(b, at, start, begins[i]);
        // Window elements k with low <= start + k * dilation < high.
        auto firstAt = [&](Value bound) -> Value {
          Value distance = arith::SubIOp::create(b, at, bound, start);
          Value k = asValue(b, at, ceilDivIndex(b, at, distance, op.getDilations()[i]));
          k = arith::MaxSIOp::create(b, at, k, zero);
          return arith::MinSIOp::create(b, at, k, constantIndex(b, at, op.getKernel()[i]));
        };
        Value inside = arith::SubIOp::create(b, at, firstAt(highs[i]), firstAt(lows[i]));
        count = arith::MulIOp::create(b, at, count, inside);
      }
      Value integer = arith::IndexCastOp::create(b, at, b.getI64Type(), count);
      return arith::DivFOp::create(b, at, sum, arith::SIToFPOp::create(b, at, compute, integer));
    });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

struct LpPoolLowering : Lowering<graph::LpPoolOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::LpPoolOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Type compute = getComputeType(getElement(op.getX()));
    Pool pool(rewriter, op, adaptor.getX(), type, constantScalar(rewriter, loc, 0, type.getElementType()));
    Value sums = pool.reduce(constantScalar(rewriter, loc, 0, compute),
                             [&](OpBuilder &b, Location at, Value value, Value accumulator) -> Value {
                               Value size = math::AbsFOp::create(b, at, widen(b, at, value, compute));
                               return arith::AddFOp::create(b, at, accumulator, power(b, at, size, op.getP()));
                             });
    Value result = pool.finish(sums, type.getElementType(), [&](OpBuilder &b, Location at, Value sum) {
      return power(b, at, sum, 1.0 / op.getP());
    });
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};

struct GlobalPoolLowering : Lowering<graph::GlobalPoolOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::GlobalPoolOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "result of unknown rank");
    Location loc = op.getLoc();
    Value x = adaptor.getX();
    Type element = getElement(op.getX()), compute = getComputeType(element);
    int64_t rank = type.getRank();
    bool isMax = op.getKind() == "max", isLp = op.getKind() == "lp";
    // Reduced to [N, C]; unit dimensions follow at the end.
    SmallVector<OpFoldResult> extents{getExtent(rewriter, loc, x, 0), getExtent(rewriter, loc, x, 1)};
    AffineMap kept =
        AffineMap::get(rank, 0, {rewriter.getAffineDimExpr(0), rewriter.getAffineDimExpr(1)}, rewriter.getContext());
    SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
    iterators.resize(rank, utils::IteratorType::reduction);
    Type accumulator = isMax ? type.getElementType() : compute;
    Value init = isMax ? lowestScalar(rewriter, loc, element) : constantScalar(rewriter, loc, 0, compute);
    Value filled = makeFilled(rewriter, loc, extents, init);
    Value result = linalg::GenericOp::create(
                       rewriter, loc, filled.getType(), x, filled,
                       ArrayRef{rewriter.getMultiDimIdentityMap(rank), kept}, iterators,
                       [&](OpBuilder &b, Location at, ValueRange v) {
                         Value value = widen(b, at, v[0], accumulator);
                         if (isLp)
                           value = power(b, at, math::AbsFOp::create(b, at, value), op.getP());
                         linalg::YieldOp::create(
                             b, at,
                             isMax ? larger(b, at, element, v[1], value)
                                   : Value(arith::AddFOp::create(b, at, v[1], value, arith::FastMathFlags::reassoc)));
                       })
                       .getResult(0);
    if (!isMax) {
      OpFoldResult count = rewriter.getIndexAttr(1);
      for (int64_t i = 2; i < rank; ++i)
        count = mulIndices(rewriter, loc, count, getExtent(rewriter, loc, x, i));
      Value divisor;
      if (!isLp) {
        Value integer = arith::IndexCastOp::create(rewriter, loc, rewriter.getI64Type(), asValue(rewriter, loc, count));
        divisor = arith::SIToFPOp::create(rewriter, loc, compute, integer);
      }
      Value empty = makeEmpty(rewriter, loc, extents, type.getElementType());
      AffineMap identity = rewriter.getMultiDimIdentityMap(2);
      SmallVector<utils::IteratorType> parallel(2, utils::IteratorType::parallel);
      result = linalg::GenericOp::create(rewriter, loc, empty.getType(), result, empty, ArrayRef{identity, identity},
                                         parallel,
                                         [&](OpBuilder &b, Location at, ValueRange v) {
                                           Value value = isLp ? power(b, at, v[0], 1.0 / op.getP())
                                                              : Value(arith::DivFOp::create(b, at, v[0], divisor));
                                           if (value.getType() != type.getElementType())
                                             value = arith::TruncFOp::create(b, at, type.getElementType(), value);
                                           linalg::YieldOp::create(b, at, value);
                                         })
                   .getResult(0);
    }
    if (rank > 2) {
      auto reduced = cast<RankedTensorType>(result.getType());
      SmallVector<int64_t> shape(reduced.getShape());
      shape.resize(rank, 1);
      SmallVector<ReassociationIndices> groups{{0}, llvm::to_vector<2>(llvm::seq<int64_t>(1, rank))};
      extents.resize(rank, rewriter.getIndexAttr(1));
      result = tensor::ExpandShapeOp::create(rewriter, loc, RankedTensorType::get(shape, reduced.getElementType()),
                                             result, groups, extents);
    }
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }
};
} // namespace

void tegula::populatePoolingLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<MaxPoolLowering, AveragePoolLowering, LpPoolLowering, GlobalPoolLowering>(converter,
                                                                                         patterns.getContext());
}
