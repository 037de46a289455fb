// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  contractions of dequantized tensors, as quantized models are exported.
// Out: contractions of the integers with an i32 sum, scaled once. What quantizes the result again stays: it is an
//      elementwise op that the kernel of the contraction computes on its way to memory.
// Algorithm: in program order. (1) A dequantization with one scale moves behind an op that only moves elements or picks
// the largest. (2) A contraction of two dequantized 8-bit operands works on the integers. (3) What adds zero to a
// dequantized value, or multiplies it by one, is left out. A quantization of a dequantized integer, with factors in
// between, is that integer where each one comes out as it was. (4) A quantization of such scaled sums divides
// their scale instead of each of them, and does without a Relu before it where it cannot give less than zero.
//
//   %x = graph.dequantize %xq, %sx, %zx               %s = graph.conv %xq, %wq, %bq {x_zero_point = 128}  -> i32
//   %w = graph.dequantize %wq, %sw, %zw         =>    %r = graph.cast %s                                  -> f32
//   %y = graph.conv %x, %w, %b                        %y = graph.mul %r, %sx * %sw
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHFOLDQDQPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

static RankedTensorType rankedOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }
static Type elementOf(Value value) { return cast<TensorType>(value.getType()).getElementType(); }
static bool isByte(Type type) { return type.isInteger(8); }

static bool hasOneElement(Value value) {
  RankedTensorType type = rankedOf(value);
  return type && type.hasStaticShape() && type.getNumElements() == 1 && type.getRank() <= 1;
}

static Attribute constantOf(Value value) {
  Attribute attribute;
  matchPattern(value, m_Constant(&attribute));
  return attribute;
}

/// The value that every element of a constant 8-bit tensor has; 0 for an absent one.
static std::optional<int64_t> uniformByte(Value value) {
  if (!value)
    return 0;
  Attribute constant = constantOf(value);
  bool isUnsigned = elementOf(value).isUnsignedInteger();
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(constant)) {
    if (dense.empty())
      return std::nullopt;
    auto values = dense.getValues<APInt>();
    APInt first = *values.begin();
    if (!dense.isSplat() && !llvm::all_of(values, [&](const APInt &other) { return other == first; }))
      return std::nullopt;
    return isUnsigned ? int64_t(first.getZExtValue()) : first.getSExtValue();
  }
  auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(constant);
  AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || blob->getData().empty() || !llvm::all_equal(blob->getData()))
    return std::nullopt;
  char first = blob->getData().front();
  return isUnsigned ? int64_t(uint8_t(first)) : int64_t(int8_t(first));
}

/// Dequantization to f32; null when `value` is something else.
static DequantizeOp dequantizationOf(Value value) {
  auto op = value ? value.getDefiningOp<DequantizeOp>() : DequantizeOp();
  return op && op.getBlockSize() == 0 && elementOf(op.getY()).isF32() && elementOf(op.getScale()).isF32() &&
                 rankedOf(op.getX()) && rankedOf(op.getScale())
             ? op
             : DequantizeOp();
}

/// Both values are one SSA value or equal constants; absent zero points are zero.
static bool sameValue(Value left, Value right) {
  if (left == right)
    return true;
  if (!left || !right) {
    Value other = left ? left : right;
    return isByte(elementOf(other)) && uniformByte(other) == 0;
  }
  if (elementOf(left) != elementOf(right) || !hasOneElement(left) || !hasOneElement(right))
    return false;
  if (isa<FloatType>(elementOf(left))) {
    auto a = getConstantFloats(left), b = getConstantFloats(right);
    return a && b && *a == *b;
  }
  auto a = getConstantIntegers(left), b = getConstantIntegers(right);
  return a && b && *a == *b;
}

/// One positive scale of ordinary size for the whole tensor: what dequantization and quantization with it do to an
/// integer of 16 bits is exact, and order is kept.
static bool hasOrdinaryScale(Value scale) {
  auto values = hasOneElement(scale) ? getConstantFloats(scale) : std::nullopt;
  return values && (*values)[0] > 1e-30 && (*values)[0] < 1e30;
}

// --- contractions ----------------------------------------------------------------------------------------------------

/// The operand's own scales have one element, or one for each index of dimension `axis`.
static bool hasGranularity(DequantizeOp op, int64_t axis) {
  return hasOneElement(op.getScale()) || (rankedOf(op.getScale()).getRank() == 1 && op.getAxis() == int64_t(axis));
}

