// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/IntegerDot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tegula;

static std::optional<IntegerFactor> matchFactor(Value value, BlockArgument argument) {
  IntegerFactor factor;
  if (auto subtract = value.getDefiningOp<arith::SubIOp>()) {
    APInt zeroPoint;
    if (!matchPattern(subtract.getRhs(), m_ConstantInt(&zeroPoint)))
      return std::nullopt;
    factor.zeroPoint = zeroPoint.getSExtValue();
    value = subtract.getLhs();
  }
  Operation *extend = value.getDefiningOp();
  if (!isa_and_nonnull<arith::ExtSIOp, arith::ExtUIOp>(extend) || extend->getOperand(0) != argument)
    return std::nullopt;
  factor.isUnsigned = isa<arith::ExtUIOp>(extend);
  return factor;
}

std::optional<IntegerFactor> tegula::matchIntegerFactor(const ContractionInfo &info, unsigned operand) {
  Block *body = linalg::GenericOp(info.op).getBody();
  Operation *sum = body->getTerminator()->getOperand(0).getDefiningOp();
  Value product = sum->getOperand(0) == body->getArgument(2) ? sum->getOperand(1) : sum->getOperand(0);
  Operation *multiply = product.getDefiningOp();
  std::optional<IntegerFactor> factor = matchFactor(multiply->getOperand(0), body->getArgument(operand));
  return factor ? factor : matchFactor(multiply->getOperand(1), body->getArgument(operand));
}

DotInstruction tegula::findDotInstruction(const MachineModel &machine, int64_t lanes) {
  return {machine.integerDot, std::min(lanes, machine.vectorBits / 32)};
}

static Value callIntrinsic(OpBuilder &b, Location loc, const Twine &name, Type type, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name), operands).getResults();
}

/// Without an instruction for it: element `i` of each lane, extended.
static Value takeElements(OpBuilder &b, Location loc, Value value, int64_t i, VectorType type, bool isUnsigned) {
  auto from = cast<VectorType>(value.getType());
  SmallVector<int64_t> lanes;
  for (int64_t lane = i; lane < from.getNumElements(); lane += from.getNumElements() / type.getNumElements())
    lanes.push_back(lane);
  Value own = vector::ShuffleOp::create(b, loc, value, value, lanes);
  return isUnsigned ? arith::ExtUIOp::create(b, loc, type, own).getResult()
                    : arith::ExtSIOp::create(b, loc, type, own).getResult();
}

/// The same as emitDot, in parts of `lanes` sums.
static Value emitParts(OpBuilder &b, Location loc, Value sum, Value left, Value right, DotInstruction instruction,
                       bool leftIsUnsigned) {
  auto type = cast<VectorType>(sum.getType());
  auto take = [&](Value value, int64_t lane) -> Value {
    int64_t each = cast<VectorType>(value.getType()).getNumElements() / type.getNumElements();
    return vector::ExtractStridedSliceOp::create(b, loc, value, lane * each, instruction.lanes * each, 1);
  };
  Value result = sum;
  for (int64_t lane = 0; lane < type.getNumElements(); lane += instruction.lanes) {
    Value part = emitDot(b, loc, take(sum, lane), take(left, lane), take(right, lane), instruction, leftIsUnsigned);
    result = vector::InsertStridedSliceOp::create(b, loc, part, result, lane, 1);
  }
  return result;
}

/// Groups of four bytes as two pairs of 16-bit values: the even bytes of each group, and the odd ones.
static std::pair<Value, Value> splitBytes(OpBuilder &b, Location loc, Value bytes, bool isUnsigned) {
  auto type = VectorType::get({cast<VectorType>(bytes.getType()).getNumElements() / 2}, b.getI16Type());
  Value words = vector::BitCastOp::create(b, loc, type, bytes);
  Value eight = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, APInt(16, 8)));
  if (!isUnsigned)
    return {arith::ShRSIOp::create(b, loc, arith::ShLIOp::create(b, loc, words, eight), eight),
            arith::ShRSIOp::create(b, loc, words, eight)};
  Value low = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, APInt(16, 255)));
  return {arith::AndIOp::create(b, loc, words, low), arith::ShRUIOp::create(b, loc, words, eight)};
}

/// Sums of products of signed bytes. Those of unsigned ones are signed ones plus 128, whose products with `right` are
/// the same for all that it meets.
static Value emitSignedDot(OpBuilder &b, Location loc, Value sum, Value left, Value right, bool leftIsUnsigned) {
  auto dot = [&](Value start, Value factor) {
    return callIntrinsic(b, loc, "llvm.aarch64.neon.sdot.v4i32.v16i8", start.getType(), {start, factor, right});
  };
  if (!leftIsUnsigned)
    return dot(sum, left);
  auto splat = [&](Type type, int64_t value) -> Value {
    auto vector = cast<VectorType>(type);
    APInt scalar(vector.getElementTypeBitWidth(), value, /*isSigned=*/true);
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, scalar));
  };
  Value offset = splat(left.getType(), -128);
  Value less = dot(splat(sum.getType(), 0), offset);
  return dot(arith::SubIOp::create(b, loc, sum, less), arith::XOrIOp::create(b, loc, left, offset));
}

Value tegula::emitDot(OpBuilder &b, Location loc, Value sum, Value left, Value right, DotInstruction instruction,
                      bool leftIsUnsigned) {
  using Kind = MachineModel::IntegerDot;
  auto type = cast<VectorType>(sum.getType());
  int64_t bits = type.getNumElements() * 32, group = cast<VectorType>(left.getType()).getNumElements() * 32 / bits;
  bool isBytes = group == 4;
  if (isBytes && instruction.kind == Kind::Pairs) {
    auto [evenLeft, oddLeft] = splitBytes(b, loc, left, /*isUnsigned=*/true);
    auto [evenRight, oddRight] = splitBytes(b, loc, right, /*isUnsigned=*/false);
    return emitDot(b, loc, emitDot(b, loc, sum, evenLeft, evenRight, instruction), oddLeft, oddRight, instruction);
  }
  bool hasInstruction = instruction.kind != Kind::Single && (isBytes || instruction.kind != Kind::SignedBytes);
  if (type.getNumElements() > instruction.lanes && hasInstruction)
    return emitParts(b, loc, sum, left, right, instruction, leftIsUnsigned);
  if (isBytes && instruction.kind == Kind::SignedBytes)
    return emitSignedDot(b, loc, sum, left, right, leftIsUnsigned);
  if (isBytes && instruction.kind == Kind::Bytes)
    return callIntrinsic(b, loc, "llvm.x86.avx512.vpdpbusd." + Twine(bits), type, {sum, left, right});
  if (hasInstruction) {
    StringRef name = bits == 512   ? "llvm.x86.avx512.pmaddw.d.512"
                     : bits == 256 ? "llvm.x86.avx2.pmadd.wd"
                                   : "llvm.x86.sse2.pmadd.wd";
    return arith::AddIOp::create(b, loc, sum, callIntrinsic(b, loc, name, type, {left, right}));
  }
  for (int64_t i = 0; i < group; ++i) {
    Value own = takeElements(b, loc, left, i, type, isBytes && leftIsUnsigned),
          other = takeElements(b, loc, right, i, type, false);
    sum = arith::AddIOp::create(b, loc, sum, arith::MulIOp::create(b, loc, own, other));
  }
  return sum;
}
