// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loop nest over blocks and panels, and the share of each worker.
//
#include "Emitter.h"
#include "Schedule.h"

#include "tegula/Dialect/Exec/IR/Exec.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

void Emitter::emitPanel(const BlockExtent &block, Index panel) {
  Index column = math.add(block.column, panel);
  Index columnCount = math.min(math.of(shape.nr), math.sub(block.columnCount, panel));
  Value contiguous = math.truth(true);
  auto require = [&](const Access &access) {
    contiguous = math.logicalAnd(contiguous, isContiguous(access, column, block.column, columnCount, shape.nr));
  };
  for (auto &entry : results)
    require(entry.second);
  for (auto &entry : operands)
    require(entry.second);
  // A result that the columns do not move (one column) is not stored in vectors.
  for (auto &entry : results)
    if (entry.second.dependence[Columns].kind == Dependence::None)
      contiguous = math.truth(false);

  Index rowEnd = math.add(block.row, block.rowCount);
  auto walkTiles = [&](function_ref<void(Tile &, Index)> compute) {
    loop(math.of(0), block.rowCount, shape.mr, [&](Value i) {
      Tile tile;
      tile.row = math.add(block.row, i);
      tile.rowCount = math.min(math.of(shape.mr), math.sub(block.rowCount, i));
      tile.column = column;
      tile.columnCount = columnCount;
      tile.blockRow = block.row;
      tile.blockColumn = block.column;
      tile.contiguous = contiguous;
      tile.first = math.equal(block.depth, math.of(0));
      tile.last = math.lessOrEqual(groups[Depth].total, math.add(block.depth, block.depthCount));
      compute(tile, i);
    });
  };
  RhsSource source{column, block.column, columnCount, block.depth, block.depthCount, math.of(0), math.of(0)};
  if (usesDotKernel())
    return walkTiles([&](Tile &tile, Index) {
      computeDots(tile.row, rowEnd, block.row, source);
      storeRows(tile);
    });
  auto walkRows = [&](const RhsPanel &rhsPanel) {
    walkTiles([&](Tile &tile, Index packedRow) {
      prefetchTile(tile);
      if (shape.packing.tiles) {
        computeTiles(packedRow, block.depthCount, rhsPanel);
        tile.lhsSums = packedRow;
        tile.rhsSums = rhsPanel.sums;
        return storeRows(tile);
      }
      storeTile(tile, computeTile(tile.row, rowEnd, block.row, packedRow, block.depth, block.depthCount, rhsPanel));
    });
  };
  Index packedStep = math.of(shape.nr * shape.packing.group);
  if (shape.packRhs)
    return walkRows({packedRhs, math.mul(panel, paddedDepth(block.depthCount)), packedStep, true, panel});

  // Unpacked: whole panels are read where they are, the others are packed alone.
  auto packAlone = [&] {
    packRhsPanel(source);
    walkRows({packedRhs, math.of(0), packedStep, true, math.of(0)});
  };
  const Dependence &columns = rhs.dependence[Columns], &depths = rhs.dependence[Depth];
  if (readsBlocks()) {
    RhsPanel blocks{rhs.flat, rhs.batchBase, math.of(0), false, math.of(0)};
    blocks.base = math.add(blocks.base, term(rhs, Depth, block.depth, block.depth));
    if (depths.kind == Dependence::Linear)
      blocks.step = depths.step;
    // Each vector lies in one block; beyond the last one that is read again, and nobody stores these sums.
    Index total = groups[Columns].total, last = math.sub(total, math.of(1));
    last = math.sub(last, math.rem(last, math.of(shape.lanes)));
    auto known = getConstantIntValue(total);
    bool isWhole = known && *known % shape.nr == 0;
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Index start = math.add(column, math.of(j * shape.lanes));
      blocks.vectors.push_back(term(rhs, Columns, isWhole ? start : math.min(start, last), block.column));
    }
    return walkRows(blocks);
  }
  if (shape.packing.group > 1 || columns.kind != Dependence::Linear || !IndexMath::isConstant(columns.step, 1) ||
      depths.kind == Dependence::Table)
    return packAlone();
  ifTrue(
      math.equal(columnCount, math.of(shape.nr)),
      [&] {
        Index base = math.add(rhs.batchBase, term(rhs, Columns, column, block.column));
        base = math.add(base, term(rhs, Depth, block.depth, block.depth));
        walkRows({rhs.flat, base, depths.kind == Dependence::Linear ? depths.step : math.of(0), false, math.of(0)});
      },
      packAlone);
}

void Emitter::emitBlock(BlockExtent block) {
  if (partialInWorkspace) {
    partial->dependence[Rows] = {Dependence::Linear, math.of(shape.nc), {}};
    Index corner = math.add(math.mul(block.row, math.of(shape.nc)), block.column);
    partial->batchBase = math.sub(math.of(0), corner);
  }
  if (shape.packLhs)
    packLhs(block.row, block.rowCount, block.depth, block.depthCount);
  loop(math.of(0), block.columnCount, shape.nr, [&](Value panel) { emitPanel(block, panel); });
}

