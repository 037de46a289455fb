// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of attention. Items are blocks of `queries` rows of all heads; workers take even shares of them. For each
// item, blocks of `keys` go through three steps: their products with the queries, from packed keys; the scores of each
// row, which become exponentials against the largest score so far; and the product with the values, which is added to
// the row's sums. Where a row's largest score grows, what it has so far is scaled down first ("Online normalizer
// calculation for softmax", Milakov and Gimelshein). In the end each row is divided by its sum of exponentials.
//
// Both products are register blocks of `rows` x `vectors`, with smaller ones at the edges.
//
#include "Emitter.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::attention;
using namespace tegula::matmul;

/// Up to so many queries, packing the keys takes longer than it saves.
static constexpr int64_t fewQueries = 4;

void Emitter::setUpExtents() {
  linalg::GenericOp last = form.info.op;
  auto extentOf = [&](unsigned loop) -> Index {
    if (!ShapedType::isDynamic(form.info.extents[loop]))
      return math.of(form.info.extents[loop]);
    // The result first: a dimension of an operand may be a broadcast view.
    for (unsigned operand : {2u, 1u, 0u})
      for (auto [position, expression] : llvm::enumerate(last.getIndexingMapsArray()[operand].getResults()))
        if (expression == b.getAffineDimExpr(loop))
          return b.createOrFold<memref::DimOp>(loc, last->getOperand(operand), position);
    llvm_unreachable("linalg guarantees that each loop indexes a dimension");
  };
  for (unsigned loop = 0; loop < kernel.batch; ++loop)
    batchExtents.push_back(extentOf(loop));
  queries = extentOf(kernel.batch);
  keys = extentOf(kernel.batch + 2);
}

Operand Emitter::access(linalg::GenericOp op, unsigned operand, ArrayRef<Index> extents) {
  SmallVector<SmallVector<int64_t>> forms;
  for (AffineExpr expression : op.getIndexingMapsArray()[operand].getResults())
    forms.push_back(*getLinearForm(expression, op.getNumLoops()));
  return {makeFlatAccess(b, loc, math, op->getOperand(operand), forms, extents), Index()};
}

void Emitter::setUpAccesses() {
  linalg::GenericOp products = kernel.products, map = kernel.scores, last = form.info.op;
  auto extents = [&](ArrayRef<Index> more) {
    SmallVector<Index> all(batchExtents);
    llvm::append_range(all, more);
    return all;
  };
  SmallVector<Index> ofProducts = extents({queries, keys, math.of(depth)}), ofScores = extents({queries, keys}),
                     ofResult = extents({queries, math.of(width), keys});
  math.remembersProducts = true;
  q = access(products, 0, ofProducts);
  k = access(products, 1, ofProducts);
  v = access(last, 1, ofResult);
  if (kernel.isInteger) {
    q.integer = &kernel.query;
    k.integer = &kernel.key;
    v.integer = &kernel.value;
  }
  if (map)
    for (OpOperand *operand : map.getDpsInputOperands())
      if (operand->getOperandNumber() > 0 && !map.isScalar(operand))
        scoreOperands[operand] = access(map, operand->getOperandNumber(), ofScores);
  for (Value buffer : form.stored)
    results[buffer] = {makeFlatAccess(b, loc, math, buffer, form.info.coefficients[2], ofResult), Index()};
  forEachStepOperand(form, [&](OpOperand *operand, ArrayRef<SmallVector<int64_t>> forms) {
    operands[operand] = {makeFlatAccess(b, loc, math, operand->get(), forms, ofResult), Index()};
  });
  math.remembersProducts = false;
  mustPackValues = width % lanes != 0 || !IndexMath::isConstant(stepOf(v, 1), 1);
  packsValues = mustPackValues || isNarrow(v);
  paddedWidth = int64_t(llvm::alignTo(width, lanes));
}

