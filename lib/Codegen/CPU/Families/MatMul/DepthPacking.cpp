// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums of products of neighboring depths.
//
// Of bf16, where the kernel allows what vdpbf16ps does and the machine gains by it: both operands are packed in pairs.
//
// Of 8-bit integers: with an instruction for groups of bytes (vpdpbusd), one operand is packed as
// unsigned and the other as signed bytes, and what the unsigned one's zero point adds is subtracted where the sums
// start: it needs the sums of the other operand, which are taken when it is packed. For an instruction that takes
// signed bytes alone (sdot), both are packed as these, and the same is done for the one whose zero point is not 0.
// Otherwise both are packed as 16-bit differences to their zero points where pmaddwd sums pairs of products. All are
// exact in 32 bits.
//
// Tile registers multiply bytes of any signedness: the operands stay as they are, and what both zero points add is
// subtracted where the sums are stored.
//
#include "Emitter.h"

#include "tegula/Codegen/Common/BFloatDot.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

DepthPacking matmul::planPacking(const ContractionInfo &info, const MachineModel &machine) {
  DepthPacking packing;
  if (info.columnBlock != 0)
    return packing;
  if (machine.bfloatDot && allowsBFloatDot(info)) {
    packing.group = 2;
    packing.isFloat = true;
    return packing;
  }
  if (machine.integerDot == MachineModel::IntegerDot::Single || !info.accumulator.isInteger(32) ||
      !info.lhsType.isInteger(8) || !info.rhsType.isInteger(8))
    return packing;
  for (unsigned operand : {0u, 1u}) {
    auto factor = matchIntegerFactor(info, operand);
    // A zero point outside of the byte's range would not fit what the packing holds.
    int64_t low = factor && factor->isUnsigned ? 0 : -128;
    if (!factor || factor->zeroPoint < low || factor->zeroPoint > low + 255)
      return packing;
    static_cast<IntegerFactor &>(packing.operands[operand]) = *factor;
  }
  bool areSigned = machine.integerDot == MachineModel::IntegerDot::SignedBytes;
  packing.group = areSigned ? 1 : 2;
  if (machine.integerDot == MachineModel::IntegerDot::Pairs)
    return packing;
  // The other operand's zero point must be 0 as a signed byte. If either operand will do, the one whose own zero point
  // is 0 too: no correction.
  auto zeroPoint = [&](unsigned operand, bool asUnsigned) {
    const DepthPacking::Operand &own = packing.operands[operand];
    return own.zeroPoint + (asUnsigned == own.isUnsigned ? 0 : asUnsigned ? 128 : -128);
  };
  for (unsigned candidate : {info.rhs, info.lhs}) {
    if (zeroPoint(1 - candidate, false) != 0)
      continue;
    int64_t correction = zeroPoint(candidate, !areSigned);
    if (packing.group == 4 && correction != 0)
      continue;
    packing.group = 4;
    packing.correctedOperand = candidate;
    packing.correction = correction;
  }
  if (packing.group == 4)
    for (unsigned operand : {0u, 1u}) {
      bool becomesUnsigned = !areSigned && operand == packing.correctedOperand;
      packing.operands[operand].flips = packing.operands[operand].isUnsigned != becomesUnsigned;
    }
  return packing;
}

std::optional<DepthPacking> matmul::planTilePacking(const ContractionInfo &info, const MachineModel &machine) {
  DepthPacking packing;
  packing.tiles = true;
  if (info.columnBlock != 0)
    return std::nullopt;
  if (machine.bfloatTiles && allowsBFloatDot(info)) {
    packing.group = 2;
    packing.isFloat = true;
    return packing;
  }
  if (!machine.byteTiles || !info.accumulator.isInteger(32) || !info.lhsType.isInteger(8) || !info.rhsType.isInteger(8))
    return std::nullopt;
  packing.group = 4;
  for (unsigned operand : {0u, 1u}) {
    auto factor = matchIntegerFactor(info, operand);
    if (!factor)
      return std::nullopt;
    static_cast<IntegerFactor &>(packing.operands[operand]) = *factor;
  }
  return packing;
}

static Value splatLike(OpBuilder &b, Location loc, Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  auto scalar = b.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(vector, scalar.getValue()));
  return arith::ConstantOp::create(b, loc, scalar);
}

Type Emitter::packedType(const DepthPacking &packing) {
  if (packing.isFloat)
    return b.getBF16Type();
  return packing.group == 1 ? info.accumulator : Type(b.getIntegerType(32 / packing.group));
}

