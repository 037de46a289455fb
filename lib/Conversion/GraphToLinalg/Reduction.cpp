// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, arg_max and arg_min, cumulative ops.
#include "tegula/Conversion/GraphToLinalg/Reductions.h"
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

namespace {
enum class Kind { Sum, Mean, Product, Max, Min, LogSumExp };
} // namespace

static Value initialValue(OpBuilder &b, Location loc, Kind kind, Type type, bool isUnsigned) {
  switch (kind) {
  case Kind::Sum:
  case Kind::Mean:
    return constantScalar(b, loc, 0, type);
  case Kind::Product:
    return constantScalar(b, loc, 1, type);
  case Kind::Max:
  case Kind::LogSumExp:
    return extremeValue(b, loc, type, isUnsigned, /*highest=*/false);
  case Kind::Min:
    return extremeValue(b, loc, type, isUnsigned, /*highest=*/true);
  }
  llvm_unreachable("all kinds are above");
}

static Value combine(OpBuilder &b, Location loc, Kind kind, Value x, Value y, bool isUnsigned) {
  bool isFloat = isa<FloatType>(x.getType());
  switch (kind) {
  case Kind::Sum:
  case Kind::Mean:
    return addReassociable(b, loc, x, y);
  case Kind::Product:
    if (isFloat)
      return arith::MulFOp::create(b, loc, x, y, arith::FastMathFlags::reassoc);
    return arith::MulIOp::create(b, loc, x, y);
  case Kind::Max:
  case Kind::LogSumExp:
    if (isFloat)
      return arith::MaximumFOp::create(b, loc, x, y);
    return isUnsigned ? Value(arith::MaxUIOp::create(b, loc, x, y)) : Value(arith::MaxSIOp::create(b, loc, x, y));
  case Kind::Min:
    if (isFloat)
      return arith::MinimumFOp::create(b, loc, x, y);
    return isUnsigned ? Value(arith::MinUIOp::create(b, loc, x, y)) : Value(arith::MinSIOp::create(b, loc, x, y));
  }
  llvm_unreachable("all kinds are above");
}

/// The sum of `value` elements divided by their number, in the type of `sum`; integers of nothing give 0.
static Value divideByCount(OpBuilder &b, Location loc, Value sum, Value count, bool isUnsigned) {
  Type type = sum.getType();
  if (isa<FloatType>(type))
    return arith::DivFOp::create(b, loc, sum, indexAs(b, loc, count, type));
  Value divisor = arith::MaxUIOp::create(b, loc, count, constantIndex(b, loc, 1));
  divisor = indexAs(b, loc, divisor, type);
  if (isUnsigned)
    return arith::DivUIOp::create(b, loc, sum, divisor);
  return arith::DivSIOp::create(b, loc, sum, divisor);
}

/// Reduces `x` in `space` and stores the result as `element`.
static Value reduce(OpBuilder &b, Location loc, const ReductionSpace &space, Value x, Type element, Kind kind) {
  bool isUnsigned = isUnsignedElement(element);
  Type accumulator = getAccumulatorType(element);
  Value result = buildReduction(b, loc, space, x, initialValue(b, loc, kind, accumulator, isUnsigned),
                                [&](OpBuilder &nested, Location at, ValueRange v, Value accumulated) {
                                  Value loaded = loadAccumulated(nested, at, v[0], element);
                                  return combine(nested, at, kind, loaded, accumulated, isUnsigned);
                                });
  SmallVector<Value> operands{result};
  if (kind == Kind::LogSumExp) {
    // exp(x - max) cannot overflow; an infinite maximum (all of them minus infinity, or one infinity) is not
    // subtracted.
    Value sum =
        buildReduction(b, loc, space, {x, result}, constantScalar(b, loc, 0, accumulator),
                       [&](OpBuilder &nested, Location at, ValueRange v, Value accumulated) {
                         Value infinity = extremeValue(nested, at, accumulator, false, true);
                         Value isInfinite = arith::CmpFOp::create(nested, at, arith::CmpFPredicate::OEQ,
                                                                  math::AbsFOp::create(nested, at, v[1]), infinity);
                         Value offset = arith::SelectOp::create(nested, at, isInfinite,
                                                                constantScalar(nested, at, 0, accumulator), v[1]);
                         Value loaded = loadAccumulated(nested, at, v[0], element);
                         Value shifted = arith::SubFOp::create(nested, at, loaded, offset);
                         return addReassociable(nested, at, math::ExpOp::create(nested, at, shifted), accumulated);
                       });
    operands.push_back(sum);
  }
  bool isDone = kind != Kind::Mean && kind != Kind::LogSumExp && accumulator == getStorageType(element);
  if (isDone)
    return result;
  Value count = kind == Kind::Mean ? countReduced(b, loc, space) : Value();
  AffineMap map = b.getMultiDimIdentityMap(space.resultExtents.size());
  SmallVector<AffineMap> maps(operands.size(), map);
  return buildMap(b, loc, space.resultExtents, operands, maps, getStorageType(element),
                  [&](OpBuilder &nested, Location at, ValueRange v) {
                    Value value = v[0];
                    if (kind == Kind::Mean)
                      value = divideByCount(nested, at, value, count, isUnsigned);
                    if (kind == Kind::LogSumExp) {
                      Value infinity = extremeValue(nested, at, accumulator, false, true);
                      Value isInfinite = arith::CmpFOp::create(nested, at, arith::CmpFPredicate::OEQ,
                                                               math::AbsFOp::create(nested, at, value), infinity);
                      Value offset = arith::SelectOp::create(nested, at, isInfinite,
                                                             constantScalar(nested, at, 0, accumulator), value);
                      value = arith::AddFOp::create(nested, at, math::LogOp::create(nested, at, v[1]), offset);
                    }
                    return storeAccumulated(nested, at, value, element);
                  });
}

