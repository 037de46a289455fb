// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/IndexMath.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;
using arith::CmpIPredicate;

/// The one element of `value` as a stored scalar.
static Value constantElement(OpBuilder &b, Location loc, DenseElementsAttr value) {
  Type stored = getStorageType(value.getElementType());
  if (isa<IntegerType>(stored))
    return arith::ConstantOp::create(
        b, loc, b.getIntegerAttr(stored, (*value.value_begin<APInt>()).zextOrTrunc(stored.getIntOrFloatBitWidth())));
  return arith::ConstantOp::create(b, loc, FloatAttr::get(stored, *value.value_begin<APFloat>()));
}

namespace {
struct ConstantOfShapeLowering : Lowering<graph::ConstantOfShapeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::ConstantOfShapeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto value = dyn_cast<DenseElementsAttr>(op.getValue());
    if (!type || !value || !isa<IntegerType, FloatType>(value.getElementType()))
      return rewriter.notifyMatchFailure(op, "unknown rank, or not a number");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    SmallVector<Value> extents;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      extents.push_back(extractIndex(rewriter, loc, adaptor.getShape(), i));
      math.check(math.compare(CmpIPredicate::sge, extents[i], math.constant(0)), TEGULA_INVALID_VALUE);
    }
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, extents, type);
    Value scalar = constantElement(rewriter, loc, value);
    if (isHostScalars(op.getType())) {
      SmallVector<Value> scalars(type.getNumElements(), scalar);
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    rewriter.replaceOp(op, castTo(rewriter, loc, makeFilled(rewriter, loc, sizes, scalar), type));
    return success();
  }
};

/// The state of MT19937 is a tensor of 624 words, of which each drawn number replaces one.
struct RandomUniformLowering : Lowering<graph::RandomUniformOp> {
  using Lowering::Lowering;
  static constexpr int64_t words = 624, distance = 397;

