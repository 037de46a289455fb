// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of a convolution in the Winograd domain. The result is covered by tiles, and groups of tiles, numbered
// through all images, go through three steps: their operand tiles are transformed, for each block of input channels, to
// [position][tile][input channel]; for each position of the Winograd domain that matrix is multiplied with the weights,
// in register blocks of `blocks` blocks of output channels times `tiles` tiles, to [position][block][tile][lane]; and
// these are transformed back, tile by tile, and written.
//
// The operand is padded so that all tiles are whole; tiles that reach beyond the edges of the result write what is
// inside.
//
#include "Schedule.h"
#include "Transform.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;
using namespace tegula::matmul;
using namespace tegula::winograd;

/// Above this many step ops in a tile the results are handled in a loop: code size.
static constexpr int64_t maxInlineOps = 128;

namespace {
class Emitter : ConvolutionEmitter {
public:
  Emitter(OpBuilder &builder, Location loc, KernelForm &form, const Kernel &kernel, sched::CPUWinogradAttr schedule)
      : ConvolutionEmitter(builder, loc, form), kernel(kernel), schedule(schedule), lanes(kernel.lanes) {}

  void emit(Block *entry);

private:
  using Values = SmallVector<Value>;
  /// A tile of the result: where it starts, and how much of it is inside.
  struct Tile {
    Place place;
    Index rows, columns;
    /// i1: all of it is inside.
    Value whole;
  };
  Tile locate(Index number);
  void setUpWorkspace(Block *entry);
  void transformIn(const Tile &tile, Index number);
  void multiply(Index count);
  void multiplyBlock(int64_t blocks, int64_t tiles, Index position, Index outer, Index tile);
  void transformOut(const Tile &tile, Index number);

  const Kernel &kernel;
  sched::CPUWinogradAttr schedule;
  int64_t lanes;
  /// Tiles in a row, in an image and in all.
  Index tilesInRow, tilesInImage, tilesInAll;
  /// The padded operand, walked by batch, block of channels, row and column.
  FlatAccess x;
  /// The transformed weight, flat; transformed operand; products; a tile of the result.
  Value weights, transformed, products, patch;
};
} // namespace

void Emitter::setUpWorkspace(Block *entry) {
  OpBuilder::InsertionGuard guard(b);
  int64_t positions = kernel.positions(), group = schedule.getGroup();
  const int64_t sizes[] = {positions * group * kernel.innerChannels(), positions * group * kernel.outerChannels(),
                           kernel.tile * kernel.tile * lanes};
  int64_t total = 0;
  for (int64_t size : sizes)
    total += int64_t(llvm::alignTo(size * 4, 64));
  b.setInsertionPointToStart(entry);
  Value memory = memref::AllocOp::create(b, loc, MemRefType::get({total}, b.getI8Type()), b.getI64IntegerAttr(64));
  int64_t offset = 0;
  Value *const views[] = {&transformed, &products, &patch};
  for (auto [size, view] : llvm::zip(sizes, views)) {
    *view = memref::ViewOp::create(b, loc, MemRefType::get({size}, b.getF32Type()), memory, math.constant(offset),
                                   ValueRange());
    offset += int64_t(llvm::alignTo(size * 4, 64));
  }
}

void Emitter::emit(Block *entry) {
  setUpWorkspace(entry);
  auto access = [&](Value buffer) {
    int64_t rank = cast<MemRefType>(buffer.getType()).getRank();
    SmallVector<Index> sizes;
    SmallVector<SmallVector<int64_t>> forms(rank, SmallVector<int64_t>(rank + 1, 0));
    for (int64_t dim = 0; dim < rank; ++dim) {
      sizes.push_back(Index(b.createOrFold<memref::DimOp>(loc, buffer, dim)));
      forms[dim][dim] = 1;
    }
    return makeFlatAccess(b, loc, math, buffer, forms, sizes);
  };
  x = access(kernel.x());
  // A constant, or at least dense: an operand of the kernel.
  weights = access(kernel.weight()).flat;
  tilesInRow = math.ceilDiv(extents[Column], math.of(kernel.tile));
  tilesInImage = math.mul(math.ceilDiv(extents[Row], math.of(kernel.tile)), tilesInRow);
  tilesInAll = math.mul(tilesInImage, extents[Batch]);

  // Workers take even shares of the tiles, each in groups of its own.
  auto share = shareOf(tilesInAll);
  int64_t group = schedule.getGroup();
  loop(share.first, share.second, group, [&](Value start) {
    Index count = math.min(math.of(group), math.sub(share.second, start));
    loop(math.of(0), count, 1, [&](Value number) { transformIn(locate(math.add(start, number)), number); });
    multiply(count);
    loop(math.of(0), count, 1, [&](Value number) { transformOut(locate(math.add(start, number)), number); });
  });
}

