// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_convolution` schedules.
//
#include "Schedule.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;

/// Extent that stands for a dynamic one in estimates.
static constexpr int64_t assumedExtent = 56;
/// Straight-line code beyond this many multiply-adds overflows the decoded-instruction caches.
static constexpr int64_t maxUnrolledOps = 112;

static int64_t estimate(int64_t extent) { return ShapedType::isDynamic(extent) ? assumedExtent : extent; }

/// Where each place reads only itself, the rows of an image are one long row.
static std::pair<int64_t, int64_t> countPlaces(const Convolution &convolution) {
  int64_t rows = estimate(convolution.extent(Row)), columns = estimate(convolution.extent(Column));
  bool oneRow = convolution.extent(KernelRow) == 1 && convolution.extent(KernelColumn) == 1 &&
                convolution.strides[0] == 1 && convolution.strides[1] == 1;
  return oneRow ? std::pair(int64_t(1), rows * columns) : std::pair(rows, columns);
}

/// Machine registers that hold one block of channels.
static int64_t registersPerBlock(const Convolution &convolution, const MachineModel &machine) {
  return int64_t(llvm::divideCeil(convolution.extent(Lane) * 32, machine.vectorBits));
}

/// Vector registers of the innermost loop: the sums, a weight for each block, one broadcast element.
static int64_t countRegisters(int64_t blocks, int64_t places, int64_t perBlock) {
  return perBlock * blocks * (places + 1) + 1;
}

LogicalResult convolution::verifySchedule(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                                          const MachineModel &machine, KernelFamily::EmitError emitError) {
  for (int64_t value : {schedule.getBlocks(), schedule.getRows(), schedule.getPixels(), schedule.getUnroll()})
    if (value < 1 || value > 64)
      return emitError() << "expected sizes from 1 to 64, but got " << schedule;
  if (convolution.extent(Channel) % schedule.getUnroll() != 0)
    return emitError() << "expected unroll to divide the " << convolution.extent(Channel)
                       << " input channels of a block, but got " << schedule.getUnroll();
  int64_t places = schedule.getRows() * schedule.getPixels(), perBlock = registersPerBlock(convolution, machine);
  int64_t registers = countRegisters(schedule.getBlocks(), places, perBlock);
  if (registers > machine.vectorRegisters)
    return emitError() << "expected at most " << machine.vectorRegisters << " vector registers, but "
                       << schedule.getBlocks() << " blocks at " << places << " places take " << registers;
  int64_t body = perBlock * schedule.getBlocks() * places * schedule.getUnroll();
  if (schedule.getUnroll() > 1 && body > maxUnrolledOps)
    return emitError() << "expected at most " << maxUnrolledOps << " unrolled multiply-adds, but got " << body;
  return success();
}

SearchSpace convolution::makeSpace(const Convolution &convolution, const MachineModel &machine) {
  auto upTo = [](ArrayRef<int64_t> values, int64_t extent) {
    SmallVector<int64_t> result;
    for (int64_t value : values)
      if (value <= std::max<int64_t>(extent, 1))
        result.push_back(value);
    return result;
  };
  SearchSpace space("cpu_convolution");
  space.addKnob("blocks", upTo({1, 2, 3, 4, 6}, convolution.extent(Outer)));
  space.addKnob("rows", upTo({1, 2, 4}, countPlaces(convolution).first));
  space.addKnob("pixels",
                upTo({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 28}, countPlaces(convolution).second));
  SmallVector<int64_t> unrolls;
  for (int64_t unroll = 1; unroll <= 16; ++unroll)
    if (convolution.extent(Channel) % unroll == 0 && (unroll <= 8 || unroll == convolution.extent(Channel)))
      unrolls.push_back(unroll);
  space.addKnob("unroll", unrolls);
  int64_t registers = machine.vectorRegisters, perBlock = registersPerBlock(convolution, machine);
  space.addConstraint("registers <= " + std::to_string(registers), {"blocks", "rows", "pixels"},
                      [=](ArrayRef<int64_t> v) { return countRegisters(v[0], v[1] * v[2], perBlock) <= registers; });
  space.addConstraint(
      "multiply-adds <= " + std::to_string(maxUnrolledOps) + " or unroll = 1", {"blocks", "rows", "pixels", "unroll"},
      [=](ArrayRef<int64_t> v) { return v[3] == 1 || perBlock * v[0] * v[1] * v[2] * v[3] <= maxUnrolledOps; });
  return space;
}

/// Calls `see(length, count)` for the whole pieces of `length` in `extent` and for the rest.
static void forPieces(int64_t extent, int64_t length, llvm::function_ref<void(int64_t, int64_t)> see) {
  see(length, extent / length);
  if (extent % length != 0)
    see(extent % length, 1);
}