namespace {
template <typename OpTy> struct ReduceLowering : Lowering<OpTy> {
  ReduceLowering(const TypeConverter &converter, MLIRContext *context, Kind kind)
      : Lowering<OpTy>(converter, context), kind(kind) {}

  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = this->resultTensor(op);
    Value x = adaptor.getX();
    if (!type || !isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "tensors of unknown rank");
    Location loc = op.getLoc();
    Type element = getElement(op.getX());
    if (op.getRunTimeAxes())
      return reduceRunTimeAxes(op, adaptor, type, rewriter);

    ArrayRef<int64_t> axes = *op.getAxes();
    auto source = cast<RankedTensorType>(x.getType());
    bool isSimple = kind != Kind::Mean && kind != Kind::LogSumExp;
    if (isSimple && isHostScalars(op.getX().getType()) && isHostScalars(op.getType()) && type.getNumElements() == 1 &&
        int64_t(axes.size()) == source.getRank()) {
      bool isUnsigned = isUnsignedElement(element);
      Value value = initialValue(rewriter, loc, kind, type.getElementType(), isUnsigned);
      for (Value scalar : extractScalars(rewriter, loc, x))
        value = combine(rewriter, loc, kind, value, scalar, isUnsigned);
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, value);
      return success();
    }
    ReductionSpace space = makeReductionSpace(rewriter, getExtents(rewriter, loc, x), axes);
    Value result = reduce(rewriter, loc, space, x, element, kind);
    if (op.getKeepDimensions())
      result = keepDimensions(rewriter, loc, result, axes, source.getRank());
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }

  LogicalResult reduceRunTimeAxes(OpTy op, typename OpTy::Adaptor adaptor, RankedTensorType type,
                                  ConversionPatternRewriter &rewriter) const {
    Location loc = op.getLoc();
    auto axesType = dyn_cast<RankedTensorType>(adaptor.getRunTimeAxes().getType());
    if (!axesType)
      return rewriter.notifyMatchFailure(op, "axes of unknown rank");
    SmallVector<OpFoldResult> extents = getExtents(rewriter, loc, adaptor.getX());
    int64_t rank = extents.size();
    // One bool per dimension. An axis out of range reduces nothing and is reported.
    Value falseValue = arith::ConstantOp::create(rewriter, loc, rewriter.getBoolAttr(false));
    SmallVector<Value> mask(rank, falseValue);
    Value rankValue = constantIndex(rewriter, loc, rank), zero = constantIndex(rewriter, loc, 0);
    auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
      return arith::CmpIOp::create(rewriter, loc, predicate, a, b);
    };
    if (!axesType.hasStaticShape())
      mask = maskOf(op, rewriter, adaptor.getRunTimeAxes(), rank);
    for (Value scalar :
         axesType.hasStaticShape() ? extractScalars(rewriter, loc, adaptor.getRunTimeAxes()) : SmallVector<Value>()) {
      Value axis = toIndex(rewriter, loc, scalar);
      Value fromEnd = arith::AddIOp::create(rewriter, loc, axis, rankValue);
      axis = arith::SelectOp::create(rewriter, loc, compare(arith::CmpIPredicate::slt, axis, zero), fromEnd, axis);
      exec::CheckOp::create(rewriter, loc, compare(arith::CmpIPredicate::ult, axis, rankValue),
                            rewriter.getI32IntegerAttr(TEGULA_INDEX_OUT_OF_RANGE));
      for (int64_t i = 0; i < rank; ++i) {
        Value isThis = compare(arith::CmpIPredicate::eq, axis, constantIndex(rewriter, loc, i));
        mask[i] = arith::OrIOp::create(rewriter, loc, mask[i], isThis);
      }
    }
    ReductionSpace space = makeReductionSpace(rewriter, loc, extents, mask);
    Value result = reduce(rewriter, loc, space, adaptor.getX(), getElement(op.getX()), kind);
    if (!op.getKeepDimensions())
      result = dropMasked(rewriter, loc, result, extents, mask, type);
    rewriter.replaceOp(op, castTo(rewriter, loc, result, type));
    return success();
  }

  /// The mask of axes whose number is known only at run time: a kernel marks them in a tensor of one byte per
  /// dimension.
  static SmallVector<Value> maskOf(OpTy op, OpBuilder &b, Value axes, int64_t rank) {
    Location loc = op.getLoc();
    Value none = makeFilled(b, loc, {b.getIndexAttr(rank)}, constantScalar(b, loc, 0, b.getI8Type()));
    AffineExpr dimension = b.getAffineDimExpr(0), entry = b.getAffineDimExpr(1);
    auto generic = linalg::GenericOp::create(
        b, loc, none.getType(), axes, none,
        ArrayRef{AffineMap::get(2, 0, entry, b.getContext()), AffineMap::get(2, 0, dimension, b.getContext())},
        ArrayRef{utils::IteratorType::parallel, utils::IteratorType::reduction},
        [&](OpBuilder &nested, Location at, ValueRange v) {
          auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
            return arith::CmpIOp::create(nested, at, predicate, x, y);
          };
          Value axis = toIndex(nested, at, v[0]), rankValue = constantIndex(nested, at, rank);
          Value isNegative = compare(arith::CmpIPredicate::slt, axis, constantIndex(nested, at, 0));
          Value fromEnd = arith::AddIOp::create(nested, at, axis, rankValue);
          axis = arith::SelectOp::create(nested, at, isNegative, fromEnd, axis);
          exec::CheckOp::create(nested, at, compare(arith::CmpIPredicate::ult, axis, rankValue),
                                nested.getI32IntegerAttr(TEGULA_INDEX_OUT_OF_RANGE));
          Value isThis = compare(arith::CmpIPredicate::eq, axis, linalg::IndexOp::create(nested, at, 0));
          Value marked = arith::ExtUIOp::create(nested, at, nested.getI8Type(), isThis);
          linalg::YieldOp::create(nested, at, Value(arith::OrIOp::create(nested, at, v[1], marked)));
        });
    Value isEmpty;
    if (op.getEmptyReducesAll())
      isEmpty = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, asValue(b, loc, getExtent(b, loc, axes, 0)),
                                      constantIndex(b, loc, 0));
    SmallVector<Value> mask;
    for (int64_t i = 0; i < rank; ++i) {
      Value marked = tensor::ExtractOp::create(b, loc, generic.getResult(0), constantIndex(b, loc, i));
      Value isReduced =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, marked, constantScalar(b, loc, 0, b.getI8Type()));
      mask.push_back(isEmpty ? Value(arith::OrIOp::create(b, loc, isReduced, isEmpty)) : isReduced);
    }
    return mask;
  }

  /// The extents that the mask leaves, in order: result dimension j has that of the j-th dimension outside the mask.
  static Value dropMasked(OpBuilder &b, Location loc, Value reduced, ArrayRef<OpFoldResult> extents, ValueRange mask,
                          RankedTensorType type) {
    Value zero = constantIndex(b, loc, 0), one = constantIndex(b, loc, 1);
    SmallVector<Value> shape(type.getRank(), zero);
    Value place = zero;
    for (auto [extent, masked] : llvm::zip(extents, mask)) {
      for (auto [j, result] : llvm::enumerate(shape)) {
        Value isHere = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, place, constantIndex(b, loc, j));
        Value taken = arith::SelectOp::create(b, loc, masked, result, asValue(b, loc, extent));
        result = arith::SelectOp::create(b, loc, isHere, taken, result);
      }
      Value next = arith::AddIOp::create(b, loc, place, one);
      place = arith::SelectOp::create(b, loc, masked, place, next);
    }
    Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, place, constantIndex(b, loc, type.getRank()));
    exec::CheckOp::create(b, loc, fits, b.getI32IntegerAttr(TEGULA_SHAPE_MISMATCH));
    SmallVector<int64_t> dynamic(type.getRank(), ShapedType::kDynamic);
    auto resultType = RankedTensorType::get(dynamic, type.getElementType());
    Value shapeTensor =
        tensor::FromElementsOp::create(b, loc, RankedTensorType::get({type.getRank()}, b.getIndexType()), shape);
    return tensor::ReshapeOp::create(b, loc, resultType, reduced, shapeTensor);
  }
  Kind kind;
};
} // namespace

