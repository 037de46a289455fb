// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_winograd` schedules.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/LoopNest.h"
#include "tegula/Codegen/Common/RegisterBlock.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;
using namespace tegula::winograd;

/// Bytes of a group's transformed operand and products.
static constexpr double maxWorkspace = double(int64_t(256) << 20);

static int64_t registersOf(const Kernel &kernel, const MachineModel &machine) {
  return convolution::registersPerBlock(kernel.lanes, machine);
}

/// Bytes of the transformed operand and the products of one tile.
static double bytesPerTile(const Kernel &kernel) {
  return 4.0 * double(kernel.positions()) * double(kernel.innerChannels() + kernel.outerChannels());
}

static int64_t countTiles(const Kernel &kernel) {
  int64_t batch = kernel.extent(Batch);
  auto along = [&](Loop loop) {
    return int64_t(llvm::divideCeil(std::max<int64_t>(estimatedExtent(kernel.extent(loop)), 1), kernel.tile));
  };
  return (ShapedType::isDynamic(batch) ? 1 : std::max<int64_t>(batch, 1)) * along(Row) * along(Column);
}

LogicalResult winograd::verifySchedule(sched::CPUWinogradAttr schedule, const Kernel &kernel,
                                       const MachineModel &machine, KernelFamily::EmitError emitError) {
  for (int64_t value : {schedule.getGroup(), schedule.getBlocks(), schedule.getTiles(), schedule.getUnroll()})
    if (value < 1 || value > 4096)
      return emitError() << "expected sizes from 1 to 4096, but got " << schedule;
  RegisterBlock block{schedule.getBlocks(), schedule.getTiles(), registersOf(kernel, machine)};
  if (failed(verifyBlock(block, schedule.getUnroll(), kernel.channels, machine, emitError)))
    return failure();
  if (schedule.getTiles() > schedule.getGroup())
    return emitError() << "expected tiles of at most group, but got " << schedule;
  if (double(schedule.getGroup()) * bytesPerTile(kernel) > maxWorkspace && schedule.getGroup() > 1)
    return emitError() << "expected groups of at most " << maxWorkspace << " bytes, but got " << schedule;
  return success();
}

SearchSpace winograd::makeSpace(const Kernel &kernel, const MachineModel &machine) {
  SearchSpace space("cpu_winograd");
  int64_t all = countTiles(kernel);
  SmallVector<int64_t> groups;
  for (int64_t group : {1, 2, 4, 7, 8, 14, 16, 28, 42, 56, 84, 112, 196, 224, 392})
    if (group == 1 || double(group) * bytesPerTile(kernel) <= maxWorkspace) {
      groups.push_back(group);
      if (group >= all)
        break;
    }
  space.addKnob("group", groups);
  space.addKnob("blocks", blockValues(kernel.outerBlocks));
  space.addKnob("tiles", placeValues(all));
  SmallVector<int64_t> unrolls;
  for (int64_t unroll : {1, 2, 4, 8})
    if (kernel.channels % unroll == 0)
      unrolls.push_back(unroll);
  space.addKnob("unroll", unrolls);
  addRegisterConstraints(space, {"tiles"}, {1, 1, registersOf(kernel, machine)}, machine);
  space.addConstraint("tiles <= group", {"tiles", "group"}, [](ArrayRef<int64_t> v) { return v[0] <= v[1]; });
  return space;
}

/// Calls `see(block, count)` for the register blocks of a position's products.
static void forBlocks(const Kernel &kernel, int64_t group, int64_t blocks, int64_t tiles, int64_t perBlock,
                      function_ref<void(const RegisterBlock &, double)> see) {
  forPieces(kernel.outerBlocks, blocks, [&](int64_t ownBlocks, int64_t blockCount) {
    forPieces(countTiles(kernel), group, [&](int64_t size, int64_t groups) {
      forPieces(size, tiles, [&](int64_t ownTiles, int64_t count) {
        see({ownBlocks, ownTiles, perBlock}, double(blockCount) * double(groups) * double(count));
      });
    });
  });
}

/// Estimated cycles of the multiplication for each input channel and position of the Winograd domain.
static double estimateCycles(const Kernel &kernel, int64_t group, int64_t blocks, int64_t tiles, int64_t perBlock) {
  double total = 0;
  forBlocks(kernel, group, blocks, tiles, perBlock,
            [&](const RegisterBlock &block, double count) { total += count * block.cycles(); });
  return total;
}

Configuration winograd::chooseDefault(const SearchSpace &space, const Kernel &kernel, const MachineModel &machine) {
  int64_t perBlock = registersOf(kernel, machine);
  double weights = 4.0 * double(kernel.positions() * kernel.innerChannels()) * double(kernel.outerChannels());
  int64_t all = countTiles(kernel), bestGroup = 1, bestBlocks = 1, bestTiles = 1;
  double best = std::numeric_limits<double>::infinity();
  for (int64_t group : space.values("group")) {
    // What comes from beyond the second cache, at about eight bytes a cycle: the weights for each group, and the
    // transformed operand and the products, written and read, where they do not fit beside a row of weights.
    double bytes = weights * std::ceil(double(all) / double(group));
    if (bytesPerTile(kernel) * double(group) > 0.75 * double(machine.l2Bytes))
      bytes += 2 * bytesPerTile(kernel) * double(all);
    for (int64_t blocks : space.values("blocks"))
      for (int64_t tiles : space.values("tiles")) {
        if (RegisterBlock{blocks, tiles, perBlock}.registers() > machine.vectorRegisters || tiles > group)
          continue;
        double cycles = double(kernel.positions() * kernel.innerChannels()) *
                        estimateCycles(kernel, std::min(group, all), blocks, tiles, perBlock);
        if (cycles + bytes / 8 < best)
          best = cycles + bytes / 8, bestGroup = group, bestBlocks = blocks, bestTiles = tiles;
      }
  }
  int64_t unroll = chooseUnroll(space, {bestBlocks, bestTiles, perBlock});
  Configuration point =
      space.point({{"group", bestGroup}, {"blocks", bestBlocks}, {"tiles", bestTiles}, {"unroll", unroll}});
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUWinogradAttr winograd::makeSchedule(MLIRContext *context, const SearchSpace &space,
                                              const Configuration &point) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  return sched::CPUWinogradAttr::get(context, get("group"), get("blocks"), get("tiles"), get("unroll"));
}

