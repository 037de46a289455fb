// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  graph.matmul of floats with constant weights.
// Out: the same product with the weights in blocks of columns as long as the target's vectors (or the module's
//      `graph.channel_block`, as for channels), so that no run packs them, and a worker reads its part of them in the
//      order of memory: a product of few rows takes as long as that. Weights of f32 that are all numbers of f16 or
//      bf16, as where these were cast or a model was made from such weights, are stored so: half as much to read, and
//      the same products. 8-bit weights without zero points that one scale for each column dequantizes stay bytes, and
//      the sums are scaled; not with the precision f32-strict, as a sum may overflow where the scaled one does not.
// Algorithm: each product by itself. The relayout is an op that graph-fold-constants evaluates, which takes the plain
// weights' place: where others read these too, they stay as they are, so that no weight is stored twice. Pairs of bf16
// that one instruction or a tile register multiplies and sums are packed in another way.
//
//   %w = graph.constant dense_resource<w> : tensor<480x512xf32>     %v = graph.block_columns %w {length = 16}
//   %y = graph.matmul %x, %w                                   =>   %y = graph.blocked_matmul %x, %v {columns = 512}
#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Blocked.h"
#include "tegula/Dialect/Graph/IR/Constants.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Graph/Transforms/Passes.h"

#include "mlir/IR/Matchers.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::graph;

namespace tegula {
#define GEN_PASS_DEF_GRAPHBLOCKCOLUMNSPASS
#include "tegula/Dialect/Graph/Transforms/Passes.h.inc"
} // namespace tegula

/// Smaller weights stay in the first cache, where their order does not matter.
static constexpr int64_t leastBytes = 32 << 10;

/// Whether vectors of f16 become f32 by an instruction: F16C comes with AVX2.
static bool widensHalves(exec::CPUTargetAttr target) { return target.getVectorBits() >= 256 || !target.isX86(); }

/// Whether the f32 of these bits is a number of f16, or an infinity.
static bool isHalf(uint32_t bits) {
  uint32_t exponent = bits >> 23 & 255, fraction = bits & 0x7fffff;
  if (exponent == 255 || (exponent == 0 && fraction == 0))
    return fraction == 0;
  // Normal from 2^-14 on, with 10 bits of the fraction; below, one bit less for each power of two.
  if (exponent >= 127 - 14)
    return exponent <= 127 + 15 && (fraction & 0x1fff) == 0;
  uint32_t missing = 127 - 14 - exponent;
  return missing <= 10 && (fraction & ((uint32_t(0x2000) << missing) - 1)) == 0;
}

/// The narrow type that holds each of a constant's f32 elements exactly; null where there is none.
static Type findNarrowType(Value constant, exec::CPUTargetAttr target) {
  ElementsAttr elements;
  if (!matchPattern(constant, m_Constant(&elements)) || !elements.getElementType().isF32())
    return {};
  std::optional<exec::StoredElements> stored = exec::getStoredElements(elements);
  if (!stored || stored->bytes.empty())
    return {};
  bool areHalves = widensHalves(target), areBFloats = true;
  for (ArrayRef<char> rest = stored->bytes; rest.size() >= 4 && (areHalves || areBFloats); rest = rest.drop_front(4)) {
    uint32_t bits = llvm::support::endian::read32le(rest.data());
    areHalves = areHalves && isHalf(bits);
    bool isNaN = (bits & 0x7fffffff) > 0x7f800000;
    areBFloats = areBFloats && (bits & 0xffff) == 0 && !isNaN;
  }
  if (!areHalves && !areBFloats)
    return {};
  return areHalves ? Type(Float16Type::get(constant.getContext())) : Type(BFloat16Type::get(constant.getContext()));
}

/// Whether all elements of a constant are 0; an absent one is.
static bool isZero(Value value) {
  if (!value)
    return true;
  ElementsAttr constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return false;
  std::optional<exec::StoredElements> stored = exec::getStoredElements(constant);
  return stored && llvm::all_of(stored->bytes, [](char byte) { return byte == 0; });
}