  struct Words {
    OpBuilder &b;
    Location loc;
    Value constant(uint32_t value) const {
      return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(int32_t(value)));
    }
    Value logicalXor(Value x, Value y) const { return arith::XOrIOp::create(b, loc, x, y); }
    Value logicalAnd(Value x, uint32_t y) const { return arith::AndIOp::create(b, loc, x, constant(y)); }
    Value right(Value x, uint32_t bits) const { return arith::ShRUIOp::create(b, loc, x, constant(bits)); }
    Value left(Value x, uint32_t bits) const { return arith::ShLIOp::create(b, loc, x, constant(bits)); }
  };

  /// The next word from `state`, at place `index` of it, and the state after it.
  static std::pair<Value, Value> draw(const IndexMath &math, Value state, Value index) {
    Words w{math.b, math.loc};
    auto at = [&](int64_t offset) -> Value {
      Value place = math.rem(math.add(index, math.constant(offset)), math.constant(words));
      return tensor::ExtractOp::create(w.b, w.loc, state, place);
    };
    Value upper = w.logicalAnd(at(0), 0x80000000u), lower = w.logicalAnd(at(1), 0x7fffffffu);
    Value mixed = arith::OrIOp::create(w.b, w.loc, upper, lower);
    Value isOdd = math.compare(CmpIPredicate::ne, w.logicalAnd(mixed, 1), w.constant(0));
    Value twist = math.select(isOdd, w.constant(0x9908b0dfu), w.constant(0));
    Value word = w.logicalXor(w.logicalXor(at(distance), w.right(mixed, 1)), twist);
    Value next = tensor::InsertOp::create(w.b, w.loc, word, state, math.rem(index, math.constant(words)));
    word = w.logicalXor(word, w.right(word, 11));
    word = w.logicalXor(word, w.logicalAnd(w.left(word, 7), 0x9d2c5680u));
    word = w.logicalXor(word, w.logicalAnd(w.left(word, 15), 0xefc60000u));
    return {w.logicalXor(word, w.right(word, 18)), next};
  }

  LogicalResult matchAndRewrite(graph::RandomUniformOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto countType = dyn_cast<RankedTensorType>(adaptor.getCount().getType());
    if (!type || !countType || !countType.hasStaticShape() || countType.getNumElements() != 1)
      return rewriter.notifyMatchFailure(op, "expected a single count");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Value zero = math.constant(0), one = math.constant(1);
    Value count = extractIndex(rewriter, loc, adaptor.getCount(), 0);
    math.check(math.compare(CmpIPredicate::sge, count, zero), TEGULA_INVALID_VALUE);
    SmallVector<OpFoldResult> extents = resolveExtents(rewriter, loc, count, type);
    Type i32 = rewriter.getI32Type();
    Value empty = makeEmpty(rewriter, loc, {rewriter.getIndexAttr(words)}, i32);
    Value seed = Words{rewriter, loc}.constant(op.getSeed());
    auto start =
        scf::ForOp::create(rewriter, loc, zero, math.constant(words), one, ValueRange{empty, seed},
                           [&](OpBuilder &b, Location at, Value i, ValueRange carried) {
                             Words w{b, at};
                             Value state = tensor::InsertOp::create(b, at, carried[1], carried[0], i);
                             Value mixed = w.logicalXor(carried[1], w.right(carried[1], 30));
                             Value next = arith::MulIOp::create(b, at, mixed, w.constant(1812433253u));
                             Value number =
                                 arith::IndexCastOp::create(b, at, i32, arith::AddIOp::create(b, at, i, one));
                             scf::YieldOp::create(b, at, ValueRange{state, arith::AddIOp::create(b, at, next, number)});
                           });
    keepInKernel(start);
    Value results = makeEmpty(rewriter, loc, extents, type.getElementType());
    auto drawn = scf::ForOp::create(
        rewriter, loc, zero, asValue(rewriter, loc, extents[0]), one, ValueRange{results, start.getResult(0)},
        [&](OpBuilder &b, Location at, Value i, ValueRange carried) {
          IndexMath m{b, at};
          Words w{b, at};
          auto [high, between] = draw(m, carried[1], m.mul(i, m.constant(2)));
          auto [low, state] = draw(m, between, m.add(m.mul(i, m.constant(2)), m.constant(1)));
          Type f64 = b.getF64Type();
          Value number = arith::UIToFPOp::create(b, at, f64, w.right(high, 5));
          number = arith::MulFOp::create(b, at, number, constantScalar(b, at, 0x1p26, f64));
          number = arith::AddFOp::create(b, at, number, arith::UIToFPOp::create(b, at, f64, w.right(low, 6)));
          number = arith::MulFOp::create(b, at, number, constantScalar(b, at, 0x1p-53, f64));
          Value result = tensor::InsertOp::create(b, at, number, carried[0], i);
          scf::YieldOp::create(b, at, ValueRange{result, state});
        });
    keepInKernel(drawn);
    rewriter.replaceOp(op, castTo(rewriter, loc, drawn.getResult(0), type));
    return success();
  }
};

