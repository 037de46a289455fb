// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of a direct convolution. Workers take tiles of the result: some groups of blocks of output channels at some
// rows, or at a part of the one long row. A tile is computed in register blocks of `rows` x `pixels` places, group by
// group or place by place; with a tile of the depth, once for each part of the blocks of input channels, the sums of
// the parts before it being in memory. A register block is summed over blocks of input channels, kernel positions and
// input channels: load one weight vector for each block of output channels, then for each place broadcast one element
// of the operand and multiply-add; of integers and bf16, the elements of a group of channels. The sums are
// one-dimensional vectors, carried as values through the loops; places beyond the last whole register block have
// smaller ones of their own: one for a known number of them, else halves, quarters and so on.
//
//   for tile { for part of the depth { for group { for place { sums = for depth { ... }; finish(sums) } } } }
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

  /// A range of register blocks along the output channels (groups) or along the places: rows of them, or those of the
  /// one long row.
  struct Range {
    Index begin, end;
  };
  struct Tile {
    Index batch;
    Range groups, places;
    /// The blocks of input channels that are summed now.
    Range depth;
  };
  /// An extent cut into tiles of `size`.
  struct Tiling {
    Index extent, size, count;
    Range range(IndexMath &math, Index number) const;
  };

  bool isOneRow();
  bool collapses(const FlatAccess &access);
  bool tilesDepth() const { return schedule.getDepthTile() && schedule.getDepthTile() < convolution.extent(Inner); }
  Tiling tilingOf(Index extent, int64_t size);
  SmallVector<Place> placesOf(const Extent &extent, const Place &place);
  Place placeInRow(Place place);
  void emitTile(const Tile &tile);
  void forGroups(const Tile &tile, function_ref<void(int64_t blocks, Index outer)> body);
  void forPlaces(const Tile &tile, function_ref<void(Extent extent, Place place)> body);
  void forColumns(Extent extent, Place place, const Range &range, function_ref<void(Extent extent, Place place)> body);
  void emitBlock(const Extent &extent, const Place &place, const Tile &tile);
  Values startSums(const Extent &extent, const Place &place);
  void finishSums(const Extent &extent, const Place &place, ValueRange sums);
  Index partialSum(const Tile &tile, const Place &place);
  void setUpPartialSums(Block *entry, const Tiling &groups, const Tiling &places);
  void prefetchInputs(const Extent &extent, Index xBase);
  void prefetch(Value flat, Index at);
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
  /// With a tile of the depth: the sums of a tile, [block of channels][place][lane]; how many places a tile has; the
  /// tile's blocks of input channels.
  Value partialSums;
  int64_t placesInTile = 0;
  Range depth;
};
} // namespace

Emitter::Range Emitter::Tiling::range(IndexMath &math, Index number) const {
  if (IndexMath::isConstant(count, 1))
    return {math.of(0), extent};
  Index begin = math.mul(number, size);
  return {begin, math.min(extent, math.add(begin, size))};
}

/// 0: one tile.
Emitter::Tiling Emitter::tilingOf(Index extent, int64_t size) {
  if (size == 0)
    return {extent, extent, math.of(1)};
  return {extent, math.of(size), math.ceilDiv(extent, math.of(size))};
}

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
  Tiling groups = tilingOf(math.of(int64_t(llvm::divideCeil(outer, blocks))), schedule.getChannelTile());
  Index along =
      oneRow ? math.ceilDiv(columns, math.of(schedule.getPixels())) : math.ceilDiv(rows, math.of(schedule.getRows()));
  Tiling places = tilingOf(along, schedule.getPlaceTile());
  if (tilesDepth())
    setUpPartialSums(entry, groups, places);
  Index items = math.mul(extents[Batch], math.mul(groups.count, places.count));

  // Items are (batch, tile of channels, tile of places); workers take even shares of them.
  auto [begin, end] = shareOf(items);
  loop(begin, end, 1, [&](Value item) {
    Index rest = math.floorDiv(item, places.count);
    Tile tile;
    tile.batch = math.floorDiv(rest, groups.count);
    tile.groups = groups.range(math, math.rem(rest, groups.count));
    tile.places = places.range(math, math.rem(item, places.count));
    int64_t inner = convolution.extent(Inner), part = tilesDepth() ? schedule.getDepthTile() : inner;
    loop(math.of(0), math.of(inner), part, [&](Value first) {
      tile.depth = {first, math.min(math.of(inner), math.add(first, math.of(part)))};
      emitTile(tile);
    });
  });
}

/// Legal schedules know how many places a tile has.
void Emitter::setUpPartialSums(Block *entry, const Tiling &groups, const Tiling &places) {
  int64_t columnCount = *getConstantIntValue(columns), rowCount = *getConstantIntValue(rows);
  int64_t along = *getConstantIntValue(places.size);
  placesInTile = oneRow ? std::min(columnCount, along * schedule.getPixels())
                        : std::min(rowCount, along * schedule.getRows()) * columnCount;
  int64_t blocks = std::min(convolution.extent(Outer), *getConstantIntValue(groups.size) * schedule.getBlocks());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(entry);
  auto type = MemRefType::get({blocks * placesInTile * vector.getNumElements()}, vector.getElementType());
  partialSums = memref::AllocOp::create(b, loc, type, b.getI64IntegerAttr(64));
}