// --- arg_max, arg_min ------------------------------------------------------------------------------------------------

Value tegula::buildArgReduction(OpBuilder &b, Location loc, Value x, Type element, ArrayRef<int64_t> axes, bool highest,
                                bool selectLast) {
  SmallVector<OpFoldResult> extents = getExtents(b, loc, x);
  ReductionSpace space = makeReductionSpace(b, extents, axes);
  Type accumulator = getAccumulatorType(element);
  bool isUnsigned = isUnsignedElement(element);
  Value worst = extremeValue(b, loc, accumulator, isUnsigned, !highest);
  Value best = makeFilled(b, loc, space.resultExtents, worst);
  Value position = makeFilled(b, loc, space.resultExtents, constantScalar(b, loc, 0, b.getI64Type()));
  SmallVector<Value> axisExtents;
  for (int64_t axis : axes)
    axisExtents.push_back(asValue(b, loc, extents[axis]));
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{best.getType(), position.getType()}, x, ValueRange{best, position},
      ArrayRef{space.operandMap, space.resultMap, space.resultMap}, space.iterators,
      [&](OpBuilder &nested, Location at, ValueRange v) {
        Value candidate = loadAccumulated(nested, at, v[0], element);
        Value isBetter;
        if (isa<FloatType>(accumulator)) {
          auto predicate = highest ? (selectLast ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OGT)
                                   : (selectLast ? arith::CmpFPredicate::OLE : arith::CmpFPredicate::OLT);
          isBetter = arith::CmpFOp::create(nested, at, predicate, candidate, v[1]);
          Value isNan = arith::CmpFOp::create(nested, at, arith::CmpFPredicate::UNO, candidate, candidate);
          if (!selectLast) { // the first NaN stays
            Value wasNumber = arith::CmpFOp::create(nested, at, arith::CmpFPredicate::ORD, v[1], v[1]);
            isNan = arith::AndIOp::create(nested, at, isNan, wasNumber);
          }
          isBetter = arith::OrIOp::create(nested, at, isBetter, isNan);
        } else {
          using P = arith::CmpIPredicate;
          auto predicate = isUnsigned ? (highest ? (selectLast ? P::uge : P::ugt) : (selectLast ? P::ule : P::ult))
                                      : (highest ? (selectLast ? P::sge : P::sgt) : (selectLast ? P::sle : P::slt));
          isBetter = arith::CmpIOp::create(nested, at, predicate, candidate, v[1]);
        }
        Value index;
        for (auto [axis, extent] : llvm::zip(axes, axisExtents)) {
          Value along = linalg::IndexOp::create(nested, at, axis);
          if (index) {
            index = arith::MulIOp::create(nested, at, index, extent);
            along = arith::AddIOp::create(nested, at, index, along);
          }
          index = along;
        }
        index = arith::IndexCastOp::create(nested, at, nested.getI64Type(), index);
        Value newBest = arith::SelectOp::create(nested, at, isBetter, candidate, v[1]);
        Value newPosition = arith::SelectOp::create(nested, at, isBetter, index, v[2]);
        linalg::YieldOp::create(nested, at, ValueRange{newBest, newPosition});
      });
  return generic.getResult(1);
}