void Emitter::setUpWorkspace(Block *entry) {
  OpBuilder::InsertionGuard guard(b);
  int64_t rows = schedule.getQueries(), columns = schedule.getKeys(), paddedRows = llvm::alignTo(rows, lanes);
  std::pair<Value *, int64_t> buffers[] = {{&packedQueries, isNarrow(q) ? rows * depth : 0},
                                           {&packedKeys, depth * columns},
                                           {&packedValues, packsValues ? columns * paddedWidth : 0},
                                           {&scores, rows * columns},
                                           {&sums, rows * paddedWidth},
                                           {&totals, rows * lanes},
                                           {&maxima, paddedRows},
                                           {&shifts, paddedRows},
                                           {&factors, paddedRows}};
  int64_t total = 0;
  for (auto &[view, count] : buffers)
    total += int64_t(llvm::alignTo(count * 4, 64));
  b.setInsertionPointToStart(entry);
  Value memory = memref::AllocOp::create(b, loc, MemRefType::get({total}, b.getI8Type()), b.getI64IntegerAttr(64));
  int64_t offset = 0;
  for (auto &[view, count] : buffers) {
    *view = memref::ViewOp::create(b, loc, MemRefType::get({count}, b.getF32Type()), memory, math.constant(offset),
                                   ValueRange());
    if (view == &sums)
      integerSums = memref::ViewOp::create(b, loc, MemRefType::get({count}, b.getI32Type()), memory,
                                           math.constant(offset), ValueRange());
    offset += int64_t(llvm::alignTo(count * 4, 64));
  }
}

/// Head `number` of all: the leading dimensions together.
void Emitter::enterHead(Index number) {
  SmallVector<Index> indices(kernel.batch);
  for (unsigned i = kernel.batch; i-- > 0;) {
    indices[i] = i == 0 ? number : math.rem(number, batchExtents[i]);
    number = math.floorDiv(number, batchExtents[i]);
  }
  auto enter = [&](Operand &operand) {
    operand.start = operand.base;
    for (auto [index, step] : llvm::zip(indices, operand.steps))
      operand.start = math.add(operand.start, math.mul(index, step));
  };
  for (Operand *operand : {&q, &k, &v})
    enter(*operand);
  for (auto *map : {&scoreOperands, &operands})
    for (auto &entry : *map)
      enter(entry.second);
  for (auto &entry : results)
    enter(entry.second);
}

void Emitter::emit(Block *entry) {
  setUpExtents();
  setUpAccesses();
  setUpWorkspace(entry);
  auto emitFew = [&] {
    auto usual = std::pair(rows, vectors);
    std::tie(rows, vectors, areFew) = std::tuple(1, streams, true);
    emitItems();
    std::tie(rows, vectors) = usual;
    areFew = false;
  };
  emitIf(b, loc, math.lessOrEqual(queries, math.of(fewQueries)), emitFew, [&] { emitItems(); });
}

void Emitter::emitItems() {
  Index items = math.ceilDiv(queries, math.of(schedule.getQueries()));
  for (Index extent : batchExtents)
    items = math.mul(items, extent);
  auto share = shareOf(b, loc, math, items);
  loop(share.first, share.second, 1, [&](Value item) { emitItem(item); });
}

void Emitter::emitItem(Index item) {
  Index blocks = math.ceilDiv(queries, math.of(schedule.getQueries()));
  firstRow = math.mul(math.rem(item, blocks), math.of(schedule.getQueries()));
  rowCount = blockSize(firstRow, queries, schedule.getQueries());
  enterHead(math.floorDiv(item, blocks));
  if (isNarrow(q))
    packQueries();
  if (kernel.isInteger)
    return emitQuantized();
  auto known = getConstantIntValue(keys);
  if (known && *known <= schedule.getKeys()) {
    emitKeys(math.of(0), keys, /*isOnly=*/true);
  } else {
    startRows();
    overBlocks([&](Index key, Index keyCount) { emitKeys(key, keyCount, /*isOnly=*/false); });
  }
  loop(math.of(0), rowCount, 1, [&](Value row) { finish(Index(row)); });
}