void Emitter::emitTile(const Tile &tile) {
  auto emit = [&](const Extent &extent, Place place, int64_t blocks, Index outer) {
    place.outer = outer;
    emitBlock({blocks, extent.rows, extent.pixels}, place, tile);
  };
  if (schedule.getKeepInputs())
    return forPlaces(tile, [&](const Extent &extent, const Place &place) {
      forGroups(tile, [&](int64_t blocks, Index outer) { emit(extent, place, blocks, outer); });
    });
  forGroups(tile, [&](int64_t blocks, Index outer) {
    forPlaces(tile, [&](const Extent &extent, const Place &place) { emit(extent, place, blocks, outer); });
  });
}

void Emitter::forGroups(const Tile &tile, function_ref<void(int64_t, Index)> body) {
  int64_t blocks = schedule.getBlocks(), outer = convolution.extent(Outer);
  Index whole = math.of(outer / blocks);
  loop(tile.groups.begin, math.min(tile.groups.end, whole), 1,
       [&](Value group) { body(blocks, math.mul(group, math.of(blocks))); });
  if (outer % blocks)
    emitIf(b, loc, math.less(whole, tile.groups.end), [&] { body(outer % blocks, math.of(outer / blocks * blocks)); });
}

void Emitter::forPlaces(const Tile &tile, function_ref<void(Extent, Place)> body) {
  int64_t rowCount = schedule.getRows(), pixels = schedule.getPixels();
  Place place{tile.batch, math.of(0), math.of(0), math.of(0)};
  if (oneRow) {
    Range range{math.mul(tile.places.begin, math.of(pixels)),
                math.min(columns, math.mul(tile.places.end, math.of(pixels)))};
    return forColumns({0, 1, pixels}, place, range, body);
  }
  auto emit = [&](int64_t count, Index row) {
    place.row = row;
    forColumns({0, count, pixels}, place, {math.of(0), columns}, body);
  };
  Index whole = math.floorDiv(rows, math.of(rowCount));
  loop(tile.places.begin, math.min(tile.places.end, whole), 1,
       [&](Value number) { emit(rowCount, math.mul(number, math.of(rowCount))); });
  auto known = getConstantIntValue(rows);
  if (rowCount == 1 || (known && *known % rowCount == 0))
    return;
  emitIf(b, loc, math.less(whole, tile.places.end), [&] {
    Index done = math.mul(whole, math.of(rowCount));
    if (known)
      return emit(*known % rowCount, done);
    loop(done, rows, 1, [&](Value row) { emit(1, row); });
  });
}

void Emitter::forColumns(Extent extent, Place place, const Range &range, function_ref<void(Extent, Place)> body) {
  int64_t pixels = extent.pixels;
  auto at = [&](Index column, int64_t count) {
    place.column = column;
    body({extent.blocks, extent.rows, count}, place);
  };
  Index begin = range.begin, end = range.end, count = math.sub(end, begin);
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
    // Tiles hold whole register blocks, but for the last one.
    emitIf(b, loc, math.equal(end, columns), [&] { at(math.of(*known - rest), rest); });
  }
}

void Emitter::emitBlock(const Extent &extent, const Place &place, const Tile &tile) {
  SmallVector<Index> places;
  for (int64_t row = 0; row < extent.rows; ++row)
    for (int64_t pixel = 0; pixel < extent.pixels; ++pixel)
      places.push_back(math.add(math.mul(math.of(row), x.steps[Row]), math.mul(math.of(pixel), x.steps[Column])));
  Index weightBase = math.add(weight.base, math.mul(place.outer, weight.steps[Outer]));
  depth = tile.depth;
  auto sumUp = [&](Values sums) { return sum(extent, places, Inner, address(x, place), weightBase, std::move(sums)); };
  if (!partialSums)
    return finishSums(extent, place, sumUp(startSums(extent, place)));

  SmallVector<Index> addresses;
  for (int64_t block = 0; block < extent.blocks; ++block)
    for (int64_t row = 0; row < extent.rows; ++row)
      for (int64_t pixel = 0; pixel < extent.pixels; ++pixel)
        addresses.push_back(
            partialSum(tile, {place.batch, math.add(place.outer, math.of(block)), math.add(place.row, math.of(row)),
                              math.add(place.column, math.of(pixel))}));
  auto start = scf::IfOp::create(
      b, loc, math.equal(tile.depth.begin, math.of(0)),
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, loc, startSums(extent, place)); },
      [&](OpBuilder &, Location) {
        Values sums;
        for (Index at : addresses)
          sums.push_back(loadVector(partialSums, at));
        scf::YieldOp::create(b, loc, sums);
      });
  Values sums = sumUp(Values(start.getResults()));
  emitIf(
      b, loc, math.equal(tile.depth.end, math.of(convolution.extent(Inner))), [&] { finishSums(extent, place, sums); },
      [&] {
        for (auto [at, value] : llvm::zip(addresses, sums))
          vector::StoreOp::create(b, loc, value, partialSums, math.value(at));
      });
}

