// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is computed once per kernel or block: extents, strides, flat views of the operands, the workspace, tables of
// offsets.
//
#include "Emitter.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::matmul;

void Emitter::setUpGroups() {
  linalg::GenericOp op = info.op;
  extents.resize(op.getNumLoops());
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    if (!ShapedType::isDynamic(info.extents[loop])) {
      extents[loop] = math.of(info.extents[loop]);
      continue;
    }
    // The result first: a dimension of an operand may be a broadcast view.
    for (unsigned operand : {2u, info.lhs, info.rhs}) {
      AffineMap map = op.getIndexingMapsArray()[operand];
      for (auto [position, expression] : llvm::enumerate(map.getResults()))
        if (!extents[loop] && expression == b.getAffineDimExpr(loop))
          extents[loop] = b.createOrFold<memref::DimOp>(loc, op->getOperand(operand), position);
    }
    assert(extents[loop] && "linalg guarantees that each loop indexes a dimension");
  }
  auto set = [&](Group &group, ArrayRef<unsigned> loops) {
    group.loops.assign(loops.begin(), loops.end());
    group.total = math.of(1);
    for (unsigned loop : loops) {
      group.extents.push_back(extents[loop]);
      group.total = math.mul(group.total, extents[loop]);
    }
  };
  set(groups[Rows], info.rows);
  set(groups[Columns], info.columns);
  set(groups[Depth], info.depth);
  batchTotal = math.of(1);
  for (unsigned loop : info.batch) {
    batchExtents.push_back(extents[loop]);
    batchTotal = math.mul(batchTotal, extents[loop]);
  }
}

Access Emitter::makeAccess(Value buffer, ArrayRef<SmallVector<int64_t>> forms) {
  Access access;
  static_cast<FlatAccess &>(access) = makeFlatAccess(b, loc, math, buffer, forms, extents);
  for (unsigned kind : {Rows, Columns, Depth}) {
    const Group &group = groups[kind];
    Dependence &dependence = access.dependence[kind];
    bool none = true, linear = true;
    for (size_t i = 0; i < group.loops.size(); ++i) {
      Index step = access.steps[group.loops[i]];
      none &= IndexMath::isConstant(step, 0);
      if (i + 1 < group.loops.size())
        linear &= IndexMath::same(step, math.mul(access.steps[group.loops[i + 1]], group.extents[i + 1]));
    }
    dependence.kind = none ? Dependence::None : linear ? Dependence::Linear : Dependence::Table;
    if (dependence.kind == Dependence::Linear)
      dependence.step = access.steps[group.loops.back()];
  }
  return access;
}

void Emitter::setUpAccesses() {
  linalg::GenericOp op = info.op;
  lhs = makeAccess(op->getOperand(info.lhs), info.coefficients[info.lhs]);
  rhs = makeAccess(op->getOperand(info.rhs), info.coefficients[info.rhs]);
  if (info.columnBlock != 0)
    rhs.dependence[Columns].kind = Dependence::Blocks;
  allAccesses = {&lhs, &rhs};
  for (Value buffer : form.stored)
    results[buffer] = makeAccess(buffer, info.coefficients[2]);

  forEachStepOperand(form, [&](OpOperand *operand, ArrayRef<SmallVector<int64_t>> forms) {
    operands[operand] = makeAccess(operand->get(), forms);
  });
  for (auto &entry : results)
    allAccesses.push_back(&entry.second);
  for (auto &entry : operands)
    allAccesses.push_back(&entry.second);
}