/// What dequantizes the right operand of `op`, if the sums can be scaled in its place; else null.
static DequantizeOp findScaling(MatMulOp op) {
  auto scaling = op.getRhs().getDefiningOp<DequantizeOp>();
  if (!scaling || getPrecision(op) == Precision::F32Strict ||
      !getElementTypeOrSelf(scaling.getX().getType()).isInteger(8) || !getElementTypeOrSelf(op.getType()).isF32() ||
      scaling.getBlockSize() != 0 || !isZero(scaling.getZeroPoint()))
    return {};
  auto scale = dyn_cast<RankedTensorType>(scaling.getScale().getType());
  if (!scale || !scale.getElementType().isF32() || !scale.hasStaticShape() || scale.getRank() > 1)
    return {};
  bool alongColumns = normalizeAxis(scaling.getAxis(), 2) == std::optional<int64_t>(op.getTransposeRhs() ? 0 : 1);
  return scale.getNumElements() == 1 || alongColumns ? scaling : DequantizeOp();
}

static bool canBlock(MatMulOp op, exec::CPUTargetAttr target, int64_t length) {
  auto x = dyn_cast<RankedTensorType>(op.getLhs().getType());
  auto weight = dyn_cast<RankedTensorType>(op.getRhs().getType());
  if (!x || !weight || x.getRank() == 0 || weight.getRank() != 2 || !weight.hasStaticShape() || op.getTransposeLhs())
    return false;
  Type element = weight.getElementType();
  if (!(element.isF32() || element.isF16() || element.isBF16()))
    return false;
  if (element.isF16() && !widensHalves(target))
    return false;
  if ((target.hasFastBFloatDot() || target.getBfloatTiles()) && element.isBF16() &&
      getElementTypeOrSelf(op.getType()).isF32())
    return false;
  if (weight.getNumElements() * int64_t(element.getIntOrFloatBitWidth() / 8) < leastBytes)
    return false;
  // What fills the last block is read, too.
  int64_t columns = weight.getDimSize(op.getTransposeRhs() ? 0 : 1);
  if (4 * int64_t(llvm::alignTo(columns, length)) > 5 * columns)
    return false;
  Value constant = op.getRhs();
  if (auto rounded = constant.getDefiningOp<CastOp>()) // by graph-lower-precision
    constant = rounded.getX();
  if (auto dequantized = constant.getDefiningOp<DequantizeOp>()) {
    auto isConstant = [](Value value) { return matchPattern(value, m_Constant()); };
    if (!findScaling(op) && !llvm::all_of(dequantized->getOperands(), isConstant))
      return false;
    constant = dequantized.getX();
  }
  // The blocks of a splat would be stored.
  DenseElementsAttr elements;
  bool isSplat = matchPattern(constant, m_Constant(&elements)) && elements.isSplat();
  return matchPattern(constant, m_Constant()) && !isSplat && constant.hasOneUse() && op.getRhs().hasOneUse();
}

namespace {
struct GraphBlockColumnsPass : tegula::impl::GraphBlockColumnsPassBase<GraphBlockColumnsPass> {
  void block(MatMulOp op, exec::CPUTargetAttr target, int64_t length) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value weight = op.getRhs();
    DequantizeOp scaling = findScaling(op);
    if (scaling)
      weight = scaling.getX();
    auto type = cast<RankedTensorType>(weight.getType());
    if (Type narrow = findNarrowType(weight, target)) {
      type = cast<RankedTensorType>(type.clone(narrow));
      weight = CastOp::create(b, loc, type, weight);
    }
    int64_t depth = type.getDimSize(0), columns = type.getDimSize(1);
    if (op.getTransposeRhs()) {
      std::swap(depth, columns);
      weight = TransposeOp::create(b, loc, type.clone({depth, columns}), weight, b.getDenseI64ArrayAttr({1, 0}));
    }
    auto blocked = type.clone({int64_t(llvm::divideCeil(columns, length)), depth, length});
    weight = BlockColumnsOp::create(b, loc, blocked, weight, length);
    Value y = BlockedMatMulOp::create(b, loc, op.getType(), op.getLhs(), weight, columns);
    if (scaling)
      y = MulOp::create(b, loc, op.getType(), y, scaling.getScale());
    op.replaceAllUsesWith(y);
    op.erase();
  }

  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    auto target = module ? module->getAttrOfType<exec::CPUTargetAttr>("exec.target") : exec::CPUTargetAttr();
    if (!target)
      return;
    int64_t length = getBlockLength(module, target.getVectorBits() / 32);
    SmallVector<MatMulOp> products;
    getOperation().walk([&](MatMulOp op) {
      if (canBlock(op, target, length))
        products.push_back(op);
    });
    for (MatMulOp op : products)
      block(op, target, length);
  }
};
} // namespace