struct RangeLowering : Lowering<graph::RangeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::RangeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type)
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    Type element = getElement(op.getY()), compute = getComputeType(element);
    Value bounds[3];
    for (auto [bound, operand] : llvm::zip(bounds, adaptor.getOperands())) {
      bound = extractScalars(rewriter, loc, operand)[0];
      if (isa<FloatType>(compute) && bound.getType() != compute)
        bound = arith::ExtFOp::create(rewriter, loc, compute, bound);
    }
    auto [start, limit, delta] = bounds;
    Value count = isa<FloatType>(compute) ? countFloats(math, start, limit, delta)
                                          : countIntegers(math, start, limit, delta, isUnsignedElement(element));
    SmallVector<OpFoldResult> sizes = resolveExtents(rewriter, loc, count, type);
    auto valueAt = [&, start = start, delta = delta](const IndexMath &inner, Value index) -> Value {
      OpBuilder &b = inner.b;
      if (auto floatType = dyn_cast<FloatType>(compute)) {
        Value wide = arith::IndexCastOp::create(b, inner.loc, b.getI64Type(), index);
        Value number = arith::SIToFPOp::create(b, inner.loc, floatType, wide);
        Value value = arith::AddFOp::create(b, inner.loc, start, arith::MulFOp::create(b, inner.loc, number, delta));
        return floatType == type.getElementType()
                   ? value
                   : Value(arith::TruncFOp::create(b, inner.loc, type.getElementType(), value));
      }
      Value number = b.createOrFold<arith::IndexCastOp>(inner.loc, type.getElementType(), index);
      return inner.add(start, inner.mul(number, delta));
    };
    if (isHostScalars(op.getType())) {
      SmallVector<Value> scalars;
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        scalars.push_back(valueAt(math, math.constant(i)));
      rewriter.replaceOpWithNewOp<tensor::FromElementsOp>(op, type, scalars);
      return success();
    }
    rewriter.replaceOp(
        op, buildIndexed(rewriter, loc, sizes, type, {}, {},
                         [&](const IndexMath &inner, ValueRange, ValueRange at) { return valueAt(inner, at[0]); }));
    return success();
  }

  static Value countIntegers(const IndexMath &math, Value start, Value limit, Value delta, bool isUnsigned) {
    auto index = [&](Value value) { return toIndex(math.b, math.loc, value, isUnsigned); };
    Value zero = math.constant(0), one = math.constant(1), step = index(delta);
    Value isValid = math.compare(CmpIPredicate::ne, step, zero);
    math.check(isValid, TEGULA_INVALID_VALUE);
    step = math.select(isValid, step, one);
    Value room = math.sub(index(limit), index(start)), falls = math.isNegative(step);
    room = math.max(math.select(falls, math.sub(zero, room), room), zero);
    step = math.select(falls, math.sub(zero, step), step);
    Value partial = math.compare(CmpIPredicate::ne, math.rem(room, step), zero);
    return math.add(math.div(room, step), math.select(partial, one, zero));
  }

  /// The quotient in f64; what is no sensible length (delta 0, NaN, above 2^40) is an error.
  static Value countFloats(const IndexMath &math, Value start, Value limit, Value delta) {
    OpBuilder &b = math.b;
    Location loc = math.loc;
    Type f64 = b.getF64Type();
    auto widen = [&](Value value) {
      return value.getType() == f64 ? value : Value(arith::ExtFOp::create(b, loc, f64, value));
    };
    Value room = arith::SubFOp::create(b, loc, limit, start);
    Value steps = math::CeilOp::create(b, loc, arith::DivFOp::create(b, loc, widen(room), widen(delta)));
    Value zero = constantScalar(b, loc, 0, f64), most = constantScalar(b, loc, double(int64_t(1) << 40), f64);
    Value isValid = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, steps, most);
    Value isStep = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, delta, math.zeroLike(delta));
    isValid = math.logicalAnd(isValid, isStep);
    math.check(isValid, TEGULA_INVALID_VALUE);
    Value isPositive = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, steps, zero);
    steps = math.select(math.logicalAnd(isPositive, isValid), steps, zero);
    return toIndex(b, loc, arith::FPToSIOp::create(b, loc, b.getI64Type(), steps));
  }
};

struct OneHotLowering : Lowering<graph::OneHotOp> {
  using Lowering::Lowering;

  /// A number of any type as an index, fractions cut off.
  static Value numberToIndex(const IndexMath &math, Value stored, Type element) {
    if (isa<FloatType>(element)) {
      Value integer = castScalar(math.b, math.loc, stored, element, math.b.getI64Type());
      return toIndex(math.b, math.loc, integer);
    }
    return toIndex(math.b, math.loc, stored, isUnsignedElement(element));
  }

