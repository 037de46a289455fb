// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emits the loops of one kernel. The nest is the one of Goto and van de Geijn ("Anatomy of High-Performance Matrix
// Multiplication"): columns in blocks of NC, depth in blocks of KC, rows in blocks of MC; a block of the right operand
// is packed into panels of NR columns, a block of the left one into panels of MR rows, and the register block of
// MR x NR is computed from two panels.
//
// An address in an operand is a sum of one term for the batch, one for the row or column and one for the depth. Where a
// term is not a constant step (a convolution walks through windows), it is tabulated once for a block. So packing is
// all there is of im2col.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_EMITTER_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_MATMUL_EMITTER_H

#include "DepthPacking.h"
#include "KernelForm.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace tegula::matmul {

/// The constants that a schedule and a machine fix.
struct Shape {
  int64_t mc, nc, kc, mr, nr, unroll;
  bool packLhs, packRhs;
  /// Elements of a vector of the accumulator type; vectors in a row of the register block.
  int64_t lanes, vectors;
  /// Whether masked loads and stores are one instruction: of 32 and 64 bits, with `masksNarrow` of all integers, with
  /// `masksBFloats` of bf16.
  bool masked, masksNarrow, masksBFloats;
  bool masks(mlir::Type element) const {
    return element.getIntOrFloatBitWidth() >= 32 || (masksNarrow && element.isInteger()) ||
           (masksBFloats && element.isBF16());
  }
  /// What the operands are packed for, and those of a single row that is only known at run time.
  DepthPacking packing, rowPacking;
  /// How packed integers are multiplied and summed.
  DotInstruction dot;
};

/// A rectangle of the result: rows [rowBegin, rowEnd) times columns [columnBegin, columnEnd).
struct Region {
  Index rowBegin, rowEnd, columnBegin, columnEnd;
};

class Emitter {
public:
  Emitter(mlir::OpBuilder &builder, mlir::Location loc, KernelForm &form, const Shape &shape)
      : b(builder), loc(loc), math(builder, loc), form(form), info(form.info), shape(shape) {}

  /// Everything; the builder stands where the kernel's work belongs, `entry` is the function's first block.
  void emit(mlir::Block *entry);

private:
  using Body = llvm::function_ref<void(mlir::Value)>;
  using Values = llvm::SmallVector<mlir::Value>;

  // --- Setup.cpp
  void setUpGroups();
  Access makeAccess(mlir::Value buffer, llvm::ArrayRef<llvm::SmallVector<int64_t>> forms);
  void setUpAccesses();
  void setUpWorkspace(mlir::Block *entry);
  void enterBatch(Index batch);
  /// The term of `group` at `index`, which lies in the block that starts at `blockStart`.
  Index term(const Access &access, GroupKind group, Index index, Index blockStart);
  /// Fills the tables of `group` for `count` indices from `start` on.
  void fillTables(GroupKind group, Index start, Index count);
  /// How many columns from `column` on, at most `lanes`, lie `step` elements apart, by the table of `access`.
  Index countNeighbours(const Access &access, Index column, Index blockStart, int64_t step);
  /// i1: the `count` (at most NR) columns from `column` on are neighbours in memory.
  mlir::Value isContiguous(const Access &access, Index column, Index blockStart, Index count, int64_t width);

  // --- Pack.cpp
  void packRhs(Index column, Index columnCount, Index depth, Index depthCount);
  /// A panel to pack: `valid` columns from `column` on, in the block that starts at `blockColumn`; where it goes.
  struct RhsSource {
    Index column, blockColumn, valid, depth, depthCount, destination;
    /// Where the corrections of its columns go.
    Index sums;
  };
  void packRhsPanel(const RhsSource &source);
  void fillRhsPanel(const RhsSource &source);
  void packTransposed(const RhsSource &source, Index chunk);
  void packRuns(const RhsSource &source);
  void packElements(const RhsSource &source, Index k, bool whole, Index begin, Index end);
  /// Calls `body` for the first depth of each group from `begin` (a multiple of the group) on, and whether the group is
  /// whole.
  void overDepths(Index begin, Index count, llvm::function_ref<void(Index, bool)> body);
  /// The group of packed values from depth `k` on, interleaved; `load` gives those of one depth.
  mlir::Value loadGroup(Index k, Index count, bool whole, llvm::function_ref<mlir::Value(Index)> load);
  /// `count` depths as packed panels hold them: whole groups, or tiles of them.
  Index paddedDepth(Index count) {
    Index unit = math.of(shape.packing.depthUnit());
    return shape.packing.group == 1 ? count : math.mul(math.ceilDiv(count, unit), unit);
  }
  /// Address of column `j` of the panel without the depth; the whole address; where element (k, j) goes.
  Index rhsTerm(const RhsSource &source, Index j);
  Index rhsAddress(const RhsSource &source, Index columnTerm, Index k);
  mlir::Value packedAddress(const RhsSource &source, Index k, Index j);
  void packLhs(Index row, Index rowCount, Index depth, Index depthCount);
  /// f(x) of the body for operand `operand` of the contraction, in the accumulator type.
  mlir::Value convert(mlir::Value x, unsigned operand);

