// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of a direct convolution. For each group of blocks of output channels, the result is computed row by row in
// register blocks of `rows` x `pixels` places. A register block is summed over blocks of input channels, kernel
// positions and input channels: load one weight vector for each block of output channels, then for each place broadcast
// one element of the operand and multiply-add; of integers and bf16, the elements of a group of channels. The sums are
// one-dimensional vectors, carried as values through the loops; places beyond the last whole register block have
// smaller ones of their own: one for a known number of them, else halves, quarters and so on.
//
// Where each place reads only itself (1 x 1, stride 1), the rows of an image are one long row. Results in rows that do
// not follow each other, as those of a padded image, count their places for themselves.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/BFloatDot.h"
#include "tegula/Codegen/Common/IntegerDot.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;
using namespace tegula::matmul;

/// Above this many step ops in a register block the sums are handled in a loop: code size.
static constexpr int64_t maxInlineOps = 256;

namespace {
class Emitter : ConvolutionEmitter {
public:
  Emitter(OpBuilder &builder, Location loc, KernelForm &form, const Convolution &convolution,
          sched::CPUConvolutionAttr schedule, const MachineModel &machine)
      : ConvolutionEmitter(builder, loc, form), convolution(convolution), schedule(schedule),
        instruction(findDotInstruction(machine, convolution.extent(Lane))),
        hasBFloatDot(machine.bfloatDot && convolution.extent(Lane) * 32 == machine.vectorBits) {
    linalg::GenericOp op = form.info.op;
    x = makeAccess(op->getOperand(convolution.x), form.info.coefficients[convolution.x]);
    weight = makeAccess(op->getOperand(convolution.weight), form.info.coefficients[convolution.weight]);
  }

  void emit(Block *entry);

private:
  using Values = SmallVector<Value>;
  /// How many blocks of channels, rows and columns a register block holds.
  struct Extent {
    int64_t blocks, rows, pixels;
  };

  bool isOneRow();
  bool collapses(const FlatAccess &access);
  SmallVector<Place> placesOf(const Extent &extent, const Place &place);
  Place placeInRow(Place place);
  void emitRows(int64_t blocks, const Place &place, Index third);
  void emitColumns(Extent extent, Place place, Index begin, Index end);
  void emitBlock(Extent extent, const Place &place);
  Values sum(const Extent &extent, ArrayRef<Index> places, unsigned level, Index xBase, Index weightBase, Values sums);
  void multiplyAdd(const Extent &extent, ArrayRef<Index> places, Index xBase, Index weightBase, Values &sums);
  Value loadWeights(Index index);
  Value broadcastElement(Index index);
  void storeThroughScratch(const Extent &extent, const Place &place, ValueRange sums);

  const Convolution &convolution;
  sched::CPUConvolutionAttr schedule;
  DotInstruction instruction;
  bool hasBFloatDot;
  FlatAccess x, weight;
  Index rows, columns;
  bool oneRow = false;
  /// Whether the places of the one long row that is read are written as places of several rows.
  bool splitsRow = false;
  Value scratch;
};
} // namespace

/// Whether the rows that `access` walks follow each other.
bool Emitter::collapses(const FlatAccess &access) {
  math.remembersProducts = true;
  bool result = IndexMath::same(access.steps[Row], math.mul(access.steps[Column], extents[Column]));
  math.remembersProducts = false;
  return result;
}

bool Emitter::isOneRow() {
  if (convolution.extent(KernelRow) != 1 || convolution.extent(KernelColumn) != 1 || !collapses(x))
    return false;
  auto isSplit = [&](auto &entry) { return !collapses(entry.second); };
  splitsRow = llvm::any_of(results, isSplit) || llvm::any_of(operands, isSplit);
  return true;
}

/// The place in its row of a place in the one long row.
Emitter::Place Emitter::placeInRow(Place place) {
  if (splitsRow) {
    place.row = math.floorDiv(place.column, extents[Column]);
    place.column = math.rem(place.column, extents[Column]);
  }
  return place;
}