Emitter::Tile Emitter::locate(Index number) {
  Index side = math.of(kernel.tile), batch = math.floorDiv(number, tilesInImage);
  Index inImage = math.rem(number, tilesInImage);
  Index row = math.mul(math.floorDiv(inImage, tilesInRow), side),
        column = math.mul(math.rem(inImage, tilesInRow), side);
  Tile tile;
  tile.place = {batch, math.of(0), row, column};
  tile.rows = math.min(side, math.sub(extents[Row], row));
  tile.columns = math.min(side, math.sub(extents[Column], column));
  tile.whole = math.logicalAnd(math.equal(tile.rows, side), math.equal(tile.columns, side));
  return tile;
}

void Emitter::transformIn(const Tile &tile, Index number) {
  Place place = tile.place;
  loop(math.of(0), math.of(kernel.innerBlocks), 1, [&](Value block) {
    place.outer = Index(block);
    Index base = address(x, place);
    Values values;
    for (int64_t row = 0; row < kernel.side; ++row)
      for (int64_t column = 0; column < kernel.side; ++column) {
        Index offset = math.add(math.mul(math.of(row), x.steps[Row]), math.mul(math.of(column), x.steps[Column]));
        values.push_back(loadVector(x.flat, math.add(base, offset)));
      }
    Index to = math.add(math.mul(number, math.of(kernel.innerChannels())), math.mul(block, math.of(lanes)));
    int64_t plane = schedule.getGroup() * kernel.innerChannels();
    for (auto [position, value] : llvm::enumerate(transformOperand(b, loc, values, kernel.tile)))
      vector::StoreOp::create(b, loc, value, transformed, math.value(math.add(to, math.of(int64_t(position) * plane))));
  });
}

/// All positions of the first `count` tiles of the group.
void Emitter::multiply(Index count) {
  int64_t tiles = schedule.getTiles(), blocks = schedule.getBlocks(), outer = kernel.outerBlocks;
  loop(math.of(0), math.of(kernel.positions()), 1, [&](Value position) {
    auto overTiles = [&](int64_t ownBlocks, Index block) {
      Index main = math.mul(math.floorDiv(count, math.of(tiles)), math.of(tiles));
      loop(math.of(0), main, tiles, [&](Value tile) { multiplyBlock(ownBlocks, tiles, position, block, tile); });
      // What is left, in halves of the register block: few sizes, each a power of two.
      Index done = main;
      for (int64_t size = int64_t(llvm::PowerOf2Ceil(tiles)) / 2; size >= 1; size /= 2) {
        Index end = math.add(done, math.mul(math.floorDiv(math.sub(count, done), math.of(size)), math.of(size)));
        loop(done, end, size, [&](Value tile) { multiplyBlock(ownBlocks, size, position, block, tile); });
        done = end;
      }
    };
    loop(math.of(0), math.of(outer / blocks * blocks), blocks, [&](Value block) { overTiles(blocks, block); });
    if (outer % blocks)
      overTiles(outer % blocks, math.of(outer / blocks * blocks));
  });
}