std::optional<Configuration> winograd::findPoint(const SearchSpace &space, sched::CPUWinogradAttr schedule) {
  Configuration point = space.point({{"group", schedule.getGroup()},
                                     {"blocks", schedule.getBlocks()},
                                     {"tiles", schedule.getTiles()},
                                     {"unroll", schedule.getUnroll()}});
  return space.contains(point) ? std::optional(point) : std::nullopt;
}

/// The transformation of the operand or of the products of all tiles: a vector of each position is loaded, combined by
/// about so many instructions, and `stored` vectors are.
static KernelPart makeTransformation(StringRef name, double runs, double positions, double stored, double instructions,
                                     const MachineModel &machine) {
  KernelPart part;
  part.name = name;
  part.vectorBits = machine.vectorBits;
  part.loops.push_back({runs, 1, 1, instructions, instructions, positions, 0, 0, stored});
  return part;
}

/// The products of all groups: for each position, blocks of output channels; for these, tiles.
static LoopNest makeNest(sched::CPUWinogradAttr schedule, const Kernel &kernel) {
  enum { Tiles, Positions, Channels, Sums };
  double group = double(schedule.getGroup()), positions = double(kernel.positions());
  double blocks = double(schedule.getBlocks() * kernel.lanes);
  return LoopNest(
      {double(countTiles(kernel)), positions, double(kernel.outerChannels()), double(kernel.innerChannels())},
      {{Tiles, group}, {Positions, 1}, {Channels, blocks}, {Tiles, double(schedule.getTiles())}, {Sums, 1}},
      {{4, {{{Positions, 1}}, {{Channels, 1}}, {{Sums, 1}}}},
       {4, {{{Positions, 1}}, {{Tiles, 1}}, {{Sums, 1}}}, 4 * positions * group * double(kernel.innerChannels())},
       {4, {{{Positions, 1}}, {{Tiles, 1}}, {{Channels, 1}}}, 4 * positions * group * double(kernel.outerChannels())}});
}

KernelFeatures winograd::computeFeatures(sched::CPUWinogradAttr schedule, const Kernel &kernel,
                                         const MachineModel &machine) {
  KernelFeatures features;
  double tiles = double(countTiles(kernel)), channels = double(kernel.innerChannels() + kernel.outerChannels());
  double products = double(kernel.innerChannels()) * double(kernel.outerChannels());
  double batch = double(ShapedType::isDynamic(kernel.extent(Batch)) ? 1 : kernel.extent(Batch));
  features.flops = 18 * batch * products * double(estimatedExtent(kernel.extent(Row))) *
                   double(estimatedExtent(kernel.extent(Column)));
  // Each transformation of a tile takes about four additions or multiply-adds an element.
  features.executedFlops = 2 * tiles * double(kernel.positions()) * (products + 4 * channels);
  linalg::GenericOp last = kernel.core.info.op;
  features.bytes = estimatedBytes({kernel.x(), kernel.weight(), last.getDpsInits()[0]});
  features.packedBytes = tiles * bytesPerTile(kernel);
  int64_t perBlock = registersOf(kernel, machine), group = std::min(schedule.getGroup(), countTiles(kernel));
  double positions = double(kernel.positions()), vectors = double(perBlock);
  auto transformation = [&](StringRef name, int64_t blocks, double stored) {
    return makeTransformation(name, tiles * double(blocks) * vectors, positions, stored, 4 * positions, machine);
  };
  double groupBytes = bytesPerTile(kernel) * double(group);
  auto transfer = [&](KernelPart part, Value operand) {
    // The workspace of a group, and the operand or result.
    addStream(part, groupBytes, machine);
    for (double &traffic : part.traffic)
      traffic *= tiles / double(group);
    addStream(part, estimatedBytes(operand), machine);
    features.parts.push_back(std::move(part));
  };
  transfer(transformation("operand", kernel.innerBlocks, positions), kernel.x());
  KernelPart &multiplication = features.parts.emplace_back();
  multiplication.name = "products";
  multiplication.instruction = Instruction::MultiplyAdd32;
  multiplication.vectorBits = machine.vectorBits;
  forBlocks(kernel, group, schedule.getBlocks(), schedule.getTiles(), perBlock,
            [&](const RegisterBlock &block, double count) {
              multiplication.loops.push_back(
                  block.loop(count * positions, double(kernel.innerChannels()), schedule.getUnroll()));
            });
  makeNest(schedule, kernel).addTraffic(multiplication, machine);
  transfer(transformation("result", kernel.outerBlocks, double(kernel.tile * kernel.tile)), last.getDpsInits()[0]);
  features.items = tiles;
  features.registers =
      RegisterBlock{schedule.getBlocks(), schedule.getTiles(), registersOf(kernel, machine)}.registers();
  features.l1Bytes = 4 * kernel.innerChannels() * (schedule.getTiles() + schedule.getBlocks() * kernel.lanes);
  features.workspaceBytes = int64_t(bytesPerTile(kernel) * double(schedule.getGroup()));
  features.l2Bytes = features.workspaceBytes + 4 * int64_t(products);
  return features;
}