void Emitter::setUpWorkspace(Block *entry) {
  OpBuilder::InsertionGuard guard(b);
  int64_t bytes = 0;
  SmallVector<std::pair<int64_t, std::pair<MemRefType, Value *>>> views;
  auto reserve = [&](Value &view, int64_t count, Type element) {
    int64_t width = element.isIndex() ? 8 : element.getIntOrFloatBitWidth() / 8;
    views.push_back({bytes, {MemRefType::get({count}, element), &view}});
    bytes += llvm::alignTo(count * width, 64);
  };
  // Enough for the kernel's shape and for that of a single row.
  const Shape s = shape, row = oneRowShape();
  int64_t panel = s.kc * std::max(s.nr, row.nr), nc = std::max(s.nc, row.nc);
  int64_t rhsStart = bytes;
  if (s.packRhs || !(readsBlocks() || usesDotKernel()))
    reserve(packedRhs, s.packRhs ? std::max(s.kc * s.nc, panel) : panel, packedType());
  if (Type type = packedType(row.packing); type != packedType()) {
    // A row alone packs its panels in another type, in the same place.
    views.push_back({rhsStart, {MemRefType::get({s.kc * row.nr}, type), &packedRowRhs}});
    int64_t count = s.kc * row.nr * int64_t(type.getIntOrFloatBitWidth()) / 8;
    bytes = std::max(bytes, rhsStart + int64_t(llvm::alignTo(count, 64)));
  }
  if (s.packLhs) {
    int64_t start = bytes;
    reserve(packedLhs, s.kc * s.mc, packedType());
    if (s.packing.group > 1)
      views.push_back({start, {MemRefType::get({s.kc * s.mc / s.packing.group}, b.getI32Type()), &lhsWords}});
  }
  auto corrects = [&](unsigned operand) {
    return s.packing.correctionBy(operand) != 0 || row.packing.correctionBy(operand) != 0;
  };
  if (corrects(info.lhs))
    reserve(lhsSums, s.mc, b.getI32Type());
  if (corrects(info.rhs))
    reserve(rhsSums, std::max(s.packRhs ? s.nc : s.nr, row.nr), b.getI32Type());
  reserve(scratch, std::max(s.mr * s.nr, row.nr), info.accumulator);
  if (partialInWorkspace)
    reserve(partialBuffer, s.mc * nc, info.accumulator);
  // A vector may be read from any entry of a table.
  const int64_t blocks[] = {s.mc, nc + s.lanes, s.kc};
  for (Access *access : allAccesses)
    for (unsigned kind : {Rows, Columns, Depth})
      if (access->dependence[kind].kind == Dependence::Table)
        reserve(access->dependence[kind].table, blocks[kind], b.getIndexType());

  b.setInsertionPointToStart(entry);
  auto type = MemRefType::get({bytes}, b.getI8Type());
  Value memory = memref::AllocOp::create(b, loc, type, b.getI64IntegerAttr(64));
  for (auto &[offset, view] : views)
    *view.second = memref::ViewOp::create(b, loc, view.first, memory, math.constant(offset), ValueRange());
}

void Emitter::enterBatch(Index batch) {
  SmallVector<Index> indices(info.batch.size());
  Index rest = batch;
  for (int64_t i = int64_t(info.batch.size()) - 1; i >= 0; --i) {
    indices[i] = i == 0 ? rest : math.rem(rest, batchExtents[i]);
    if (i > 0)
      rest = math.floorDiv(rest, batchExtents[i]);
  }
  for (Access *access : allAccesses) {
    access->batchBase = access->base;
    for (auto [loop, index] : llvm::zip(info.batch, indices))
      access->batchBase = math.add(access->batchBase, math.mul(index, access->steps[loop]));
  }
}

Index Emitter::term(const Access &access, GroupKind group, Index index, Index blockStart) {
  const Dependence &dependence = access.dependence[group];
  if (dependence.kind == Dependence::None)
    return math.of(0);
  if (dependence.kind == Dependence::Linear)
    return math.mul(index, dependence.step);
  if (dependence.kind == Dependence::Blocks) {
    Index length = math.of(info.columnBlock);
    Index block = math.mul(math.floorDiv(index, length), math.of(info.columnBlockStep));
    return math.add(block, math.rem(index, length));
  }
  return memref::LoadOp::create(b, loc, dependence.table, math.value(math.sub(index, blockStart))).getResult();
}

void Emitter::fillTables(GroupKind kind, Index start, Index count) {
  SmallVector<Access *> tabulated;
  for (Access *access : allAccesses)
    if (access->dependence[kind].kind == Dependence::Table)
      tabulated.push_back(access);
  if (tabulated.empty())
    return;
  const Group &group = groups[kind];
  loop(math.of(0), count, 1, [&](Value i) {
    SmallVector<Index> offsets(tabulated.size(), math.of(0));
    Index rest = math.add(start, i);
    for (int64_t position = int64_t(group.loops.size()) - 1; position >= 0; --position) {
      Index index = position == 0 ? rest : math.rem(rest, group.extents[position]);
      if (position > 0)
        rest = math.floorDiv(rest, group.extents[position]);
      for (auto [offset, access] : llvm::zip(offsets, tabulated))
        offset = math.add(offset, math.mul(index, access->steps[group.loops[position]]));
    }
    for (auto [offset, access] : llvm::zip(offsets, tabulated))
      memref::StoreOp::create(b, loc, math.value(offset), access->dependence[kind].table, i);
  });
}