void Emitter::emitNest(const Region &region) {
  const Shape &s = shape;
  // At least one block of the depth: an empty sum is zero, and the steps still apply.
  Index depthEnd = math.max(groups[Depth].total, math.of(1));
  BlockExtent block;
  auto overRows = [&](function_ref<void()> body) {
    loop(region.rowBegin, region.rowEnd, s.mc, [&](Value row) {
      block.row = row;
      block.rowCount = math.min(math.of(s.mc), math.sub(region.rowEnd, row));
      fillTables(Rows, block.row, block.rowCount);
      body();
    });
  };
  auto overDepth = [&](function_ref<void()> body) {
    loop(math.of(0), depthEnd, s.kc, [&](Value depth) {
      block.depth = depth;
      block.depthCount = math.min(math.of(s.kc), math.sub(groups[Depth].total, depth));
      fillTables(Depth, block.depth, block.depthCount);
      if (s.packRhs)
        packRhs(block.column, block.columnCount, block.depth, block.depthCount);
      body();
    });
  };
  loop(region.columnBegin, region.columnEnd, s.nc, [&](Value column) {
    block.column = column;
    block.columnCount = math.min(math.of(s.nc), math.sub(region.columnEnd, column));
    fillTables(Columns, block.column, block.columnCount);
    // Sums in the workspace cover one block of rows, so the depth is inside; the right operand is packed again for
    // each.
    if (partialInWorkspace)
      overRows([&] { overDepth([&] { emitBlock(block); }); });
    else
      overDepth([&] { overRows([&] { emitBlock(block); }); });
  });
}

/// Items are (batch, panel of columns); workers take even shares of them. With fewer items than workers, the rows are
/// shared too.
void Emitter::emitGrid() {
  Index id = exec::GridIdOp::create(b, loc, b.getIndexType()).getResult();
  Index size = exec::GridSizeOp::create(b, loc, b.getIndexType()).getResult();
  Index rows = groups[Rows].total, columns = groups[Columns].total;
  Index panels = math.max(math.of(1), math.ceilDiv(columns, math.of(shape.nr)));
  Index rowPanels = math.max(math.of(1), math.ceilDiv(rows, math.of(shape.mr)));
  Index items = math.max(math.of(1), math.mul(batchTotal, panels));
  Index rowShares = math.max(math.of(1), math.min(math.floorDiv(size, items), rowPanels));
  Index itemShares = math.max(math.of(1), math.floorDiv(size, rowShares));
  Index rowShare = math.rem(id, rowShares), itemShare = math.floorDiv(id, rowShares);
  auto cut = [&](Index total, Index share, Index shares) { return math.floorDiv(math.mul(total, share), shares); };

  Region region;
  region.rowBegin = math.min(rows, math.mul(cut(rowPanels, rowShare, rowShares), math.of(shape.mr)));
  region.rowEnd =
      math.min(rows, math.mul(cut(rowPanels, math.add(rowShare, math.of(1)), rowShares), math.of(shape.mr)));
  // Workers beyond the last share get nothing.
  Index begin = math.min(items, cut(items, itemShare, itemShares));
  Index end = math.min(items, cut(items, math.add(itemShare, math.of(1)), itemShares));
  end = math.min(end, math.mul(batchTotal, panels));
  // `items` is at most INT64_MAX / size, which any tensor in memory respects.
  auto forBatch = [&](Index batch) {
    enterBatch(batch);
    Index first = math.mul(batch, panels);
    Index panelBegin = math.max(math.of(0), math.sub(begin, first));
    Index panelEnd = math.min(panels, math.sub(end, first));
    region.columnBegin = math.mul(panelBegin, math.of(shape.nr));
    region.columnEnd = math.min(columns, math.mul(panelEnd, math.of(shape.nr)));
    emitNest(region);
  };
  if (info.batch.empty())
    return forBatch(math.of(0));
  loop(math.floorDiv(begin, panels), math.ceilDiv(end, panels), 1, [&](Value batch) { forBatch(batch); });
}

void Emitter::emit(mlir::Block *entry) {
  math.remembersProducts = true;
  setUpGroups();
  setUpAccesses();
  math.remembersProducts = false;
  bool oneDepthBlock = false;
  if (auto depth = getConstantIntValue(groups[Depth].total))
    oneDepthBlock = *depth <= shape.kc;
  if (!oneDepthBlock) {
    for (auto &[buffer, access] : results)
      if (!partial && access.element == info.accumulator)
        partial = &access;
    partialInWorkspace = !partial;
  }
  setUpWorkspace(entry);
  if (partialInWorkspace) {
    partial = &workspacePartial;
    partial->flat = partialBuffer;
    partial->element = info.accumulator;
    partial->dependence[Columns] = {Dependence::Linear, math.of(1), {}};
  }
  // A batch of one, or one token: packing the right operand would cost many times the product.
  if (!getConstantIntValue(groups[Rows].total) && (shape.packRhs || readsBlocks())) {
    Shape usual = shape;
    return ifTrue(
        math.equal(groups[Rows].total, math.of(1)),
        [&] {
          shape = oneRowShape();
          if (packedRowRhs)
            std::swap(packedRhs, packedRowRhs);
          emitGrid();
          shape = usual;
          if (packedRowRhs)
            std::swap(packedRhs, packedRowRhs);
        },
        [&] { emitColumns(); });
  }
  emitColumns();
}

