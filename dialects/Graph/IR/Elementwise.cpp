// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shape inference and folders of elementwise ops.
#include "tegula/Dialect/Graph/IR/Elementwise.h"

#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Graph.h"

#include "mlir/IR/PatternMatch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tegula::graph;

static bool isSingleElement(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.hasStaticShape() && type.getNumElements() == 1;
}

bool tegula::graph::isElementwise(Operation *op) {
  if (auto quantize = dyn_cast<QuantizeOp>(op))
    return isSingleElement(quantize.getScale());
  if (auto dequantize = dyn_cast<DequantizeOp>(op))
    return isSingleElement(dequantize.getScale());
  return isa<AddOp, SubOp, MulOp, DivOp, MaxOp, MinOp, PowOp, ModOp, EqualOp, LessOp, LessOrEqualOp, GreaterOp,
             GreaterOrEqualOp, AndOp, OrOp, XorOp, NotOp, IsNanOp, IsInfOp, NegOp, AbsOp, SignOp, CeilOp, FloorOp,
             RoundOp, ReciprocalOp, SqrtOp, ExpOp, LogOp, ErfOp, SinOp, CosOp, TanOp, AsinOp, AcosOp, AtanOp, SinhOp,
             CoshOp, TanhOp, AsinhOp, AcoshOp, AtanhOp, CastOp, WhereOp, ReluOp, SigmoidOp, SoftplusOp, SoftsignOp,
             MishOp, HardSwishOp, LeakyReluOp, ThresholdedReluOp, EluOp, CeluOp, SeluOp, HardSigmoidOp, SwishOp, GeluOp,
             ShrinkOp, PreluOp>(op);
}

LogicalResult tegula::graph::inferBroadcast(Operation *op, ValueRange operands, Type element,
                                            SmallVectorImpl<Type> &types) {
  SmallVector<ArrayRef<int64_t>> shapes;
  for (Value operand : operands) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type) {
      types.push_back(UnrankedTensorType::get(element));
      return success();
    }
    shapes.push_back(type.getShape());
  }
  auto shape = broadcastShapes(shapes);
  if (!shape) {
    InFlightDiagnostic diagnostic = op->emitOpError("expected operands that broadcast together, but got ");
    llvm::interleaveComma(operands.getTypes(), diagnostic);
    return diagnostic;
  }
  types.push_back(RankedTensorType::get(*shape, element));
  return success();
}

static Type elementType(Value value) { return cast<TensorType>(value.getType()).getElementType(); }

#define INFER_SAME_ELEMENT(Op)                                                                                         \
  LogicalResult Op::inferTypes(SmallVectorImpl<Type> &types) {                                                         \
    return inferBroadcast(*this, getOperation()->getOperands(), elementType(getOperation()->getOperand(0)), types);    \
  }
#define INFER_BOOL(Op)                                                                                                 \
  LogicalResult Op::inferTypes(SmallVectorImpl<Type> &types) {                                                         \
    return inferBroadcast(*this, getOperation()->getOperands(), IntegerType::get(getContext(), 1), types);             \
  }

INFER_SAME_ELEMENT(AddOp)
INFER_SAME_ELEMENT(SubOp)
INFER_SAME_ELEMENT(MulOp)
INFER_SAME_ELEMENT(DivOp)
INFER_SAME_ELEMENT(MaxOp)
INFER_SAME_ELEMENT(MinOp)
INFER_SAME_ELEMENT(ModOp)
INFER_SAME_ELEMENT(ShiftOp)
INFER_SAME_ELEMENT(AndOp)
INFER_SAME_ELEMENT(OrOp)
INFER_SAME_ELEMENT(XorOp)
INFER_SAME_ELEMENT(NotOp)
INFER_SAME_ELEMENT(NegOp)
INFER_SAME_ELEMENT(AbsOp)
INFER_SAME_ELEMENT(SignOp)
INFER_SAME_ELEMENT(CeilOp)
INFER_SAME_ELEMENT(FloorOp)
INFER_SAME_ELEMENT(RoundOp)
INFER_SAME_ELEMENT(ReciprocalOp)
INFER_SAME_ELEMENT(SqrtOp)
INFER_SAME_ELEMENT(ExpOp)
INFER_SAME_ELEMENT(LogOp)
INFER_SAME_ELEMENT(ErfOp)
INFER_SAME_ELEMENT(SinOp)
INFER_SAME_ELEMENT(CosOp)
INFER_SAME_ELEMENT(TanOp)
INFER_SAME_ELEMENT(AsinOp)
INFER_SAME_ELEMENT(AcosOp)
INFER_SAME_ELEMENT(AtanOp)
INFER_SAME_ELEMENT(SinhOp)
INFER_SAME_ELEMENT(CoshOp)
INFER_SAME_ELEMENT(TanhOp)
INFER_SAME_ELEMENT(AsinhOp)
INFER_SAME_ELEMENT(AcoshOp)
INFER_SAME_ELEMENT(AtanhOp)
INFER_SAME_ELEMENT(PowOp)
INFER_BOOL(EqualOp)
INFER_BOOL(LessOp)
INFER_BOOL(LessOrEqualOp)
INFER_BOOL(GreaterOp)
INFER_BOOL(GreaterOrEqualOp)
INFER_BOOL(IsNanOp)
INFER_BOOL(IsInfOp)