Value Emitter::isContiguous(const Access &access, Index column, Index blockStart, Index count, int64_t width) {
  const Dependence &dependence = access.dependence[Columns];
  if (dependence.kind == Dependence::None)
    return math.truth(true);
  if (dependence.kind == Dependence::Linear)
    return math.equal(dependence.step, math.of(1));
  // Compare each entry of the table with the first one plus its distance.
  auto type = VectorType::get({width}, b.getIndexType());
  Value position = math.value(math.sub(column, blockStart));
  Value first = memref::LoadOp::create(b, loc, dependence.table, position);
  Value entries = vector::LoadOp::create(b, loc, type, dependence.table, position);
  Value lane = vector::StepOp::create(b, loc, type);
  Value expected = arith::AddIOp::create(b, loc, vector::BroadcastOp::create(b, loc, type, first), lane);
  Value good = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, entries, expected);
  if (!IndexMath::isConstant(count, width)) {
    Value limit = vector::BroadcastOp::create(b, loc, type, math.value(count));
    good = arith::OrIOp::create(b, loc, good, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, lane, limit));
  }
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::AND, good);
}

Index Emitter::countNeighbours(const Access &access, Index column, Index blockStart, int64_t step) {
  auto type = VectorType::get({shape.lanes}, b.getIndexType());
  Value table = access.dependence[Columns].table;
  Value position = math.value(math.sub(column, blockStart));
  Value first = memref::LoadOp::create(b, loc, table, position);
  Value entries = vector::LoadOp::create(b, loc, type, table, position);
  Value lanes = vector::StepOp::create(b, loc, type);
  Value factor = vector::BroadcastOp::create(b, loc, type, math.constant(step));
  Value expected = arith::AddIOp::create(b, loc, vector::BroadcastOp::create(b, loc, type, first),
                                         arith::MulIOp::create(b, loc, lanes, factor));
  // The lane of the first difference.
  Value differs = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, entries, expected);
  Value bound = vector::BroadcastOp::create(b, loc, type, math.constant(shape.lanes));
  Value lane = arith::SelectOp::create(b, loc, differs, lanes, bound);
  return vector::ReductionOp::create(b, loc, vector::CombiningKind::MINUI, lane).getResult();
}

// --- small helpers ---------------------------------------------------------------------------------------------------

void Emitter::loop(Index begin, Index end, int64_t step, Body body) { emitLoop(b, loc, math, begin, end, step, body); }

void Emitter::ifTrue(Value condition, function_ref<void()> body, function_ref<void()> otherwise) {
  emitIf(b, loc, condition, body, otherwise);
}

Value Emitter::zero(Type type) { return arith::ConstantOp::create(b, loc, type, cast<TypedAttr>(b.getZeroAttr(type))); }

Value Emitter::loadVector(Type element, Value flat, Index index, Value mask) {
  VectorType type = vectorOf(element);
  if (!mask)
    return vector::LoadOp::create(b, loc, type, flat, math.value(index));
  return vector::MaskedLoadOp::create(b, loc, type, flat, math.value(index), mask, zero(type));
}

void Emitter::prefetch(const Access &access, Index start, int64_t count, bool isWrite) {
  int64_t perLine = 64 * 8 / int64_t(access.element.getIntOrFloatBitWidth());
  for (int64_t i = 0; i < count; i += perLine)
    memref::PrefetchOp::create(b, loc, access.flat, math.value(math.add(start, math.of(i))), isWrite,
                               /*localityHint=*/3, /*isDataCache=*/true);
}

Value Emitter::maskOf(Index count, int64_t lanes) {
  auto type = VectorType::get({lanes}, b.getI1Type());
  return vector::CreateMaskOp::create(b, loc, type, math.value(count));
}