/// `value` ([n] or one element) as [n, 1, ..., 1] with `trailing` ones.
static Value alignChannels(OpBuilder &b, Location loc, Value value, int64_t trailing) {
  RankedTensorType type = rankedOf(value);
  if (hasOneElement(value) || trailing == 0)
    return value;
  SmallVector<int64_t> extents(trailing + 1, 1), shape(trailing + 1, 1);
  extents[0] = type.getDimSize(0);
  shape[0] = -1;
  auto shapeType = RankedTensorType::get({trailing + 1}, b.getI64Type());
  Value target = ConstantOp::create(b, loc, makeIntegers(shapeType, shape));
  return b.createOrFold<ReshapeOp>(loc, RankedTensorType::get(extents, type.getElementType()), value, target,
                                   /*allow_zero=*/false);
}

/// A product that is folded when both factors are constants.
static Value multiplyScales(OpBuilder &b, Location loc, Value left, Value right) {
  RankedTensorType type = rankedOf(left).getRank() >= rankedOf(right).getRank() ? rankedOf(left) : rankedOf(right);
  if (hasOneElement(left) && !hasOneElement(right))
    type = rankedOf(right);
  return b.createOrFold<MulOp>(loc, type, left, right);
}

/// The i32 tensor of which `bias` is the dequantization with scales `product`, or null.
static Value integerBias(Value bias, Value product) {
  DequantizeOp op = dequantizationOf(bias);
  if (!op || !elementOf(op.getX()).isSignlessInteger(32) || (!hasOneElement(op.getScale()) && op.getAxis() != 0))
    return nullptr;
  if (Value zero = op.getZeroPoint()) {
    auto values = getConstantIntegers(zero);
    if (!values || llvm::any_of(*values, [](int64_t value) { return value != 0; }))
      return nullptr;
  }
  auto own = getConstantFloats(op.getScale()), wanted = getConstantFloats(product);
  if (!own || !wanted || own->empty() || wanted->empty())
    return nullptr;
  size_t count = std::max(own->size(), wanted->size());
  if ((own->size() != 1 && own->size() != count) || (wanted->size() != 1 && wanted->size() != count))
    return nullptr;
  // Exporters round the product in their own ways; a difference that moves no sum below 2^20 by a quarter is none.
  for (size_t i = 0; i < count; ++i) {
    double a = (*own)[own->size() == 1 ? 0 : i], b = (*wanted)[wanted->size() == 1 ? 0 : i];
    if (!(std::abs(a - b) <= 1.2e-7 * std::abs(b)))
      return nullptr;
  }
  return op.getX();
}

namespace {
/// What the two dequantized operands of a contraction say.
struct IntegerOperands {
  Value lhs, rhs, lhsScale, rhsScale;
  int64_t lhsZero, rhsZero;
};
} // namespace

/// Operands that are 8-bit with one zero point each; `rhsAxis` is where `right` may have one scale per index.
static std::optional<IntegerOperands> matchOperands(Value left, Value right, int64_t rhsAxis) {
  DequantizeOp lhs = dequantizationOf(left), rhs = dequantizationOf(right);
  if (!lhs || !rhs || !isByte(elementOf(lhs.getX())) || !isByte(elementOf(rhs.getX())) ||
      !hasOneElement(lhs.getScale()) || !hasGranularity(rhs, rhsAxis))
    return std::nullopt;
  auto lhsZero = uniformByte(lhs.getZeroPoint()), rhsZero = uniformByte(rhs.getZeroPoint());
  if (!lhsZero || !rhsZero)
    return std::nullopt;
  return IntegerOperands{lhs.getX(), rhs.getX(), lhs.getScale(), rhs.getScale(), *lhsZero, *rhsZero};
}

/// f32 values of i32 sums, times the product of the scales.
static Value scaleSum(OpBuilder &b, Location loc, Value sum, Value scale, TensorType type) {
  Value real = CastOp::create(b, loc, type, sum, /*saturate=*/true);
  return MulOp::create(b, loc, type, real, scale);
}

