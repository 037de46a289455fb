// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emits the loops of one kernel of attention.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_ATTENTION_EMITTER_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_ATTENTION_EMITTER_H

#include "Schedule.h"

#include "tegula/Codegen/Common/Emission.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

namespace tegula::attention {

using matmul::FlatAccess;
using matmul::Index;
using matmul::IndexMath;
using matmul::KernelForm;

/// A matrix in flat memory; with `integer`, of bytes that make factors so.
struct Matrix {
  mlir::Value flat;
  Index base, rowStep, columnStep;
  const IntegerFactor *integer = nullptr;
};

/// An operand, and where what belongs to the item's leading dimensions starts.
struct Operand : FlatAccess {
  Index start;
  const IntegerFactor *integer = nullptr;
};

class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc, KernelForm &form, const Kernel &kernel,
          sched::CPUAttentionAttr schedule, const MachineModel &machine)
      : b(builder), loc(loc), math(builder, loc), form(form), kernel(kernel), schedule(schedule),
        lanes(lanesOf(machine)), depth(kernel.depth()), width(kernel.width()),
        vector(mlir::VectorType::get({lanes}, builder.getF32Type())), rows(schedule.getRows()),
        vectors(schedule.getVectors()), streams(machine.vectorRegisters / 4) {}

  void emit(mlir::Block *entry);