LogicalResult CastOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getY()), types);
}
LogicalResult BitcastOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getX(), elementType(getY()), types);
}
LogicalResult WhereOp::inferTypes(SmallVectorImpl<Type> &types) {
  return inferBroadcast(*this, getOperands(), elementType(getX()), types);
}

// --- verifiers -------------------------------------------------------------------------------------------------------

LogicalResult CastOp::verify() {
  if (!llvm::is_contained({"up", "down", "nearest"}, getRoundMode()))
    return emitOpError("expected round_mode \"up\", \"down\" or \"nearest\", but got \"") << getRoundMode() << "\"";
  return success();
}

/// Width in bits as ONNX stores it: a bool is a byte.
static unsigned storedWidth(Type element) {
  if (auto complex = dyn_cast<ComplexType>(element))
    return 2 * complex.getElementType().getIntOrFloatBitWidth();
  return element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
}

LogicalResult BitcastOp::verify() {
  Type from = elementType(getX()), to = elementType(getY());
  if (storedWidth(from) != storedWidth(to))
    return emitOpError("expected element types of equal width, but got ") << from << " and " << to;
  return success();
}

// --- folders ---------------------------------------------------------------------------------------------------------

static bool isUnsigned(Value value) {
  return elementType(value).isUnsignedInteger() || elementType(value).isInteger(1);
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(
      adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(uint64_t(v[0]) + uint64_t(v[1])); },
      [](ArrayRef<double> v) { return v[0] + v[1]; });
}
OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(
      adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(uint64_t(v[0]) - uint64_t(v[1])); },
      [](ArrayRef<double> v) { return v[0] - v[1]; });
}
OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(
      adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(uint64_t(v[0]) * uint64_t(v[1])); },
      [](ArrayRef<double> v) { return v[0] * v[1]; });
}
OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  bool isUnsignedDivision = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) -> std::optional<int64_t> {
        if (v[1] == 0 || (v[1] == -1 && !isUnsignedDivision && v[0] == std::numeric_limits<int64_t>::min()))
          return std::nullopt; // a run-time error, reported with its node
        return isUnsignedDivision ? int64_t(uint64_t(v[0]) / uint64_t(v[1])) : v[0] / v[1];
      },
      [](ArrayRef<double> v) { return v[0] / v[1]; });
}
OpFoldResult MaxOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) {
        return unsignedOrder ? int64_t(std::max(uint64_t(v[0]), uint64_t(v[1]))) : std::max(v[0], v[1]);
      },
      [](ArrayRef<double> v) { return std::isnan(v[0])   ? v[0]
                                      : std::isnan(v[1]) ? v[1]
                                                         : std::max(v[0], v[1]); });
}
OpFoldResult MinOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) {
        return unsignedOrder ? int64_t(std::min(uint64_t(v[0]), uint64_t(v[1]))) : std::min(v[0], v[1]);
      },
      [](ArrayRef<double> v) { return std::isnan(v[0])   ? v[0]
                                      : std::isnan(v[1]) ? v[1]
                                                         : std::min(v[0], v[1]); });
}
OpFoldResult ModOp::fold(FoldAdaptor adaptor) {
  bool isUnsignedDivision = isUnsigned(getLhs()), truncate = getTruncate();
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) -> std::optional<int64_t> {
        if (v[1] == 0)
          return std::nullopt; // a run-time error, reported with its node
        if (isUnsignedDivision)
          return int64_t(uint64_t(v[0]) % uint64_t(v[1]));
        int64_t remainder = v[1] == -1 ? 0 : v[0] % v[1];
        return !truncate && remainder != 0 && (remainder < 0) != (v[1] < 0) ? remainder + v[1] : remainder;
      },
      nullptr);
}
OpFoldResult AndOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return v[0] & v[1]; }, nullptr);
}
OpFoldResult OrOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return v[0] | v[1]; }, nullptr);
}
OpFoldResult XorOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return v[0] ^ v[1]; }, nullptr);
}
OpFoldResult NotOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return ~v[0]; }, nullptr);
}
OpFoldResult AbsOp::fold(FoldAdaptor adaptor) {
  bool isUnsignedOperand = isUnsigned(getX());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return v[0] < 0 && !isUnsignedOperand ? int64_t(0 - uint64_t(v[0])) : v[0]; },
      [](ArrayRef<double> v) { return std::abs(v[0]); });
}
OpFoldResult SignOp::fold(FoldAdaptor adaptor) {
  bool isUnsignedOperand = isUnsigned(getX());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) {
        return isUnsignedOperand ? int64_t(v[0] != 0) : int64_t(v[0] > 0) - int64_t(v[0] < 0);
      },
      [](ArrayRef<double> v) { return v[0] > 0   ? 1.0
                                      : v[0] < 0 ? -1.0
                                                 : v[0]; });
}
OpFoldResult CeilOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), nullptr, [](ArrayRef<double> v) { return std::ceil(v[0]); });
}
OpFoldResult FloorOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), nullptr,
                         [](ArrayRef<double> v) { return std::floor(v[0]); });
}
OpFoldResult RoundOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), nullptr,
                         [](ArrayRef<double> v) { return std::nearbyint(v[0]); });
}
OpFoldResult SqrtOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(adaptor.getOperands(), getType(), nullptr, [](ArrayRef<double> v) { return std::sqrt(v[0]); });
}
OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(
      adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(0 - uint64_t(v[0])); },
      [](ArrayRef<double> v) { return -v[0]; });
}
OpFoldResult EqualOp::fold(FoldAdaptor adaptor) {
  return foldElementwise(
      adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return int64_t(v[0] == v[1]); },
      [](ArrayRef<double> v) { return v[0] == v[1]; });
}
OpFoldResult LessOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return int64_t(unsignedOrder ? uint64_t(v[0]) < uint64_t(v[1]) : v[0] < v[1]); },
      [](ArrayRef<double> v) { return v[0] < v[1]; });
}
OpFoldResult GreaterOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return int64_t(unsignedOrder ? uint64_t(v[0]) > uint64_t(v[1]) : v[0] > v[1]); },
      [](ArrayRef<double> v) { return v[0] > v[1]; });
}
OpFoldResult LessOrEqualOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return int64_t(unsignedOrder ? uint64_t(v[0]) <= uint64_t(v[1]) : v[0] <= v[1]); },
      [](ArrayRef<double> v) { return v[0] <= v[1]; });
}
OpFoldResult GreaterOrEqualOp::fold(FoldAdaptor adaptor) {
  bool unsignedOrder = isUnsigned(getLhs());
  return foldElementwise(
      adaptor.getOperands(), getType(),
      [=](ArrayRef<int64_t> v) { return int64_t(unsignedOrder ? uint64_t(v[0]) >= uint64_t(v[1]) : v[0] >= v[1]); },
      [](ArrayRef<double> v) { return v[0] >= v[1]; });
}

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getY().getType())
    return getX();
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape())
    return {};
  Type element = type.getElementType();
  if (auto values = getConstantIntegers(adaptor.getX())) {
    if (element.isInteger(1))
      for (int64_t &value : *values)
        value = value != 0;
    if (isa<IntegerType>(element))
      return makeIntegers(type, *values);
    if (element.isF32() || element.isF64())
      return makeFloats(type, SmallVector<double>(values->begin(), values->end()));
    return {};
  }
  if (auto values = getConstantFloats(adaptor.getX())) {
    if (element.isF32() || element.isF64() || element.isF16() || element.isBF16())
      return makeFloats(type, *values);
    if (!isa<IntegerType>(element))
      return {};
    SmallVector<int64_t> integers;
    for (double value : *values) {
      // Out-of-range conversion is left to run time, where it has the target's defined result.
      if (!(std::abs(value) < 9.0e18))
        return {};
      integers.push_back(element.isInteger(1) ? value != 0 : int64_t(value));
    }
    return makeIntegers(type, integers);
  }
  return {};
}