static void foldConv(ConvOp conv) {
  auto operands = matchOperands(conv.getX(), conv.getWeight(), /*rhsAxis=*/0);
  auto type = dyn_cast<RankedTensorType>(conv.getType());
  if (!operands || !type || !type.getElementType().isF32())
    return;
  OpBuilder b(conv);
  Location loc = conv.getLoc();
  int64_t trailing = type.getRank() - 2;
  Value product = multiplyScales(b, loc, operands->lhsScale, operands->rhsScale);
  Value bias = conv.getBias() ? integerBias(conv.getBias(), product) : Value();
  Value sum = ConvOp::create(b, loc, type.clone(b.getI32Type()), operands->lhs, operands->rhs, bias, conv.getStrides(),
                             conv.getPads(), conv.getDilations(), conv.getGroup(), conv.getAutoPad(), operands->lhsZero,
                             operands->rhsZero);
  Value result = scaleSum(b, loc, sum, alignChannels(b, loc, product, trailing), type);
  if (conv.getBias() && !bias) {
    Value aligned = conv.getBias();
    if (rankedOf(aligned) && rankedOf(aligned).getDimSize(0) != 1)
      aligned = alignChannels(b, loc, aligned, trailing);
    result = AddOp::create(b, loc, type, result, aligned);
  }
  conv.replaceAllUsesWith(result);
  conv.erase();
}

static void foldMatMul(MatMulOp matmul) {
  RankedTensorType right = rankedOf(matmul.getRhs());
  auto type = dyn_cast<RankedTensorType>(matmul.getType());
  if (!right || !type || !type.getElementType().isF32())
    return;
  // One scale per column of the result; a right operand without columns has none.
  int64_t columns = right.getRank() < 2 ? -1 : right.getRank() - (matmul.getTransposeRhs() ? 2 : 1);
  auto operands = matchOperands(matmul.getLhs(), matmul.getRhs(), columns);
  if (!operands)
    return;
  OpBuilder b(matmul);
  Location loc = matmul.getLoc();
  Value product = multiplyScales(b, loc, operands->lhsScale, operands->rhsScale);
  Value sum =
      MatMulOp::create(b, loc, type.clone(b.getI32Type()), operands->lhs, operands->rhs, matmul.getTransposeLhs(),
                       matmul.getTransposeRhs(), operands->lhsZero, operands->rhsZero);
  matmul.replaceAllUsesWith(scaleSum(b, loc, sum, product, type));
  matmul.erase();
}

// --- movement --------------------------------------------------------------------------------------------------------

/// Ops of which each result element is an element of a data operand, whatever the elements mean.
static bool isMovement(Operation *op) {
  return isa<TransposeOp, ReshapeOp, FlattenOp, SqueezeOp, UnsqueezeOp, SliceOp, ConcatOp, SplitOp, GatherOp>(op);
}

/// The operands of `op` that hold elements.
static SmallVector<OpOperand *> dataOperands(Operation *op) {
  SmallVector<OpOperand *> result;
  size_t count = isa<ConcatOp>(op) ? op->getNumOperands() : 1;
  for (OpOperand &operand : op->getOpOperands().take_front(count))
    result.push_back(&operand);
  return result;
}

/// op(dequantize(x)) becomes dequantize(op(x)).
static void sinkDequantization(Operation *op) {
  auto pool = dyn_cast<MaxPoolOp>(op);
  if ((!isMovement(op) && !(pool && !pool.getIndices())) || op->getNumOperands() == 0)
    return;
  SmallVector<OpOperand *> operands = dataOperands(op);
  DequantizeOp first = dequantizationOf(operands[0]->get());
  if (!first || !hasOneElement(first.getScale()) || (first.getZeroPoint() && !hasOneElement(first.getZeroPoint())))
    return;
  if (pool && !hasOrdinaryScale(first.getScale()))
    return;
  for (OpOperand *operand : operands) {
    DequantizeOp other = dequantizationOf(operand->get());
    if (!other || elementOf(other.getX()) != elementOf(first.getX()) ||
        !sameValue(other.getScale(), first.getScale()) || !sameValue(other.getZeroPoint(), first.getZeroPoint()))
      return;
  }
  OpBuilder b(op);
  Type element = elementOf(first.getX());
  b.setInsertionPointAfter(op);
  for (OpOperand *operand : operands)
    operand->set(dequantizationOf(operand->get()).getX());
  for (Value result : op->getResults()) {
    Type real = result.getType();
    result.setType(cast<TensorType>(real).clone(element));
    auto moved =
        DequantizeOp::create(b, op->getLoc(), real, result, first.getScale(), first.getZeroPoint(), /*axis=*/0, 0);
    result.replaceAllUsesExcept(moved, moved);
  }
}

// --- values that stay as they are ------------------------------------------------------------------------------------