Value Emitter::pack(Value x, unsigned operand) {
  if (shape.packing.isFloat)
    return x;
  const DepthPacking::Operand &own = shape.packing.operands[operand];
  switch (shape.packing.group) {
  case 2: {
    auto vector = dyn_cast<VectorType>(x.getType());
    Type type = vector ? Type(VectorType::get(vector.getShape(), b.getI16Type())) : b.getI16Type();
    Value wide = own.isUnsigned ? arith::ExtUIOp::create(b, loc, type, x).getResult()
                                : arith::ExtSIOp::create(b, loc, type, x).getResult();
    return own.zeroPoint == 0 ? wide
                              : arith::SubIOp::create(b, loc, wide, splatLike(b, loc, type, own.zeroPoint)).getResult();
  }
  case 4:
    return own.flips ? arith::XOrIOp::create(b, loc, x, splatLike(b, loc, x.getType(), -128)).getResult() : x;
  default:
    return convert(x, operand);
  }
}

Value Emitter::interleave(ArrayRef<Value> rows) {
  auto zip = [&](Value even, Value odd) -> Value {
    SmallVector<int64_t> lanes;
    for (int64_t i = 0, size = cast<VectorType>(even.getType()).getDimSize(0); i < size; ++i)
      lanes.append({i, i + size});
    return vector::ShuffleOp::create(b, loc, even, odd, lanes);
  };
  if (rows.size() == 1)
    return rows[0];
  if (rows.size() == 2)
    return zip(rows[0], rows[1]);
  return zip(zip(rows[0], rows[2]), zip(rows[1], rows[3]));
}

Value Emitter::toWords(Value packed) { return vector::BitCastOp::create(b, loc, vectorOf(b.getI32Type()), packed); }

Value Emitter::fromWords(Value words) {
  auto type = VectorType::get({shape.lanes * shape.packing.group}, packedType());
  return vector::BitCastOp::create(b, loc, type, words);
}

Value Emitter::dot(Value sum, Value left, Value right) {
  if (shape.packing.isFloat)
    return emitBFloatDot(b, loc, sum, left, right, /*hasInstruction=*/true);
  // Of bytes, the corrected ones come first: they are unsigned where one factor must be.
  bool swaps = shape.packing.group == 4 && shape.packing.correctedOperand != info.lhs;
  bool areSigned = shape.dot.kind == MachineModel::IntegerDot::SignedBytes;
  return emitDot(b, loc, sum, swaps ? right : left, swaps ? left : right, shape.dot, !areSigned);
}

/// The sum of a packed row, times minus the correction, into lhsSums.
void Emitter::sumLhsRow(Value row, Index depthCount) {
  VectorType type = vectorOf(b.getI32Type());
  Index end = math.mul(math.ceilDiv(depthCount, math.of(shape.lanes)), math.of(shape.lanes));
  auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.value(end), math.constant(shape.lanes), zero(type));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Index at = math.add(math.mul(row, math.of(shape.kc)), forOp.getInductionVar());
    Value bytes = loadVector(packedType(), packedLhs, at, nullptr);
    Value wide = arith::ExtSIOp::create(b, loc, type, bytes);
    Value total = arith::AddIOp::create(b, loc, forOp.getRegionIterArg(0), wide);
    scf::YieldOp::create(b, loc, total);
  }
  Value total = reduceLanes(forOp.getResult(0));
  Value factor = splatLike(b, loc, b.getI32Type(), -shape.packing.correctionBy(info.lhs));
  memref::StoreOp::create(b, loc, arith::MulIOp::create(b, loc, total, factor), lhsSums, row);
}

Value Emitter::sumBytes(Value sums, Value bytes, unsigned operand) {
  Value ones = splatLike(b, loc, bytes.getType(), 1);
  bool isUnsigned = shape.packing.tiles && shape.packing.operands[operand].isUnsigned;
  return emitDot(b, loc, sums, isUnsigned ? bytes : ones, isUnsigned ? ones : bytes, shape.dot);
}

/// The sums of the columns of a packed panel, times minus the correction, into rhsSums.
void Emitter::sumRhsPanel(const RhsSource &source) {
  VectorType type = vectorOf(b.getI32Type());
  Values sums(shape.vectors, zero(type));
  auto bytes = VectorType::get({shape.lanes * shape.packing.group}, packedType());
  Index groups = math.ceilDiv(source.depthCount, math.of(shape.packing.group));
  auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.value(groups), math.constant(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Index start =
        math.add(source.destination, math.mul(forOp.getInductionVar(), math.of(shape.nr * shape.packing.group)));
    Values next;
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Index at = math.add(start, math.of(j * shape.lanes * shape.packing.group));
      Value column = vector::LoadOp::create(b, loc, bytes, packedRhs, math.value(at));
      next.push_back(sumBytes(forOp.getRegionIterArg(j), column, info.rhs));
    }
    scf::YieldOp::create(b, loc, next);
  }
  Value factor = splatLike(b, loc, type, -shape.packing.correctionBy(info.rhs));
  for (int64_t j = 0; j < shape.vectors; ++j) {
    Value scaled = arith::MulIOp::create(b, loc, forOp.getResult(j), factor);
    vector::StoreOp::create(b, loc, scaled, rhsSums, math.value(math.add(source.sums, math.of(j * shape.lanes))));
  }
}
