// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_winograd` schedules.
//
#include "Schedule.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;
using namespace tegula::winograd;

/// Extent that stands for a dynamic one in estimates.
static constexpr int64_t assumedExtent = 56;
/// Straight-line code beyond this many multiply-adds overflows the decoded-instruction caches.
static constexpr int64_t maxUnrolledOps = 112;
/// Bytes of a group's transformed operand and products.
static constexpr double maxWorkspace = double(int64_t(256) << 20);

static int64_t estimate(int64_t extent) { return ShapedType::isDynamic(extent) ? assumedExtent : extent; }

static int64_t registersPerBlock(const Kernel &kernel, const MachineModel &machine) {
  return int64_t(llvm::divideCeil(kernel.lanes * 32, machine.vectorBits));
}

/// Vector registers of the multiplication's loop: the sums, a weight for each block, one broadcast element.
static int64_t countRegisters(int64_t blocks, int64_t tiles, int64_t perBlock) {
  return perBlock * blocks * (tiles + 1) + 1;
}

/// Bytes of the transformed operand and the products of one tile.
static double bytesPerTile(const Kernel &kernel) {
  return 4.0 * double(kernel.positions()) * double(kernel.innerChannels() + kernel.outerChannels());
}

static int64_t countTiles(const Kernel &kernel) {
  int64_t batch = kernel.extent(Batch);
  auto along = [&](Loop loop) {
    return int64_t(llvm::divideCeil(std::max<int64_t>(estimate(kernel.extent(loop)), 1), kernel.tile));
  };
  return (ShapedType::isDynamic(batch) ? 1 : std::max<int64_t>(batch, 1)) * along(Row) * along(Column);
}

LogicalResult winograd::verifySchedule(sched::CPUWinogradAttr schedule, const Kernel &kernel,
                                       const MachineModel &machine, KernelFamily::EmitError emitError) {
  for (int64_t value : {schedule.getGroup(), schedule.getBlocks(), schedule.getTiles(), schedule.getUnroll()})
    if (value < 1 || value > 4096)
      return emitError() << "expected sizes from 1 to 4096, but got " << schedule;
  if (kernel.channels % schedule.getUnroll() != 0)
    return emitError() << "expected unroll to divide the " << kernel.channels << " input channels of a block, but got "
                       << schedule.getUnroll();
  int64_t perBlock = registersPerBlock(kernel, machine);
  int64_t registers = countRegisters(schedule.getBlocks(), schedule.getTiles(), perBlock);
  if (registers > machine.vectorRegisters)
    return emitError() << "expected at most " << machine.vectorRegisters << " vector registers, but "
                       << schedule.getBlocks() << " blocks for " << schedule.getTiles() << " tiles take " << registers;
  if (schedule.getTiles() > schedule.getGroup())
    return emitError() << "expected tiles of at most group, but got " << schedule;
  int64_t body = perBlock * schedule.getBlocks() * schedule.getTiles() * schedule.getUnroll();
  if (schedule.getUnroll() > 1 && body > maxUnrolledOps)
    return emitError() << "expected at most " << maxUnrolledOps << " unrolled multiply-adds, but got " << body;
  if (double(schedule.getGroup()) * bytesPerTile(kernel) > maxWorkspace && schedule.getGroup() > 1)
    return emitError() << "expected groups of at most " << maxWorkspace << " bytes, but got " << schedule;
  return success();
}

SearchSpace winograd::makeSpace(const Kernel &kernel, const MachineModel &machine) {
  SearchSpace space("cpu_winograd");
  int64_t all = countTiles(kernel);
  auto upTo = [](ArrayRef<int64_t> values, int64_t extent) {
    SmallVector<int64_t> result;
    for (int64_t value : values)
      if (value <= std::max<int64_t>(extent, 1))
        result.push_back(value);
    return result;
  };
  SmallVector<int64_t> groups;
  for (int64_t group : {1, 2, 4, 7, 8, 14, 16, 28, 42, 56, 84, 112, 196, 224, 392})
    if (group == 1 || double(group) * bytesPerTile(kernel) <= maxWorkspace) {
      groups.push_back(group);
      if (group >= all)
        break;
    }
  space.addKnob("group", groups);
  space.addKnob("blocks", upTo({1, 2, 3, 4, 6}, kernel.outerBlocks));
  space.addKnob("tiles", upTo({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 28}, all));
  SmallVector<int64_t> unrolls;
  for (int64_t unroll : {1, 2, 4, 8})
    if (kernel.channels % unroll == 0)
      unrolls.push_back(unroll);
  space.addKnob("unroll", unrolls);
  int64_t registers = machine.vectorRegisters, perBlock = registersPerBlock(kernel, machine);
  space.addConstraint("registers <= " + std::to_string(registers), {"blocks", "tiles"},
                      [=](ArrayRef<int64_t> v) { return countRegisters(v[0], v[1], perBlock) <= registers; });
  space.addConstraint("tiles <= group", {"tiles", "group"}, [](ArrayRef<int64_t> v) { return v[0] <= v[1]; });
  space.addConstraint(
      "multiply-adds <= " + std::to_string(maxUnrolledOps) + " or unroll = 1", {"blocks", "tiles", "unroll"},
      [=](ArrayRef<int64_t> v) { return v[2] == 1 || perBlock * v[0] * v[1] * v[2] <= maxUnrolledOps; });
  return space;
}