namespace {
template <typename OpTy> struct ArgReduceLowering : Lowering<OpTy> {
  ArgReduceLowering(const TypeConverter &converter, MLIRContext *context, bool highest)
      : Lowering<OpTy>(converter, context), highest(highest) {}
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    auto source = dyn_cast<RankedTensorType>(adaptor.getX().getType());
    if (!source)
      return rewriter.notifyMatchFailure(op, "tensor of unknown rank");
    Location loc = op.getLoc();
    int64_t axis = op.getAxis();
    Value result =
        buildArgReduction(rewriter, loc, adaptor.getX(), getElement(op.getX()), axis, highest, op.getSelectLast());
    if (op.getKeepDimensions())
      result = keepDimensions(rewriter, loc, result, axis, source.getRank());
    rewriter.replaceOp(op, castTo(rewriter, loc, result, this->resultTensor(op)));
    return success();
  }
  bool highest;
};
} // namespace

// --- cumulative ops --------------------------------------------------------------------------------------------------

/// One walk along `axis`: the loop over it is a reduction whose running value is also written out at every step, so its
/// steps must run in order, one after the other. A reversed walk reads and writes index n - 1 - i.
static Value scan(OpBuilder &b, Location loc, Value x, Type element, int64_t axis, Kind kind, bool exclusive,
                  bool reverse) {
  SmallVector<OpFoldResult> extents = getExtents(b, loc, x);
  int64_t rank = extents.size();
  ReductionSpace space = makeReductionSpace(b, extents, axis);
  Type accumulator = getAccumulatorType(element), storage = getStorageType(element);
  bool isUnsigned = isUnsignedElement(element);
  Value running = makeFilled(b, loc, space.resultExtents, initialValue(b, loc, kind, accumulator, isUnsigned));
  Value empty = makeEmpty(b, loc, extents, storage);
  Value last;
  if (reverse)
    last = arith::SubIOp::create(b, loc, asValue(b, loc, extents[axis]), constantIndex(b, loc, 1));
  auto readReversed = [&](OpBuilder &nested, Location at, Value tensor) -> Value {
    SmallVector<Value> indices;
    for (int64_t i = 0; i < rank; ++i)
      indices.push_back(linalg::IndexOp::create(nested, at, i));
    indices[axis] = arith::SubIOp::create(nested, at, last, indices[axis]);
    return tensor::ExtractOp::create(nested, at, tensor, indices);
  };
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps{space.resultMap, space.operandMap};
  if (!reverse) {
    inputs.push_back(x);
    maps.insert(maps.begin(), space.operandMap);
  }
  auto generic = linalg::GenericOp::create(
      b, loc, TypeRange{running.getType(), empty.getType()}, inputs, ValueRange{running, empty}, maps, space.iterators,
      [&](OpBuilder &nested, Location at, ValueRange v) {
        Value stored = reverse ? readReversed(nested, at, x) : v[0];
        Value before = v[v.size() - 2];
        Value after = combine(nested, at, kind, loadAccumulated(nested, at, stored, element), before, isUnsigned);
        Value result = storeAccumulated(nested, at, exclusive ? before : after, element);
        linalg::YieldOp::create(nested, at, ValueRange{after, result});
      });
  Value result = generic.getResult(1);
  if (!reverse)
    return result;
  return buildMap(b, loc, extents, {}, {}, storage,
                  [&](OpBuilder &nested, Location at, ValueRange) { return readReversed(nested, at, result); });
}