private:
  using Values = llvm::SmallVector<mlir::Value>;
  using Body = llvm::function_ref<void(mlir::Value)>;

  void setUpExtents();
  void setUpAccesses();
  void setUpWorkspace(mlir::Block *entry);
  void enterHead(Index number);
  void emitItems();
  void emitItem(Index item);

  // The steps of a block of keys, and what they are made of.
  /// What rows have before the first of several blocks of keys.
  void startRows();
  void overBlocks(llvm::function_ref<void(Index key, Index keyCount)> body);
  void emitKeys(Index key, Index keyCount, bool isOnly);
  void multiplyQueries(Index key, Index keyCount);
  void multiplyBlock(Index key, Index keyCount, bool isOnly);
  /// Calls `body` with the vectors and the first key of each panel of packed keys: as wide as the register block, and
  /// of one vector where that is too wide.
  void overPanels(Index keyCount, llvm::function_ref<void(int64_t, Index)> body);
  /// Calls `body` with blocks of rows: as many as the schedule says, then halves.
  void overRows(llvm::function_ref<void(int64_t, Index)> body);
  void packQueries();
  void packKeys(Index key, Index keyCount);
  void packVector(const Matrix &source, Index valid, Index destination, int64_t step);
  void packValues(const Matrix &source, Index keyCount);
  /// The products of all rows with a panel of keys, of which `start` is the first in the block.
  void multiplyPanel(const Matrix &keys, int64_t vectors, Index start);
  void multiplyKeys(Index keyCount);
  void multiplyFew(Index key, Index keyCount);
  void multiplyDots(Index key, Index keyCount);
  /// Where the operands of the scores' map start for a row and a block.
  llvm::SmallVector<Index> startsOfScores(Index row, Index key);
  void findLargest(Index row, Index key, Index keyCount, bool isOnly);
  void compareLargest(Index row);
  void weigh(Index row, Index keyCount, bool isOnly);
  mlir::Value reduce(mlir::Value lanesOfRow, llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> join);
  mlir::Value larger(mlir::Value x, mlir::Value y);
  mlir::Value shiftFor(mlir::Value largest);
  void multiplyValues(const Matrix &values, Index keyCount, bool isOnly);
  void finish(Index row);
  /// Of a vector, the first `count` elements where that is given.
  void finishOne(Index row, Index column, mlir::Value sum, std::optional<Index> count = std::nullopt);
  /// Whether part of a vector of each result is stored by one instruction.
  bool masksResults();

  // --- Quantized.cpp
  void emitQuantized();
  void weighAgain(Index row, Index key, Index keyCount);
  void quantizeWeights(Index row, Index keyCount);
  /// The factor that a byte makes, or each of a vector.
  mlir::Value factorOf(mlir::Value x, const IntegerFactor &integer);
  mlir::Value toIntegers(mlir::Value sums);

  /// `sums`, of `rows` rows and some vectors, plus the products of `left` and `right` along `count`.
  Values multiply(int64_t rows, const Matrix &left, const Matrix &right, Index count, Values sums);
  /// The scores of a vector of products of a row, from `column` of the block on; `count` says how many are there if not
  /// all; `starts` are those of the map's operands for the row and the block.
  mlir::Value scoresOf(mlir::Value products, llvm::ArrayRef<Index> starts, Index column, std::optional<Index> count);
  /// A loop over vectors that carries one value.
  mlir::Value carry(Index begin, Index end, mlir::Value start,
                    llvm::function_ref<mlir::Value(mlir::Value, Index)> body);

  /// The item's queries from `row` on.
  Matrix queriesFrom(Index row) {
    if (isNarrow(q))
      return {packedQueries, math.mul(row, math.of(depth)), math.of(depth), math.of(1)};
    Index first = math.mul(math.add(firstRow, row), stepOf(q, 0));
    return {q.flat, math.add(q.start, first), stepOf(q, 0), stepOf(q, 2), q.integer};
  }
  Operand access(mlir::linalg::GenericOp op, unsigned operand, llvm::ArrayRef<Index> extents);
  Index stepOf(const Operand &operand, unsigned loop) { return operand.steps[kernel.batch + loop]; }
  /// The element at the item's places `first` and `second` of the loops behind the leading ones.
  Index addressOf(const Operand &operand, Index first, Index second) {
    Index at = math.add(operand.start, math.mul(first, stepOf(operand, 0)));
    return math.add(at, math.mul(second, stepOf(operand, 1)));
  }
  /// A vector of elements that lie `step` apart, or the first `count` of it; a scalar where they are one element.
  mlir::Value loadAlong(const Operand &operand, Index at, Index step, std::optional<Index> count);
  void loop(Index begin, Index end, int64_t step, Body body) { matmul::emitLoop(b, loc, math, begin, end, step, body); }
  /// What is loaded counts as f32.
  mlir::Value widen(mlir::Value x, const IntegerFactor *integer = nullptr) {
    mlir::Type f32 = b.getF32Type(), type = x.getType();
    if (integer)
      return factorOf(x, *integer);
    if (mlir::getElementTypeOrSelf(type) == f32)
      return x;
    return mlir::arith::ExtFOp::create(b, loc, mlir::isa<mlir::VectorType>(type) ? mlir::Type(vector) : f32, x);
  }
  static mlir::Type elementOf(mlir::Value flat) {
    return mlir::cast<mlir::MemRefType>(flat.getType()).getElementType();
  }
  bool isNarrow(const Operand &operand) { return !operand.element.isF32(); }
  mlir::Value loadStored(const Operand &operand, Index at) {
    return mlir::memref::LoadOp::create(b, loc, operand.flat, math.value(at));
  }
  mlir::Value loadScalar(mlir::Value flat, Index at, const IntegerFactor *integer = nullptr) {
    return widen(mlir::memref::LoadOp::create(b, loc, flat, math.value(at)), integer);
  }
  mlir::Value loadVector(mlir::Value flat, Index at, const IntegerFactor *integer = nullptr) {
    auto type = mlir::VectorType::get({lanes}, elementOf(flat));
    return widen(mlir::vector::LoadOp::create(b, loc, type, flat, math.value(at)), integer);
  }
  void storeScalar(mlir::Value value, mlir::Value flat, Index at) {
    mlir::memref::StoreOp::create(b, loc, value, flat, math.value(at));
  }
  void storeVector(mlir::Value value, mlir::Value flat, Index at) {
    mlir::vector::StoreOp::create(b, loc, value, flat, math.value(at));
  }
  mlir::Value broadcast(mlir::Value scalar) {
    return mlir::vector::BroadcastOp::create(b, loc, mlir::VectorType::get({lanes}, scalar.getType()), scalar);
  }
  mlir::Value number(double value) { return mlir::arith::ConstantOp::create(b, loc, b.getF32FloatAttr(float(value))); }
  mlir::Value lowest() { return number(-std::numeric_limits<double>::infinity()); }
  mlir::Value zero(mlir::VectorType type) {
    return mlir::arith::ConstantOp::create(b, loc, type, mlir::cast<mlir::TypedAttr>(b.getZeroAttr(type)));
  }
  mlir::Value zeroVector() { return zero(vector); }
  /// A mask of the first `count` lanes.
  mlir::Value maskOf(Index count) {
    return mlir::vector::CreateMaskOp::create(b, loc, mlir::VectorType::get({lanes}, b.getI1Type()), math.value(count));
  }
  /// How much of `extent` the block of `step` from `start` on has; constant where all blocks are whole.
  Index blockSize(Index start, Index extent, int64_t step) {
    if (auto known = mlir::getConstantIntValue(extent); known && *known % step == 0)
      return math.of(step);
    return math.min(math.of(step), math.sub(extent, start));
  }
  Index roundDown(Index count, int64_t unit) { return math.mul(math.floorDiv(count, math.of(unit)), math.of(unit)); }

  mlir::OpBuilder &b;
  mlir::Location loc;
  IndexMath math;
  KernelForm &form;
  const Kernel &kernel;
  sched::CPUAttentionAttr schedule;
  int64_t lanes, depth, width;
  mlir::VectorType vector;
  /// The register block; that of few queries is one row of `streams` vectors.
  int64_t rows, vectors, streams;
  bool areFew = false;

  llvm::SmallVector<Index> batchExtents;
  Index queries, keys;
  Operand q, k, v;
  /// Operands of the map that makes the scores, beside the products, and of the steps behind; results.
  llvm::MapVector<mlir::OpOperand *, Operand> scoreOperands, operands;
  llvm::MapVector<mlir::Value, Operand> results;
  /// Whether values must be packed, and whether they are where many queries read them.
  bool mustPackValues = false, packsValues = false;
  /// Elements of a row of `sums`, and of packed values.
  int64_t paddedWidth = 0;
  /// The item's queries where they are not f32, [row][element]; the block's keys, in panels of [element][key], and
  /// values, [key][element]; [row][key]; [row][element]; the sums of exponentials, [row][lane]; for each row the
  /// largest score so far, what is subtracted from its scores, and what its sums so far are multiplied with.
  mlir::Value packedQueries, packedKeys, packedValues, scores, sums, totals, maxima, shifts, factors;
  /// The same memory as `sums`, for sums of integers.
  mlir::Value integerSums;
  /// Of the item.
  Index firstRow, rowCount;
};

} // namespace tegula::attention

#endif