  LogicalResult matchAndRewrite(graph::OneHotOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    auto depthType = dyn_cast<RankedTensorType>(adaptor.getDepth().getType());
    auto valuesType = dyn_cast<RankedTensorType>(adaptor.getValues().getType());
    if (!type || !isa<RankedTensorType>(adaptor.getIndices().getType()) || !depthType || !depthType.hasStaticShape() ||
        depthType.getNumElements() != 1 || !valuesType || valuesType.getRank() != 1)
      return rewriter.notifyMatchFailure(op, "unknown rank, or a depth of other than one element");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t axis = *graph::normalizeAxis(op.getAxis(), type.getRank());
    Value depth = numberToIndex(math, extractScalars(rewriter, loc, adaptor.getDepth())[0], getElement(op.getDepth()));
    math.check(math.compare(CmpIPredicate::sge, depth, math.constant(0)), TEGULA_INVALID_VALUE);
    Value off = extractAt(math, adaptor.getValues(), math.constant(0));
    Value on = extractAt(math, adaptor.getValues(), math.constant(1));
    SmallVector<Value> extents;
    SmallVector<AffineExpr> expressions;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      if (i == axis) {
        extents.push_back(depth);
        continue;
      }
      extents.push_back(asValue(rewriter, loc, getExtent(rewriter, loc, adaptor.getIndices(), i - (i > axis))));
      expressions.push_back(rewriter.getAffineDimExpr(i));
    }
    AffineMap map = AffineMap::get(type.getRank(), 0, expressions, rewriter.getContext());
    Type element = getElement(op.getIndices());
    rewriter.replaceOp(
        op, buildIndexed(rewriter, loc, resolveExtents(rewriter, loc, extents, type), type, adaptor.getIndices(), map,
                         [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                           Value index = numberToIndex(inner, v[0], element);
                           index = inner.select(inner.isNegative(index), inner.add(index, depth), index);
                           return inner.select(inner.compare(CmpIPredicate::eq, index, at[axis]), on, off);
                         }));
    return success();
  }
};

struct EyeLikeLowering : Lowering<graph::EyeLikeOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::EyeLikeOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    if (!type || !isa<RankedTensorType>(adaptor.getX().getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    rewriter.replaceOp(op, buildIndexed(rewriter, loc, getExtents(rewriter, loc, adaptor.getX()), type, {}, {},
                                        [&](const IndexMath &inner, ValueRange, ValueRange at) -> Value {
                                          Value diagonal = inner.add(at[0], inner.constant(op.getK()));
                                          Value isOn = inner.compare(CmpIPredicate::eq, diagonal, at[1]);
                                          Type element = type.getElementType();
                                          return inner.select(isOn, constantScalar(inner.b, inner.loc, 1, element),
                                                              constantScalar(inner.b, inner.loc, 0, element));
                                        }));
    return success();
  }
};

struct TriluLowering : Lowering<graph::TriluOp> {
  using Lowering::Lowering;
  LogicalResult matchAndRewrite(graph::TriluOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    RankedTensorType type = resultTensor(op);
    Value x = adaptor.getX();
    if (!type || !isa<RankedTensorType>(x.getType()))
      return rewriter.notifyMatchFailure(op, "unknown rank");
    Location loc = op.getLoc();
    IndexMath math{rewriter, loc};
    int64_t rank = type.getRank();
    Value k = op.getK() ? toIndex(rewriter, loc, extractScalars(rewriter, loc, adaptor.getK())[0]) : math.constant(0);
    rewriter.replaceOp(
        op, buildIndexed(rewriter, loc, getExtents(rewriter, loc, x), type, x, rewriter.getMultiDimIdentityMap(rank),
                         [&](const IndexMath &inner, ValueRange v, ValueRange at) -> Value {
                           Value diagonal = inner.sub(at[rank - 1], at[rank - 2]);
                           Value keeps =
                               inner.compare(op.getUpper() ? CmpIPredicate::sge : CmpIPredicate::sle, diagonal, k);
                           return inner.select(keeps, v[0], inner.zeroLike(v[0]));
                         }));
    return success();
  }
};
} // namespace

void tegula::populateGenerationLowerings(const TypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<ConstantOfShapeLowering, RandomUniformLowering, RangeLowering, OneHotLowering, EyeLikeLowering,
               TriluLowering>(converter, patterns.getContext());
}