void Emitter::startRows() {
  loop(math.of(0), rowCount, 1, [&](Value row) {
    storeScalar(lowest(), maxima, Index(row));
    storeVector(zeroVector(), totals, math.mul(row, math.of(lanes)));
    Index start = math.mul(row, math.of(paddedWidth));
    // Integers of all bits 0 are 0, too.
    loop(math.of(0), math.of(paddedWidth), lanes,
         [&](Value column) { storeVector(zeroVector(), sums, math.add(start, column)); });
  });
}

void Emitter::overBlocks(function_ref<void(Index, Index)> body) {
  loop(math.of(0), keys, schedule.getKeys(),
       [&](Value key) { body(Index(key), blockSize(Index(key), keys, schedule.getKeys())); });
}

/// The products of all rows with the keys of a block.
void Emitter::multiplyQueries(Index key, Index keyCount) {
  if (areFew)
    return multiplyFew(key, keyCount);
  packKeys(key, keyCount);
  multiplyKeys(keyCount);
}

void Emitter::emitKeys(Index key, Index keyCount, bool isOnly) {
  multiplyQueries(key, keyCount);
  loop(math.of(0), rowCount, 1, [&](Value row) { findLargest(Index(row), key, keyCount, isOnly); });
  if (!isOnly)
    loop(math.of(0), rowCount, lanes, [&](Value row) { compareLargest(Index(row)); });
  loop(math.of(0), rowCount, 1, [&](Value row) { weigh(Index(row), keyCount, isOnly); });
  if (!kernel.isInteger)
    multiplyBlock(key, keyCount, isOnly);
}

/// Adds the products of the weights of a block and its values to the sums.
void Emitter::multiplyBlock(Index key, Index keyCount, bool isOnly) {
  Matrix values{v.flat, math.add(v.start, math.mul(key, stepOf(v, 2))), stepOf(v, 2), stepOf(v, 1), v.integer};
  if (areFew ? mustPackValues : packsValues) {
    packValues(values, keyCount);
    values = {packedValues, math.of(0), math.of(paddedWidth), math.of(1)};
  }
  multiplyValues(values, keyCount, isOnly);
}

void Emitter::overPanels(Index keyCount, function_ref<void(int64_t, Index)> body) {
  int64_t wide = vectors * lanes;
  Index main = vectors > 1 ? roundDown(keyCount, wide) : math.of(0);
  loop(math.of(0), main, wide, [&](Value start) { body(vectors, Index(start)); });
  loop(main, keyCount, lanes, [&](Value start) { body(1, Index(start)); });
}

void Emitter::overRows(function_ref<void(int64_t, Index)> body) {
  Index done = roundDown(rowCount, rows);
  loop(math.of(0), done, rows, [&](Value row) { body(rows, Index(row)); });
  for (int64_t size = int64_t(llvm::PowerOf2Ceil(rows)) / 2; size >= 1; size /= 2) {
    Index end = math.add(done, roundDown(math.sub(rowCount, done), size));
    loop(done, end, size, [&](Value row) { body(size, Index(row)); });
    done = end;
  }
}

LogicalResult attention::lowerKernel(func::FuncOp function, sched::CPUAttentionAttr schedule,
                                     const MachineModel &machine) {
  Kernel kernel;
  [[maybe_unused]] bool found = findKernel(function, kernel, /*whole=*/false);
  assert(found && "the schedule is verified");
  FailureOr<KernelForm> form = analyzeKernel(function, &kernel.core);
  if (failed(form))
    return failure();
  Operation *last = form->steps.empty() ? form->info.op.getOperation() : form->steps.back();
  OpBuilder b(last);
  Emitter(b, form->info.op.getLoc(), *form, kernel, schedule, machine).emit(&function.getBody().front());
  eraseKernelOps(*form);
  llvm::SetVector<Value> buffers;
  for (Operation *step : kernel.core.inner)
    buffers.insert(cast<linalg::GenericOp>(step).getDpsInits()[0]);
  for (Operation *step : kernel.core.inner)
    step->erase();
  for (Value buffer : buffers)
    eraseLocalBuffer(buffer);
  return success();
}