namespace {
template <typename OpTy> struct CumulativeLowering : Lowering<OpTy> {
  CumulativeLowering(const TypeConverter &converter, MLIRContext *context, Kind kind)
      : Lowering<OpTy>(converter, context), kind(kind) {}
  LogicalResult matchAndRewrite(OpTy op, typename OpTy::Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    Value x = adaptor.getX();
    auto source = dyn_cast<RankedTensorType>(x.getType());
    auto axisType = dyn_cast<RankedTensorType>(adaptor.getAxis().getType());
    if (!source || source.getRank() == 0 || !axisType || !axisType.hasStaticShape() || axisType.getNumElements() != 1)
      return rewriter.notifyMatchFailure(op, "expected tensors of known rank and a single axis");
    Location loc = op.getLoc();
    int64_t rank = source.getRank();
    Type element = getElement(op.getX());
    auto scanAlong = [&](Value tensor, int64_t axis) {
      return scan(rewriter, loc, tensor, element, axis, kind, op.getExclusive(), op.getReverse());
    };
    if (auto constant = graph::getConstantIntegers(op.getAxis())) {
      int64_t axis = constant->front() + (constant->front() < 0 ? rank : 0);
      if (axis < 0 || axis >= rank)
        return op.emitOpError("expected an axis in ") << -rank << ".." << rank - 1 << ", but got " << constant->front();
      rewriter.replaceOp(op, castTo(rewriter, loc, scanAlong(x, axis), this->resultTensor(op)));
      return success();
    }
    // The axis is known at run time: as [before, along, after] it is always the middle one.
    Value axis = extractIndex(rewriter, loc, adaptor.getAxis(), 0);
    Value zero = constantIndex(rewriter, loc, 0), one = constantIndex(rewriter, loc, 1);
    Value rankValue = constantIndex(rewriter, loc, rank);
    auto compare = [&](arith::CmpIPredicate predicate, Value a, Value b) -> Value {
      return arith::CmpIOp::create(rewriter, loc, predicate, a, b);
    };
    auto select = [&](Value condition, Value a, Value b) -> Value {
      return arith::SelectOp::create(rewriter, loc, condition, a, b);
    };
    Value fromEnd = arith::AddIOp::create(rewriter, loc, axis, rankValue);
    axis = select(compare(arith::CmpIPredicate::slt, axis, zero), fromEnd, axis);
    Value inRange = compare(arith::CmpIPredicate::ult, axis, rankValue);
    exec::CheckOp::create(rewriter, loc, inRange, rewriter.getI32IntegerAttr(TEGULA_INDEX_OUT_OF_RANGE));
    axis = select(inRange, axis, zero);
    SmallVector<Value> extents, middle{one, one, one};
    for (int64_t i = 0; i < rank; ++i) {
      Value extent = asValue(rewriter, loc, getExtent(rewriter, loc, x, i));
      extents.push_back(extent);
      Value place = constantIndex(rewriter, loc, i);
      arith::CmpIPredicate where[] = {arith::CmpIPredicate::ult, arith::CmpIPredicate::eq, arith::CmpIPredicate::ugt};
      for (auto [part, predicate] : llvm::zip(middle, where))
        part = arith::MulIOp::create(rewriter, loc, part, select(compare(predicate, place, axis), extent, one));
    }
    auto reshape = [&](Value tensor, ValueRange shape, RankedTensorType type) -> Value {
      Value shapeTensor = tensor::FromElementsOp::create(
          rewriter, loc, RankedTensorType::get({int64_t(shape.size())}, rewriter.getIndexType()), shape);
      return tensor::ReshapeOp::create(rewriter, loc, type, tensor, shapeTensor);
    };
    int64_t dynamic = ShapedType::kDynamic;
    auto viewType = RankedTensorType::get({dynamic, dynamic, dynamic}, source.getElementType());
    Value result = scanAlong(reshape(x, middle, viewType), 1);
    rewriter.replaceOp(op, castTo(rewriter, loc, reshape(result, extents, source), this->resultTensor(op)));
    return success();
  }
  Kind kind;
};
} // namespace

void tegula::populateReductionLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ReduceLowering<graph::ReduceSumOp>>(converter, context, Kind::Sum);
  patterns.add<ReduceLowering<graph::ReduceMeanOp>>(converter, context, Kind::Mean);
  patterns.add<ReduceLowering<graph::ReduceProductOp>>(converter, context, Kind::Product);
  patterns.add<ReduceLowering<graph::ReduceMaxOp>>(converter, context, Kind::Max);
  patterns.add<ReduceLowering<graph::ReduceMinOp>>(converter, context, Kind::Min);
  patterns.add<ReduceLowering<graph::ReduceLogSumExpOp>>(converter, context, Kind::LogSumExp);
  patterns.add<ArgReduceLowering<graph::ArgMaxOp>>(converter, context, true);
  patterns.add<ArgReduceLowering<graph::ArgMinOp>>(converter, context, false);
  patterns.add<CumulativeLowering<graph::CumulativeSumOp>>(converter, context, Kind::Sum);
  patterns.add<CumulativeLowering<graph::CumulativeProductOp>>(converter, context, Kind::Product);
  populateSoftmaxLowerings(converter, patterns);
}