/// Estimated cycles for each input channel and kernel position: a multiply-add in each, two loads in each, and a
/// latency of four for a chain of sums.
static double estimateCycles(const Convolution &convolution, int64_t blocks, int64_t rows, int64_t pixels,
                             int64_t perBlock) {
  double total = 0;
  auto [allRows, allColumns] = countPlaces(convolution);
  forPieces(convolution.extent(Outer), blocks,
            [&, allRows = allRows, allColumns = allColumns](int64_t ownBlocks, int64_t blockCount) {
              forPieces(allRows, rows, [&](int64_t ownRows, int64_t rowCount) {
                forPieces(allColumns, pixels, [&](int64_t ownPixels, int64_t pixelCount) {
                  double vectors = double(ownBlocks * perBlock), places = double(ownRows * ownPixels);
                  double cycles =
                      std::max({vectors * places, 0.6 * (vectors + places), 4.0}) + 0.25 * vectors + 0.02 * places;
                  total += cycles * double(blockCount) * double(rowCount) * double(pixelCount);
                });
              });
            });
  return total;
}

Configuration convolution::chooseDefault(const SearchSpace &space, const Convolution &convolution,
                                         const MachineModel &machine) {
  auto values = [&](StringRef knob) { return ArrayRef<int64_t>(space.getKnobs()[*space.findKnob(knob)].values); };
  int64_t perBlock = registersPerBlock(convolution, machine);
  double best = std::numeric_limits<double>::infinity();
  int64_t blocks = 1, rows = 1, pixels = 1;
  for (int64_t b : values("blocks"))
    for (int64_t r : values("rows"))
      for (int64_t p : values("pixels")) {
        if (countRegisters(b, r * p, perBlock) > machine.vectorRegisters)
          continue;
        double cycles = estimateCycles(convolution, b, r, p, perBlock);
        if (cycles < best)
          best = cycles, blocks = b, rows = r, pixels = p;
      }
  int64_t unroll = 1;
  for (int64_t candidate : values("unroll"))
    if (perBlock * blocks * rows * pixels * candidate <= maxUnrolledOps && candidate <= 4)
      unroll = candidate;
  Configuration point(space.getKnobs().size(), 0);
  auto set = [&](StringRef knob, int64_t value) { point[*space.findKnob(knob)] = value; };
  set("blocks", blocks);
  set("rows", rows);
  set("pixels", pixels);
  set("unroll", unroll);
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUConvolutionAttr convolution::makeSchedule(MLIRContext *context, const SearchSpace &space,
                                                    const Configuration &point) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  return sched::CPUConvolutionAttr::get(context, get("blocks"), get("rows"), get("pixels"), get("unroll"));
}

std::optional<Configuration> convolution::findPoint(const SearchSpace &space, sched::CPUConvolutionAttr schedule) {
  Configuration point(space.getKnobs().size(), 0);
  auto set = [&](StringRef knob, int64_t value) { point[*space.findKnob(knob)] = value; };
  set("blocks", schedule.getBlocks());
  set("rows", schedule.getRows());
  set("pixels", schedule.getPixels());
  set("unroll", schedule.getUnroll());
  return space.contains(point) ? std::optional(point) : std::nullopt;
}

KernelFeatures convolution::computeFeatures(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                                            const MachineModel &machine) {
  auto extent = [&](Loop loop) { return double(estimate(convolution.extent(loop))); };
  double batch = ShapedType::isDynamic(convolution.extent(Batch)) ? 1 : extent(Batch);
  double depth = extent(Inner) * extent(KernelRow) * extent(KernelColumn) * extent(Channel);
  KernelFeatures features;
  features.flops = 2 * batch * extent(Outer) * extent(Row) * extent(Column) * extent(Lane) * depth;
  features.executedFlops = features.flops;
  for (Value operand : convolution.info.op->getOperands()) {
    double bytes = 4;
    for (int64_t size : cast<ShapedType>(operand.getType()).getShape())
      bytes *= double(estimate(size));
    features.bytes += bytes;
  }
  int64_t places = schedule.getRows() * schedule.getPixels();
  features.registers = countRegisters(schedule.getBlocks(), places, registersPerBlock(convolution, machine));
  double weights = 4 * depth * double(schedule.getBlocks()) * extent(Lane);
  features.l1Bytes = int64_t(4 * extent(Channel) * (double(places) + double(schedule.getBlocks()) * extent(Lane)));
  features.l2Bytes = int64_t(weights + 4 * depth * extent(Column) * double(schedule.getRows()));
  return features;
}