  // --- DepthPacking.cpp
  /// The element type of packed operands; a stored value (scalar or vector) as it is packed.
  mlir::Type packedType() { return packedType(shape.packing); }
  mlir::Type packedType(const DepthPacking &packing);
  mlir::Value pack(mlir::Value x, unsigned operand);
  /// One vector of the elements of several, in turns.
  mlir::Value interleave(llvm::ArrayRef<mlir::Value> rows);
  /// Vectors of packed values as vectors of their groups (i32), and back.
  mlir::Value toWords(mlir::Value packed);
  mlir::Value fromWords(mlir::Value words);
  /// `sum` plus the products of packed values of the left and the right operand, group by group.
  mlir::Value dot(mlir::Value sum, mlir::Value left, mlir::Value right);
  /// Whether the sums start from what `operand` (its rows or columns) contributes to the correction.
  bool correctsBy(unsigned operand) { return shape.packing.correctionBy(operand) != 0; }
  /// `sums` plus the packed bytes of `operand`, four a lane.
  mlir::Value sumBytes(mlir::Value sums, mlir::Value bytes, unsigned operand);
  void sumLhsRow(mlir::Value row, Index depthCount);
  void sumRhsPanel(const RhsSource &source);

  // --- TileKernel.cpp
  /// Where the packed left operand holds row `i`, depth `k`.
  Index tileAddress(Index i, Index k);
  void packLhsTiles(Index row, Index rowCount, Index depth, Index depthCount);
  void sumLhsTileRow(Index row, Index depthCount);
  void fillDepth(const RhsSource &source);
  struct RhsPanel;
  void computeTiles(Index packedRow, Index depthCount, const RhsPanel &rhs);

  // --- MicroKernel.cpp
  /// Where the micro-kernel reads the right operand: at `base` + group of depths * `step` + column. `sums`: where the
  /// corrections of its columns are.
  struct RhsPanel {
    mlir::Value flat;
    Index base, step;
    bool packed;
    Index sums;
    /// Where each vector starts, beside `base`, if they are not neighbours.
    llvm::SmallVector<Index> vectors = {};
  };
  Values computeTile(Index row, Index rowEnd, Index blockRow, Index packedRow, Index depth, Index depthCount,
                     const RhsPanel &rhs);
  /// `step` for each of `count` steps of the depth, several of them in a round; `sums` are carried.
  void accumulate(Values &sums, Index count, llvm::function_ref<void(llvm::MutableArrayRef<mlir::Value>, Index)> step);
  void multiplyAdd(llvm::MutableArrayRef<mlir::Value> sums, mlir::ValueRange lhsRows, Index lhsPacked, Index k,
                   Index depth, const RhsPanel &rhs);

  // --- DotKernel.cpp
  bool usesDotKernel();
  void computeDots(Index row, Index rowEnd, Index blockRow, const RhsSource &source);
  mlir::Value reduceLanes(mlir::Value vector);