/// The places of a register block of one block of channels.
SmallVector<Emitter::Place> Emitter::placesOf(const Extent &extent, const Place &place) {
  SmallVector<Place> places;
  for (int64_t row = 0; row < extent.rows; ++row)
    for (int64_t pixel = 0; pixel < extent.pixels; ++pixel)
      places.push_back(
          {place.batch, place.outer, math.add(place.row, math.of(row)), math.add(place.column, math.of(pixel))});
  if (!splitsRow)
    return places;
  // One division, then step by step.
  places[0] = placeInRow(place);
  for (int64_t pixel = 1; pixel < extent.pixels; ++pixel) {
    Index next = math.add(places[pixel - 1].column, math.of(1)), row = places[pixel - 1].row;
    Value ends = math.equal(next, extents[Column]);
    auto choose = [&](Index left, Index right) -> Index {
      return arith::SelectOp::create(b, loc, ends, math.value(left), math.value(right)).getResult();
    };
    places[pixel].row = choose(math.add(row, math.of(1)), row);
    places[pixel].column = choose(math.of(0), next);
  }
  return places;
}

void Emitter::emit(Block *entry) {
  int64_t blocks = schedule.getBlocks(), outer = convolution.extent(Outer);
  int64_t sums = blocks * schedule.getRows() * schedule.getPixels();
  if (countStepOps() * sums > maxInlineOps) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(entry);
    auto type = MemRefType::get({sums * vector.getNumElements()}, vector.getElementType());
    scratch = memref::AllocOp::create(b, loc, type, b.getI64IntegerAttr(64));
  }
  oneRow = isOneRow();
  rows = oneRow ? math.of(1) : extents[Row];
  columns = oneRow ? math.mul(extents[Row], extents[Column]) : extents[Column];
  int64_t segment = schedule.getPixels() * blocksPerSegment;
  Index thirds = oneRow ? math.ceilDiv(columns, math.of(segment)) : math.ceilDiv(rows, math.of(schedule.getRows()));
  Index groups = math.of(int64_t(llvm::divideCeil(outer, blocks)));
  Index items = math.mul(extents[Batch], math.mul(groups, thirds));

  // Items are (batch, group of blocks, row or segment); workers take even shares of them.
  auto [begin, end] = shareOf(items);
  loop(begin, end, 1, [&](Value item) {
    Index rest = math.floorDiv(item, thirds), third = math.rem(item, thirds);
    Index group = math.rem(rest, groups);
    Place place{math.floorDiv(rest, groups), math.mul(group, math.of(blocks)), math.of(0), math.of(0)};
    auto whole = [&] { emitRows(blocks, place, third); };
    if (outer % blocks == 0)
      return whole();
    emitIf(b, loc, math.equal(group, math.of(outer / blocks)), [&] { emitRows(outer % blocks, place, third); }, whole);
  });
}

void Emitter::emitRows(int64_t blocks, const Place &place, Index third) {
  int64_t rowCount = schedule.getRows(), pixels = schedule.getPixels();
  if (oneRow) {
    Index begin = math.mul(third, math.of(pixels * blocksPerSegment));
    Index end = math.min(columns, math.add(begin, math.of(pixels * blocksPerSegment)));
    return emitColumns({blocks, 1, pixels}, place, begin, end);
  }
  auto emit = [&](int64_t count, Index row) {
    Place own = place;
    own.row = row;
    emitColumns({blocks, count, pixels}, own, math.of(0), columns);
  };
  Index begin = math.mul(third, math.of(rowCount)), end = math.add(begin, math.of(rowCount));
  auto known = getConstantIntValue(rows);
  if (rowCount == 1 || (known && *known % rowCount == 0))
    return emit(rowCount, begin);
  emitIf(
      b, loc, math.lessOrEqual(end, rows), [&] { emit(rowCount, begin); },
      [&] {
        if (known)
          return emit(*known % rowCount, begin);
        loop(begin, rows, 1, [&](Value row) { emit(1, row); });
      });
}