/// Estimated cycles of the multiplication for each input channel and position of the Winograd domain.
static double estimateCycles(const Kernel &kernel, int64_t group, int64_t blocks, int64_t tiles, int64_t perBlock) {
  double total = 0;
  auto add = [&](int64_t ownBlocks, int64_t ownTiles, double count) {
    double vectors = double(ownBlocks * perBlock), places = double(ownTiles);
    total += count * (std::max({vectors * places, 0.6 * (vectors + places), 4.0}) + 0.25 * vectors + 0.02 * places);
  };
  int64_t outer = kernel.outerBlocks, all = countTiles(kernel);
  auto addTiles = [&](int64_t ownBlocks, double count) {
    auto addGroup = [&](int64_t size, double groups) {
      if (size / tiles)
        add(ownBlocks, tiles, count * groups * double(size / tiles));
      if (size % tiles)
        add(ownBlocks, size % tiles, count * groups);
    };
    addGroup(group, double(all / group));
    if (all % group)
      addGroup(all % group, 1);
  };
  addTiles(blocks, double(outer / blocks));
  if (outer % blocks)
    addTiles(outer % blocks, 1);
  return total;
}

Configuration winograd::chooseDefault(const SearchSpace &space, const Kernel &kernel, const MachineModel &machine) {
  auto values = [&](StringRef knob) { return ArrayRef<int64_t>(space.getKnobs()[*space.findKnob(knob)].values); };
  int64_t perBlock = registersPerBlock(kernel, machine);
  double weights = 4.0 * double(kernel.positions() * kernel.innerChannels()) * double(kernel.outerChannels());
  int64_t all = countTiles(kernel), bestGroup = 1, bestBlocks = 1, bestTiles = 1;
  double best = std::numeric_limits<double>::infinity();
  for (int64_t group : values("group")) {
    // What comes from beyond the second cache, at about eight bytes a cycle: the weights for each group, and the
    // transformed operand and the products, written and read, where they do not fit beside a row of weights.
    double bytes = weights * std::ceil(double(all) / double(group));
    if (bytesPerTile(kernel) * double(group) > 0.75 * double(machine.l2Bytes))
      bytes += 2 * bytesPerTile(kernel) * double(all);
    for (int64_t blocks : values("blocks"))
      for (int64_t tiles : values("tiles")) {
        if (countRegisters(blocks, tiles, perBlock) > machine.vectorRegisters || tiles > group)
          continue;
        double cycles = double(kernel.positions() * kernel.innerChannels()) *
                        estimateCycles(kernel, std::min(group, all), blocks, tiles, perBlock);
        if (cycles + bytes / 8 < best)
          best = cycles + bytes / 8, bestGroup = group, bestBlocks = blocks, bestTiles = tiles;
      }
  }
  int64_t unroll = 1;
  for (int64_t candidate : values("unroll"))
    if (perBlock * bestBlocks * bestTiles * candidate <= maxUnrolledOps && candidate <= 4)
      unroll = candidate;
  Configuration point(space.getKnobs().size(), 0);
  auto set = [&](StringRef knob, int64_t value) { point[*space.findKnob(knob)] = value; };
  set("group", bestGroup);
  set("blocks", bestBlocks);
  set("tiles", bestTiles);
  set("unroll", unroll);
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUWinogradAttr winograd::makeSchedule(MLIRContext *context, const SearchSpace &space,
                                              const Configuration &point) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  return sched::CPUWinogradAttr::get(context, get("group"), get("blocks"), get("tiles"), get("unroll"));
}

std::optional<Configuration> winograd::findPoint(const SearchSpace &space, sched::CPUWinogradAttr schedule) {
  Configuration point(space.getKnobs().size(), 0);
  auto set = [&](StringRef knob, int64_t value) { point[*space.findKnob(knob)] = value; };
  set("group", schedule.getGroup());
  set("blocks", schedule.getBlocks());
  set("tiles", schedule.getTiles());
  set("unroll", schedule.getUnroll());
  return space.contains(point) ? std::optional(point) : std::nullopt;
}

KernelFeatures winograd::computeFeatures(sched::CPUWinogradAttr schedule, const Kernel &kernel,
                                         const MachineModel &machine) {
  KernelFeatures features;
  double tiles = double(countTiles(kernel)), channels = double(kernel.innerChannels() + kernel.outerChannels());
  double products = double(kernel.innerChannels()) * double(kernel.outerChannels());
  double batch = double(ShapedType::isDynamic(kernel.extent(Batch)) ? 1 : kernel.extent(Batch));
  features.flops =
      18 * batch * products * double(estimate(kernel.extent(Row))) * double(estimate(kernel.extent(Column)));
  // Each transformation of a tile takes about four additions or multiply-adds an element.
  features.executedFlops = 2 * tiles * double(kernel.positions()) * (products + 4 * channels);
  linalg::GenericOp last = kernel.core.info.op;
  for (Value operand : {kernel.x(), kernel.weight(), last.getDpsInits()[0]}) {
    double bytes = 4;
    for (int64_t size : cast<ShapedType>(operand.getType()).getShape())
      bytes *= double(estimate(size));
    features.bytes += bytes;
  }
  features.packedBytes = tiles * bytesPerTile(kernel);
  features.registers = countRegisters(schedule.getBlocks(), schedule.getTiles(), registersPerBlock(kernel, machine));
  features.l1Bytes = 4 * kernel.innerChannels() * (schedule.getTiles() + schedule.getBlocks() * kernel.lanes);
  features.workspaceBytes = int64_t(bytesPerTile(kernel) * double(schedule.getGroup()));
  features.l2Bytes = features.workspaceBytes + 4 * int64_t(products);
  return features;
}