  // --- Store.cpp
  struct Tile {
    Index row, rowCount, column, columnCount, blockRow, blockColumn;
    /// i1: the columns are neighbours in every result and operand of the steps.
    mlir::Value contiguous;
    /// i1: this is the first, the last block of the depth.
    mlir::Value first, last;
    /// Where its corrections by rows and by columns are, which sums from tile registers lack.
    Index lhsSums, rhsSums;
  };
  void prefetchTile(const Tile &tile);
  void storeTile(const Tile &tile, mlir::ValueRange sums);
  void storeRegisters(const Tile &tile, mlir::ValueRange sums);
  /// The sums stand in the scratch buffer.
  void storeRows(const Tile &tile);
  /// `sum`, at row `i` and column `j` of the tile, as the tile registers left it.
  mlir::Value correct(const Tile &tile, Index i, Index j, mlir::Value sum);
  /// One vector (under a mask or whole) or one scalar at (`row`, `column`): earlier depth blocks are added, then the
  /// steps are applied or the sum is put aside for the next depth block.
  void storeOne(const Tile &tile, Index row, Index column, mlir::Value sum, mlir::Value mask);
  mlir::Value addPartial(const Tile &tile, Index row, Index column, mlir::Value sum, mlir::Value mask);
  void finish(const Tile &tile, Index row, Index column, mlir::Value sum, mlir::Value mask);
  mlir::Value load(const Access &access, const Tile &tile, Index row, Index column, mlir::Value mask, bool vector);
  void store(const Access &access, const Tile &tile, Index row, Index column, mlir::Value value, mlir::Value mask);
  Index address(const Access &access, const Tile &tile, Index row, Index column);

  // --- LowerKernel.cpp
  /// The shape for a single row that is only known at run time: unpacked, and wide.
  Shape oneRowShape() const;
  /// The shape for up to one vector of columns, whose number is only known at run time: narrow, the left unpacked.
  Shape fewColumnsShape() const;
  /// emitGrid, for few columns or many.
  void emitColumns();
  void emitGrid();
  void emitNest(const Region &region);
  /// One block in each direction, packed where the schedule says so.
  struct BlockExtent {
    Index row, rowCount, column, columnCount, depth, depthCount;
  };
  void emitBlock(BlockExtent block);
  /// Whether each vector of the right operand lies in one of its blocks of columns.
  bool readsBlocks() const { return info.columnBlock != 0 && info.columnBlock % shape.lanes == 0; }
  void emitPanel(const BlockExtent &block, Index panel);

  // --- small helpers
  void loop(Index begin, Index end, int64_t step, Body body);
  void ifTrue(mlir::Value condition, llvm::function_ref<void()> body, llvm::function_ref<void()> otherwise = nullptr);
  mlir::VectorType vectorOf(mlir::Type element) { return mlir::VectorType::get({shape.lanes}, element); }
  mlir::Value zero(mlir::Type type);
  mlir::Value loadVector(mlir::Type element, mlir::Value flat, Index index, mlir::Value mask);
  /// Fetches the cache lines of `count` elements; an address outside of the operand does no harm.
  void prefetch(const Access &access, Index start, int64_t count, bool isWrite);
  bool masksElement(mlir::Type element) { return shape.masked && shape.masks(element); }
  /// Whether the packed left operand is held in rows of KC elements; else in panels of MR rows.
  bool lhsByRows() {
    const Dependence &rows = lhs.dependence[Rows];
    return shape.packing.group > 1 || rows.kind != Dependence::Linear || !IndexMath::isConstant(rows.step, 1);
  }
  /// A mask of the first `count` lanes.
  mlir::Value maskOf(Index count) { return maskOf(count, shape.lanes); }
  mlir::Value maskOf(Index count, int64_t lanes);

  mlir::OpBuilder &b;
  mlir::Location loc;
  IndexMath math;
  KernelForm &form;
  ContractionInfo &info;
  Shape shape;

  Group groups[3];
  llvm::SmallVector<Index> extents, batchExtents;
  Index batchTotal;
  Access lhs, rhs;
  /// One for each stored buffer; one for each operand of a step that is not a tracked buffer.
  llvm::MapVector<mlir::Value, Access> results;
  llvm::MapVector<mlir::OpOperand *, Access> operands;
  /// Sums of the depth blocks done so far: a result of the accumulator type, or workspace.
  Access *partial = nullptr;
  Access workspacePartial;
  bool partialInWorkspace = false;
  /// Every access that has tables.
  llvm::SmallVector<Access *> allAccesses;
  mlir::Value packedLhs, packedRhs, scratch, partialBuffer;
  /// The packed right operand of a single row, where that is of another type.
  mlir::Value packedRowRhs;
  /// The packed left operand as groups (i32); corrections of its rows, of the right operand's columns.
  mlir::Value lhsWords, lhsSums, rhsSums;
};

} // namespace tegula::matmul

#endif