/// The number that every element of a constant f32 tensor is, or of one that dequantizes constant bytes.
static std::optional<float> uniformFloat(Value value) {
  if (DequantizeOp op = dequantizationOf(value)) {
    auto scale = hasOneElement(op.getScale()) ? getConstantFloats(op.getScale()) : std::nullopt;
    if (!scale || !isByte(elementOf(op.getX())))
      return std::nullopt;
    auto integer = uniformByte(op.getX()), zero = uniformByte(op.getZeroPoint());
    return integer && zero ? std::optional(float(*integer - *zero) * float((*scale)[0])) : std::nullopt;
  }
  DenseElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)) || !elements.isSplat() || !elementOf(value).isF32())
    return std::nullopt;
  return elements.getSplatValue<APFloat>().convertToFloat();
}

/// Whether the result of an op on `x` and `other` has the shape of `x`: `other` does not broadcast it.
static bool keepsShape(Value x, Value other) {
  RankedTensorType own = rankedOf(x), type = rankedOf(other);
  if (!own || !type || !type.hasStaticShape() || type.getRank() > own.getRank())
    return false;
  return llvm::all_of(llvm::zip(own.getShape().take_back(type.getRank()), type.getShape()), [](auto extents) {
    auto [mine, its] = extents;
    return its == 1 || its == mine;
  });
}

/// x + 0 and x * 1 are x for a dequantized x, which is no negative zero.
static void dropNeutral(Operation *op) {
  float neutral = isa<MulOp>(op) ? 1 : 0;
  for (unsigned i : {0u, 1u}) {
    Value x = op->getOperand(i), other = op->getOperand(1 - i);
    DequantizeOp dequantize = dequantizationOf(x);
    if (!dequantize || !hasOrdinaryScale(dequantize.getScale()) || uniformFloat(other) != neutral ||
        !keepsShape(x, other) || op->getResult(0).getType() != x.getType())
      continue;
    op->getResult(0).replaceAllUsesWith(x);
    op->erase();
    return;
  }
}

/// The integers of a type of at most 16 bits.
static std::pair<int64_t, int64_t> rangeOf(IntegerType type) {
  int64_t count = int64_t(1) << type.getWidth();
  return type.isUnsigned() ? std::pair<int64_t, int64_t>(0, count - 1) : std::pair(-count / 2, count / 2 - 1);
}

namespace {
/// A multiplication or division of dequantized values by one number.
struct Factor {
  float number;
  bool divides;
};
} // namespace

/// Whether quantization with `scale` gives back the integer of each value of `type` less `zeroPoint`, which was scaled
/// and multiplied by `factors`. Computed here as there, in f32.
static bool givesBack(IntegerType type, int64_t zeroPoint, float ownScale, ArrayRef<Factor> factors, float scale) {
  auto [low, high] = rangeOf(type);
  for (int64_t integer = low; integer <= high; ++integer) {
    float value = float(integer - zeroPoint) * ownScale;
    for (Factor factor : factors)
      value = factor.divides ? value / factor.number : value * factor.number;
    // Rounding is to even; a value that is no number differs from all.
    if (!(std::nearbyint(value / scale) == float(integer - zeroPoint)))
      return false;
  }
  return true;
}

/// quantize(dequantize(x)), with factors in between, is x where all integers are given back.
static void foldPair(QuantizeOp quantize) {
  SmallVector<Factor> factors;
  Value value = quantize.getX();
  DequantizeOp inner;
  while (!(inner = dequantizationOf(value))) {
    Operation *op = value.getDefiningOp();
    if (!isa_and_nonnull<MulOp, DivOp>(op) || rankedOf(op->getOperand(0)) != value.getType())
      return;
    auto number = uniformFloat(op->getOperand(1));
    if (!number || !keepsShape(op->getOperand(0), op->getOperand(1)))
      return;
    factors.push_back({*number, isa<DivOp>(op)});
    value = op->getOperand(0);
  }
  auto element = dyn_cast<IntegerType>(elementOf(quantize.getY()));
  if (quantize.getBlockSize() != 0 || !quantize.getPrecision().isF32() || !element || element.getWidth() > 16 ||
      inner.getX().getType() != quantize.getType() || !hasOrdinaryScale(inner.getScale()) ||
      !hasOrdinaryScale(quantize.getScale()) || !sameValue(inner.getZeroPoint(), quantize.getZeroPoint()))
    return;
  if (!factors.empty() || !sameValue(inner.getScale(), quantize.getScale())) {
    auto zeroPoint = isByte(element) ? uniformByte(inner.getZeroPoint()) : std::nullopt;
    std::reverse(factors.begin(), factors.end());
    if (!zeroPoint || !givesBack(element, *zeroPoint, float((*getConstantFloats(inner.getScale()))[0]), factors,
                                 float((*getConstantFloats(quantize.getScale()))[0])))
      return;
  }
  quantize.replaceAllUsesWith(inner.getX());
  quantize.erase();
}