OpFoldResult WhereOp::fold(FoldAdaptor adaptor) {
  auto condition = getConstantIntegers(adaptor.getCondition());
  if (condition && isa<IntegerType>(elementType(getX())))
    return foldElementwise(
        adaptor.getOperands(), getType(), [](ArrayRef<int64_t> v) { return v[0] ? v[1] : v[2]; }, nullptr);
  return {};
}

// --- canonicalization ------------------------------------------------------------------------------------------------

namespace {
/// x^2 is x * x, x^1 is x, x^0.5 is sqrt(x): when the exponent is a constant scalar and types allow it.
struct SimplifyPow : OpRewritePattern<PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PowOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<RankedTensorType>(op.getExponent().getType());
    if (!type || !type.hasStaticShape() || type.getNumElements() != 1 || op.getBase().getType() != op.getType())
      return failure();
    double exponent;
    if (auto floats = getConstantFloats(op.getExponent()))
      exponent = floats->front();
    else if (auto integers = getConstantIntegers(op.getExponent()))
      exponent = double(integers->front());
    else
      return failure();
    if (exponent == 1) {
      rewriter.replaceOp(op, op.getBase());
    } else if (exponent == 2) {
      rewriter.replaceOpWithNewOp<MulOp>(op, op.getType(), op.getBase(), op.getBase());
    } else if (exponent == 0.5 && isa<FloatType>(elementType(op.getBase()))) {
      rewriter.replaceOpWithNewOp<SqrtOp>(op, op.getType(), op.getBase());
    } else {
      return failure();
    }
    return success();
  }
};
} // namespace

void PowOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<SimplifyPow>(context);
}