/// Where the sums of `place` are between two parts of the depth.
Emitter::Index Emitter::partialSum(const Tile &tile, const Place &place) {
  Index first = math.mul(tile.groups.begin, math.of(schedule.getBlocks()));
  Index at = math.mul(math.sub(place.outer, first), math.of(placesInTile));
  if (oneRow) {
    Index column = math.sub(place.column, math.mul(tile.places.begin, math.of(schedule.getPixels())));
    return math.mul(math.add(at, column), math.of(vector.getNumElements()));
  }
  Index row = math.sub(place.row, math.mul(tile.places.begin, math.of(schedule.getRows())));
  at = math.add(at, math.add(math.mul(row, columns), place.column));
  return math.mul(at, math.of(vector.getNumElements()));
}

SmallVector<Value> Emitter::startSums(const Extent &extent, const Place &place) {
  Values sums;
  for (int64_t block = 0; block < extent.blocks; ++block) {
    Place own = place;
    own.outer = math.add(place.outer, math.of(block));
    sums.append(extent.rows * extent.pixels, startVector(own));
  }
  return sums;
}

void Emitter::finishSums(const Extent &extent, const Place &place, ValueRange sums) {
  if (scratch)
    return storeThroughScratch(extent, place, sums);
  SmallVector<Place> written = placesOf(extent, place);
  for (auto [i, value] : llvm::enumerate(sums)) {
    Place own = written[i % written.size()];
    own.outer = math.add(own.outer, math.of(int64_t(i / written.size())));
    finish(own, value);
  }
}

/// Asks for the block of input channels at `xBase`, of the register block some further along the row.
void Emitter::prefetchInputs(const Extent &extent, Index xBase) {
  int64_t ahead = schedule.getPrefetchInputs() * extent.pixels;
  // Of a row of windows, the lowest one is new.
  int64_t newRows = std::min(convolution.extent(KernelRow), convolution.strides[0]);
  Index row = math.mul(math.of(convolution.extent(KernelRow) - newRows), x.steps[KernelRow]);
  Index first = math.add(math.add(xBase, row), math.mul(math.of(ahead), x.steps[Column]));
  for (int64_t ownRow = 0; ownRow < extent.rows; ++ownRow)
    for (int64_t pixel = 0; pixel < extent.pixels; ++pixel) {
      Index at = math.add(math.mul(math.of(ownRow), x.steps[Row]), math.mul(math.of(pixel), x.steps[Column]));
      prefetch(x.flat, math.add(first, at));
    }
}

void Emitter::prefetch(Value flat, Index at) {
  memref::PrefetchOp::create(b, loc, flat, math.value(at), /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
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
    Index xAt = math.add(xBase, math.mul(index, x.steps[level]));
    if (level == Inner && schedule.getPrefetchInputs())
      prefetchInputs(extent, xAt);
    return sum(extent, places, next, xAt, math.add(weightBase, math.mul(index, weight.steps[level])),
               std::move(values));
  };
  Range range = level == Inner ? depth : Range{math.of(0), math.of(count)};
  if (count <= step || (level == Inner && schedule.getDepthTile() == 1))
    return inner(range.begin, std::move(sums));
  auto forOp = scf::ForOp::create(b, loc, math.value(range.begin), math.value(range.end), math.constant(step), sums);
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
    auto weightsOf = [&](int64_t block) {
      Index at = math.add(weightAt, math.mul(math.of(block), weight.steps[Outer]));
      if (int64_t ahead = schedule.getPrefetchWeights())
        prefetch(weight.flat, math.add(at, math.mul(math.of(ahead), weight.steps[Channel])));
      return loadWeights(at);
    };
    auto factorOf = [&](int64_t place) { return broadcastElement(math.add(xAt, places[place])); };
    auto add = [&](int64_t block, int64_t place, Value factor, Value weights) {
      Value &value = sums[block * int64_t(places.size()) + place];
      if (convolution.grouping.group == 1)
        value = vector::FMAOp::create(b, loc, factor, weights, value);
      else if (convolution.grouping.isFloat)
        value = emitBFloatDot(b, loc, value, factor, weights, hasBFloatDot);
      else
        value = emitDot(b, loc, value, factor, weights, instruction);
    };
    auto count = int64_t(places.size());
    if (schedule.getHoldInputs()) {
      Values factors = llvm::map_to_vector(llvm::seq(count), factorOf);
      for (int64_t block = 0; block < extent.blocks; ++block) {
        Value weights = weightsOf(block);
        for (int64_t place = 0; place < count; ++place)
          add(block, place, factors[place], weights);
      }
    } else {
      Values weights = llvm::map_to_vector(llvm::seq(extent.blocks), weightsOf);
      for (int64_t place = 0; place < count; ++place) {
        Value factor = factorOf(place);
        for (int64_t block = 0; block < extent.blocks; ++block)
          add(block, place, factor, weights[block]);
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