void Emitter::emitColumns(Extent extent, Place place, Index begin, Index end) {
  int64_t pixels = extent.pixels;
  auto at = [&](Index column, int64_t count) {
    Place own = place;
    own.column = column;
    emitBlock({extent.blocks, extent.rows, count}, own);
  };
  Index count = math.sub(end, begin);
  Index main = math.add(begin, math.mul(math.floorDiv(count, math.of(pixels)), math.of(pixels)));
  loop(begin, main, pixels, [&](Value column) { at(column, pixels); });
  auto known = getConstantIntValue(columns);
  if (!known) {
    for (int64_t piece = int64_t(llvm::bit_floor(uint64_t(pixels - 1))); piece > 0; piece /= 2) {
      Index whole = math.mul(math.floorDiv(math.sub(end, main), math.of(piece)), math.of(piece));
      Index next = math.add(main, whole);
      loop(main, next, piece, [&](Value column) { at(column, piece); });
      main = next;
    }
  } else if (int64_t rest = *known % pixels) {
    // Segments hold whole register blocks, but for the last one.
    emitIf(b, loc, math.equal(end, columns), [&] { at(math.of(*known - rest), rest); });
  }
}

void Emitter::emitBlock(Extent extent, const Place &place) {
  SmallVector<Index> places;
  for (int64_t row = 0; row < extent.rows; ++row)
    for (int64_t pixel = 0; pixel < extent.pixels; ++pixel)
      places.push_back(math.add(math.mul(math.of(row), x.steps[Row]), math.mul(math.of(pixel), x.steps[Column])));
  Index weightBase = math.add(weight.base, math.mul(place.outer, weight.steps[Outer]));
  Values sums;
  for (int64_t block = 0; block < extent.blocks; ++block) {
    Place own = place;
    own.outer = math.add(place.outer, math.of(block));
    sums.append(places.size(), startVector(own));
  }
  sums = sum(extent, places, Inner, address(x, place), weightBase, std::move(sums));
  if (scratch)
    return storeThroughScratch(extent, place, sums);
  SmallVector<Place> written = placesOf(extent, place);
  for (auto [i, value] : llvm::enumerate(sums)) {
    Place own = written[i % written.size()];
    own.outer = math.add(own.outer, math.of(int64_t(i / written.size())));
    finish(own, value);
  }
}

void Emitter::storeThroughScratch(const Extent &extent, const Place &place, ValueRange sums) {
  int64_t lanes = vector.getNumElements();
  for (auto [i, value] : llvm::enumerate(sums))
    vector::StoreOp::create(b, loc, value, scratch, math.constant(int64_t(i) * lanes));
  loop(math.of(0), math.of(extent.blocks), 1, [&](Value block) {
    loop(math.of(0), math.of(extent.rows), 1, [&](Value row) {
      loop(math.of(0), math.of(extent.pixels), 1, [&](Value pixel) {
        Index number = math.add(math.mul(block, math.of(extent.rows)), row);
        number = math.add(math.mul(number, math.of(extent.pixels)), pixel);
        finish(placeInRow({place.batch, math.add(place.outer, block), math.add(place.row, row),
                           math.add(place.column, pixel)}),
               loadVector(scratch, math.mul(number, math.of(lanes))));
      });
    });
  });
}