void Emitter::multiplyBlock(int64_t blocks, int64_t tiles, Index position, Index outer, Index tile) {
  int64_t inner = kernel.innerChannels(), group = schedule.getGroup(), unroll = schedule.getUnroll();
  // Weights are [position][outer block][input channel][lane].
  Index weightRow = math.add(math.mul(position, math.of(kernel.outerBlocks)), outer);
  Index weightBase = math.mul(weightRow, math.of(inner * lanes));
  Index xRow = math.add(math.mul(position, math.of(group)), tile);
  Index xBase = math.mul(xRow, math.of(inner));
  auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.constant(inner), math.constant(unroll),
                                  Values(blocks * tiles, zeroVector()));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Values sums(forOp.getRegionIterArgs());
    Index channel = Index(forOp.getInductionVar());
    Index weightAt = math.add(weightBase, math.mul(channel, math.of(lanes))), xAt = math.add(xBase, channel);
    for (int64_t u = 0; u < unroll; ++u) {
      Values row;
      for (int64_t block = 0; block < blocks; ++block)
        row.push_back(loadVector(weights, math.add(weightAt, math.of((block * inner + u) * lanes))));
      for (int64_t i = 0; i < tiles; ++i) {
        Value element = loadScalar(transformed, math.add(xAt, math.of(i * inner + u)));
        Value factor = vector::BroadcastOp::create(b, loc, vector, element);
        for (int64_t block = 0; block < blocks; ++block) {
          Value &sum = sums[block * tiles + i];
          sum = vector::FMAOp::create(b, loc, factor, row[block], sum);
        }
      }
    }
    scf::YieldOp::create(b, loc, sums);
  }
  for (int64_t block = 0; block < blocks; ++block) {
    Index row = math.mul(math.add(weightRow, math.of(block)), math.of(group));
    Index to = math.mul(math.add(row, tile), math.of(lanes));
    for (int64_t i = 0; i < tiles; ++i)
      vector::StoreOp::create(b, loc, forOp.getResult(block * tiles + i), products,
                              math.value(math.add(to, math.of(i * lanes))));
  }
}

void Emitter::transformOut(const Tile &tile, Index number) {
  int64_t side = kernel.tile, outer = kernel.outerBlocks, group = schedule.getGroup();
  loop(math.of(0), math.of(outer), 1, [&](Value block) {
    Index base = math.mul(math.add(math.mul(block, math.of(group)), number), math.of(lanes));
    Values values;
    for (int64_t position = 0; position < kernel.positions(); ++position)
      values.push_back(loadVector(products, math.add(base, math.of(position * outer * group * lanes))));
    Values results = transformProducts(b, loc, values, side);
    auto place = [&](Index row, Index column) {
      return Place{tile.place.batch, block, math.add(tile.place.row, row), math.add(tile.place.column, column)};
    };
    auto inLoop = [&] {
      for (auto [i, value] : llvm::enumerate(results))
        vector::StoreOp::create(b, loc, value, patch, math.constant(int64_t(i) * lanes));
      loop(math.of(0), tile.rows, 1, [&](Value row) {
        loop(math.of(0), tile.columns, 1, [&](Value column) {
          Index from = math.mul(math.add(math.mul(row, math.of(side)), column), math.of(lanes));
          finish(place(row, column), loadVector(patch, from));
        });
      });
    };
    if (countStepOps() * side * side > maxInlineOps)
      return inLoop();
    emitIf(
        b, loc, tile.whole,
        [&] {
          for (int64_t row = 0; row < side; ++row)
            for (int64_t column = 0; column < side; ++column)
              finish(place(math.of(row), math.of(column)), results[row * side + column]);
        },
        inLoop);
  });
}

LogicalResult winograd::lowerKernel(func::FuncOp function, sched::CPUWinogradAttr schedule) {
  Kernel kernel;
  [[maybe_unused]] bool found = findKernel(function, kernel, /*whole=*/false);
  assert(found && "the schedule is verified");
  FailureOr<KernelForm> form = analyzeKernel(function, &kernel.core);
  if (failed(form))
    return failure();
  Operation *last = form->steps.empty() ? form->info.op.getOperation() : form->steps.back();
  OpBuilder b(last);
  Emitter(b, form->info.op.getLoc(), *form, kernel, schedule).emit(&function.getBody().front());
  // The second operand of a transformation only says how long its loops are; it is gone where the first one says so.
  llvm::SetVector<Value> buffers;
  for (linalg::GenericOp step : {kernel.operandStep, form->info.op})
    for (OpOperand *window : step.getDpsInputOperands())
      if (window->getOperandNumber() > 0)
        buffers.insert(window->get());
  eraseKernelOps(*form);
  for (linalg::GenericOp step : {kernel.productStep, kernel.operandStep}) {
    buffers.insert(step.getDpsInits()[0]);
    step->erase();
  }
  for (Value buffer : buffers)
    eraseLocalBuffer(buffer);
  return success();
}