/// Whether `quantize` divides by its scale in f32, and that is one ordinary number.
static bool dividesByOrdinaryScale(QuantizeOp quantize) {
  RankedTensorType x = rankedOf(quantize.getX());
  return quantize.getBlockSize() == 0 && quantize.getPrecision().isF32() && x && x.getRank() > 0 &&
         elementOf(quantize.getX()).isF32() && elementOf(quantize.getScale()).isF32() &&
         hasOrdinaryScale(quantize.getScale());
}

/// quantize(relu(x)) is quantize(x) where zero is the lowest integer.
static void dropRelu(QuantizeOp quantize) {
  auto relu = quantize.getX().getDefiningOp<ReluOp>();
  auto element = dyn_cast<IntegerType>(elementOf(quantize.getY()));
  if (!relu || !element || element.getWidth() != 8 || !dividesByOrdinaryScale(quantize) ||
      uniformByte(quantize.getZeroPoint()) != (element.isUnsigned() ? 0 : -128))
    return;
  quantize.getXMutable().assign(relu.getX());
  if (relu->use_empty())
    relu.erase();
}

/// The constant operand of an op that can be computed of multiples as well when the constant is multiplied too: a
/// factor, a summand, or a bound.
static OpOperand *scalableConstant(Operation *op) {
  if (!isa_and_nonnull<MulOp, AddOp, MaxOp, MinOp>(op) || op->getNumOperands() != 2)
    return nullptr;
  OpOperand &constant = op->getOpOperand(1);
  return constantOf(constant.get()) && elementOf(constant.get()).isF32() ? &constant : nullptr;
}

/// Scaled sums that only `quantize` reads are scaled by its scale too, whose place 1 takes.
static void absorbScale(QuantizeOp quantize) {
  if (!dividesByOrdinaryScale(quantize))
    return;
  SmallVector<OpOperand *> constants;
  Value value = quantize.getX();
  for (bool scaled = false; !scaled;) {
    Operation *op = value.getDefiningOp();
    if (!op || !value.hasOneUse())
      return;
    if (!isa<ReluOp>(op)) {
      OpOperand *constant = scalableConstant(op);
      if (!constant)
        return;
      constants.push_back(constant);
      scaled = isa<MulOp>(op);
    }
    value = op->getOperand(0);
  }
  auto sum = value.getDefiningOp<CastOp>();
  if (!sum || !elementOf(sum.getX()).isSignlessInteger(32))
    return;
  for (OpOperand *constant : constants) {
    OpBuilder b(constant->getOwner());
    Value old = constant->get(), scale = quantize.getScale();
    Type type = rankedOf(old).getRank() < rankedOf(scale).getRank() ? scale.getType() : old.getType();
    constant->set(b.createOrFold<DivOp>(quantize.getLoc(), type, old, scale));
  }
  OpBuilder b(quantize);
  auto type = cast<RankedTensorType>(quantize.getScale().getType());
  quantize.getScaleMutable().assign(ConstantOp::create(b, quantize.getLoc(), makeFloats(type, 1.0)));
}

namespace {
struct GraphFoldQDQPass : tegula::impl::GraphFoldQDQPassBase<GraphFoldQDQPass> {
  void runOnOperation() override {
    SmallVector<Operation *> operations;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) { operations.push_back(op); });
    for (Operation *op : operations) {
      if (auto conv = dyn_cast<ConvOp>(op))
        foldConv(conv);
      else if (auto matmul = dyn_cast<MatMulOp>(op))
        foldMatMul(matmul);
      else if (auto quantize = dyn_cast<QuantizeOp>(op))
        foldPair(quantize);
      else if (isa<AddOp, MulOp>(op))
        dropNeutral(op);
      else
        sinkDequantization(op);
    }
    // Pairs compare the scales, so these are changed after all pairs are folded.
    getOperation().walk([](QuantizeOp quantize) {
      dropRelu(quantize);
      if (quantize.getZeroPoint() && uniformByte(quantize.getZeroPoint()) == 0)
        quantize.getZeroPointMutable().clear();
      absorbScale(quantize);
    });
    // Dequantizations that nobody reads any more, the last ones first.
    SmallVector<DequantizeOp> dequantizations;
    getOperation().walk([&](DequantizeOp op) { dequantizations.push_back(op); });
    for (DequantizeOp dequantize : llvm::reverse(dequantizations))
      if (dequantize->use_empty())
        dequantize.erase();
  }
};
} // namespace