/// The sums over the loops from `level` on.
SmallVector<Value> Emitter::sum(const Extent &extent, ArrayRef<Index> places, unsigned level, Index xBase,
                                Index weightBase, Values sums) {
  if (level == Part) {
    multiplyAdd(extent, places, xBase, weightBase, sums);
    return sums;
  }
  int64_t step = level == Channel ? schedule.getUnroll() : 1, count = convolution.extent(Loop(level));
  unsigned next = level + 1;
  // Kernel columns whose channels lie side by side are one long row of channels.
  auto continues = [&](const FlatAccess &access) {
    Index row = math.mul(access.steps[Channel], math.of(convolution.extent(Channel)));
    return getConstantIntValue(row) && IndexMath::same(access.steps[KernelColumn], row);
  };
  if (level == KernelColumn && continues(x) && continues(weight)) {
    step = schedule.getUnroll();
    count *= convolution.extent(Channel);
    level = Channel;
    next = Part;
  }
  auto inner = [&](Index index, Values values) {
    return sum(extent, places, next, math.add(xBase, math.mul(index, x.steps[level])),
               math.add(weightBase, math.mul(index, weight.steps[level])), std::move(values));
  };
  if (count <= step)
    return inner(math.of(0), std::move(sums));
  auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.constant(count), math.constant(step), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(forOp.getBody());
  scf::YieldOp::create(b, loc, inner(forOp.getInductionVar(), Values(forOp.getRegionIterArgs())));
  return Values(forOp.result_begin(), forOp.result_end());
}

/// The weights of a vector of output channels, for an input channel or a group of them.
Value Emitter::loadWeights(Index index) {
  auto type = VectorType::get({vector.getNumElements() * convolution.grouping.group}, weight.element);
  return vector::LoadOp::create(b, loc, type, weight.flat, math.value(index));
}

/// An element of the operand, or those of a group of channels, in each lane.
Value Emitter::broadcastElement(Index index) {
  if (convolution.grouping.group == 1)
    return vector::BroadcastOp::create(b, loc, vector, loadScalar(x.flat, index));
  int64_t group = convolution.grouping.group, lanes = vector.getNumElements();
  Value bytes = vector::LoadOp::create(b, loc, VectorType::get({group}, x.element), x.flat, math.value(index));
  Type whole = b.getIntegerType(unsigned(group) * x.element.getIntOrFloatBitWidth());
  Value word = vector::BitCastOp::create(b, loc, VectorType::get({1}, whole), bytes);
  Value all = vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, whole), word);
  all = vector::BitCastOp::create(b, loc, VectorType::get({lanes * group}, x.element), all);
  return makeFactors(all, convolution.grouping);
}

/// `unroll` input channels, or groups of them.
void Emitter::multiplyAdd(const Extent &extent, ArrayRef<Index> places, Index xBase, Index weightBase, Values &sums) {
  for (int64_t channel = 0; channel < schedule.getUnroll(); ++channel) {
    Index own = math.of(channel);
    Index weightAt = math.add(weightBase, math.mul(own, weight.steps[Channel]));
    Index xAt = math.add(xBase, math.mul(own, x.steps[Channel]));
    Values weights;
    for (int64_t block = 0; block < extent.blocks; ++block)
      weights.push_back(loadWeights(math.add(weightAt, math.mul(math.of(block), weight.steps[Outer]))));
    for (auto [i, place] : llvm::enumerate(places)) {
      Value factor = broadcastElement(math.add(xAt, place));
      for (int64_t block = 0; block < extent.blocks; ++block) {
        Value &value = sums[block * int64_t(places.size()) + int64_t(i)];
        if (convolution.grouping.group == 1)
          value = vector::FMAOp::create(b, loc, factor, weights[block], value);
        else if (convolution.grouping.isFloat)
          value = emitBFloatDot(b, loc, value, factor, weights[block], hasBFloatDot);
        else
          value = emitDot(b, loc, value, factor, weights[block], instruction);
      }
    }
  }
}

LogicalResult convolution::lowerKernel(func::FuncOp kernel, sched::CPUConvolutionAttr schedule,
                                       const MachineModel &machine) {
  FailureOr<KernelForm> form = analyzeKernel(kernel);
  if (failed(form))
    return failure();
  Convolution convolution;
  [[maybe_unused]] bool matches = matchConvolution(form->info, convolution);
  assert(matches && "the schedule is verified");
  Operation *last = form->steps.empty() ? form->info.op.getOperation() : form->steps.back();
  OpBuilder b(last);
  Emitter(b, form->info.op.getLoc(), *form, convolution, schedule, machine).emit(&kernel.getBody().front());
  eraseKernelOps(*form);
  return success();
}