/// A short signal: most of a wide panel's sums would be nobody's, and packing the left operand cost as much as the
/// product.
void Emitter::emitColumns() {
  Index columns = groups[Columns].total;
  if (getConstantIntValue(columns) || shape.packing.group > 1 || shape.nr == shape.lanes || readsBlocks())
    return emitGrid();
  ifTrue(
      math.equal(math.min(columns, math.of(shape.lanes)), columns),
      [&] {
        Shape usual = shape;
        shape = fewColumnsShape();
        emitGrid();
        shape = usual;
      },
      [&] { emitGrid(); });
}

Shape Emitter::fewColumnsShape() const {
  Shape few = shape;
  // Sums for the latency of a multiply-add; no more than buffers and tables of the usual shape hold.
  few.mr = std::min({int64_t(12), shape.mr * shape.vectors, shape.mc});
  few.mc = shape.mc / few.mr * few.mr;
  few.vectors = 1;
  few.nr = few.nc = few.lanes;
  few.packLhs = false;
  return few;
}

Shape Emitter::oneRowShape() const {
  Shape row = shape;
  row.mr = row.mc = 1;
  row.vectors = info.columnBlock != 0 ? countStreams(info) : 8;
  row.nr = row.vectors * row.lanes;
  row.nc = std::max<int64_t>(shape.nc / row.nr, 1) * row.nr;
  row.unroll = 4;
  row.packing = shape.rowPacking;
  row.packLhs = row.packing.group > 1;
  row.packRhs = false;
  return row;
}

LogicalResult tegula::lowerMatMulKernel(func::FuncOp kernel, sched::CPUMatMulAttr schedule,
                                        const MachineModel &machine) {
  FailureOr<KernelForm> form = analyzeKernel(kernel);
  if (failed(form))
    return failure();
  ContractionInfo &info = form->info;
  int64_t width = info.accumulator.getIntOrFloatBitWidth();
  Shape shape;
  shape.mr = schedule.getMicro()[0];
  shape.nr = schedule.getMicro()[1];
  shape.lanes = machine.vectorBits / width;
  shape.vectors = shape.nr / shape.lanes;
  shape.unroll = schedule.getUnroll();
  shape.packing = shape.rowPacking = planPacking(info, machine);
  if (schedule.getTileRegisters()) {
    shape.packing = *planTilePacking(info, machine);
    // Both read the same packed left operand, if any.
    if (shape.rowPacking.group != shape.packing.group)
      shape.rowPacking = DepthPacking();
  }
  // Pairs of bf16 would have to be packed; elements are converted where they are.
  if (shape.rowPacking.isFloat)
    shape.rowPacking = DepthPacking();
  shape.dot = findDotInstruction(machine, shape.lanes);
  // Groups of depths come from packing alone.
  shape.packLhs = schedule.getPackLhs() || shape.packing.group > 1;
  shape.packRhs = schedule.getPackRhs();
  // Blocks need not be larger than the kernel.
  auto limit = [](int64_t block, int64_t extent, int64_t multiple) {
    return ShapedType::isDynamic(extent)
               ? block
               : std::min<int64_t>(block, llvm::alignTo(std::max<int64_t>(extent, 1), multiple));
  };
  shape.mc = limit(schedule.getTile()[0], info.extent(info.rows), shape.mr);
  shape.nc = limit(schedule.getTile()[1], info.extent(info.columns), shape.nr);
  // Rows of groups are padded to whole vectors.
  int64_t depthMultiple = shape.packing.group == 1 ? 1 : std::max(shape.packing.depthUnit(), shape.lanes);
  shape.kc = limit(llvm::alignTo(schedule.getTile()[2], depthMultiple), info.extent(info.depth), depthMultiple);
  // AVX has masked loads and stores of 32 and 64 bits, AVX-512 of all integers.
  shape.masked = machine.vectorBits >= 256;
  shape.masksNarrow = machine.vectorBits >= 512;
  // What multiplies bf16 also knows the type.
  shape.masksBFloats = machine.bfloatDot;
  auto narrow = [&](Value value) {
    auto type = dyn_cast<MemRefType>(value.getType());
    return type && !shape.masks(type.getElementType());
  };
  shape.masked &= llvm::none_of(form->stored, narrow);
  for (Operation *step : form->steps)
    shape.masked &= llvm::none_of(step->getOperands(), narrow);

  Operation *last = form->steps.empty() ? info.op.getOperation() : form->steps.back();
  OpBuilder b(last);
  Emitter(b, info.op.getLoc(), *form, shape).emit(&kernel.getBody().front());
  eraseKernelOps(*form);
  return success();
}
