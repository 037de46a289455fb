// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_convolution` schedules.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/LoopNest.h"
#include "tegula/Codegen/Common/RegisterBlock.h"
#include "tegula/Codegen/Common/Work.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;

/// Where each place reads only itself, the rows of an image are one long row.
static std::pair<int64_t, int64_t> countPlaces(const Convolution &convolution) {
  int64_t rows = estimatedExtent(convolution.extent(Row)), columns = estimatedExtent(convolution.extent(Column));
  bool oneRow = convolution.extent(KernelRow) == 1 && convolution.extent(KernelColumn) == 1 &&
                convolution.strides[0] == 1 && convolution.strides[1] == 1;
  return oneRow ? std::pair(int64_t(1), rows * columns) : std::pair(rows, columns);
}

/// The registers of `blocks` blocks of channels at `places` places. Sums of integers are as wide as those of f32;
/// a product that is added, what turns signed bytes into unsigned ones or the reverse, what the reverse takes from the
/// sums of each block, and what makes pairs of groups of bytes, take registers too.
static RegisterBlock blockOf(const Convolution &convolution, int64_t blocks, int64_t places,
                             const MachineModel &machine, bool holdsInputs = false) {
  const Grouping &grouping = convolution.grouping;
  bool splits = grouping.group == 4 && machine.integerDot == MachineModel::IntegerDot::Pairs;
  bool adds = splits || (grouping.group == 2 && !grouping.isFloat);
  bool becomesSigned = grouping.group == 4 && machine.integerDot == MachineModel::IntegerDot::SignedBytes;
  return {blocks, places, registersPerBlock(convolution.extent(Lane), machine),
          int64_t(adds) + int64_t(grouping.flips) + (splits ? 2 : 0) + (becomesSigned ? 1 + blocks : 0), holdsInputs};
}

/// Bytes of the sums of a tile; zero where they are not known. Rows that follow each other may be one long row or not:
/// that, too, the layout of buffers decides.
static double partialSumBytes(const Convolution &convolution, int64_t blocks, int64_t rows, int64_t pixels,
                              int64_t channelTile, int64_t placeTile) {
  int64_t height = convolution.extent(Row), width = convolution.extent(Column), outer = convolution.extent(Outer);
  if (ShapedType::isDynamic(height) || ShapedType::isDynamic(width))
    return 0;
  int64_t places = height * width;
  if (placeTile)
    places = std::min(places, placeTile * std::max(rows * width, pixels));
  int64_t channels = channelTile ? std::min(outer, channelTile * blocks) : outer;
  return 4.0 * double(places) * double(channels) * double(convolution.extent(Lane));
}
static constexpr int64_t maxPartialSumBytes = int64_t(64) << 20;

/// Whether the sums of a tile can be in memory while the depth is walked in parts.
static bool fitsPartialSums(double bytes) { return bytes > 0 && bytes <= double(maxPartialSumBytes); }

LogicalResult convolution::verifySchedule(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                                          const MachineModel &machine, KernelFamily::EmitError emitError) {
  for (int64_t value : {schedule.getBlocks(), schedule.getRows(), schedule.getPixels(), schedule.getUnroll()})
    if (value < 1 || value > 64)
      return emitError() << "expected sizes from 1 to 64, but got " << schedule;
  for (int64_t value : {schedule.getChannelTile(), schedule.getPlaceTile(), schedule.getDepthTile(),
                        schedule.getPrefetchInputs(), schedule.getPrefetchWeights()})
    if (value < 0 || value > 4096)
      return emitError() << "expected tiles and distances from 0 to 4096, but got " << schedule;
  if (schedule.getDepthTile() &&
      !fitsPartialSums(partialSumBytes(convolution, schedule.getBlocks(), schedule.getRows(), schedule.getPixels(),
                                       schedule.getChannelTile(), schedule.getPlaceTile())))
    return emitError() << "expected the sums of a tile to be of a known size of at most " << maxPartialSumBytes
                       << " bytes for a tile of the depth, but got " << schedule;
  RegisterBlock block = blockOf(convolution, schedule.getBlocks(), schedule.getRows() * schedule.getPixels(), machine,
                                schedule.getHoldInputs());
  return verifyBlock(block, schedule.getUnroll(), convolution.extent(Channel), machine, emitError);
}

/// Knob values: those of `values` that cut `extent`, and 0, which is all of it.
static SmallVector<int64_t> tileValues(ArrayRef<int64_t> values, int64_t extent) {
  SmallVector<int64_t> result{0};
  llvm::copy_if(values, std::back_inserter(result), [&](int64_t value) { return value < extent; });
  return result;
}

SearchSpace convolution::makeSpace(const Convolution &convolution, const MachineModel &machine) {
  auto [rows, columns] = countPlaces(convolution);
  int64_t outer = convolution.extent(Outer), inner = convolution.extent(Inner);
  SearchSpace space("cpu_convolution", /*version=*/2);
  space.addKnob("blocks", valuesUpTo({1, 2, 3, 4, 6, 8, 12}, outer));
  space.addKnob("rows", valuesUpTo({1, 2, 4}, rows));
  space.addKnob("pixels", placeValues(columns));
  SmallVector<int64_t> unrolls;
  for (int64_t unroll = 1; unroll <= 16; ++unroll)
    if (convolution.extent(Channel) % unroll == 0 && (unroll <= 8 || unroll == convolution.extent(Channel)))
      unrolls.push_back(unroll);
  space.addKnob("unroll", unrolls);
  space.addKnob("hold_inputs", {0, 1});
  addRegisterConstraints(space, {"rows", "pixels"}, blockOf(convolution, 1, 1, machine), machine, "hold_inputs");

  SmallVector<int64_t> channelTiles = tileValues({1, 2, 4, 8}, outer);
  if (outer == 1)
    channelTiles.push_back(1);
  space.addKnob("channel_tile", channelTiles);
  space.addKnob("place_tile", tileValues({1, 2, 4, 8, 16}, std::max<int64_t>(rows * columns, 5)));
  space.addKnob("keep_inputs", {0, 1});
  space.addKnob("depth_tile", tileValues({1, 2, 4, 8, 16}, inner));
  space.addKnob("prefetch_inputs", {0, 1, 2});
  space.addKnob("prefetch_weights", {0, 8, 16, 32});
  // One text for each order of the loops.
  space.addConstraint(
      "channel_tile = 1 or channel_tile * blocks < channels", {"blocks", "channel_tile"},
      [=](ArrayRef<int64_t> v) { return v[1] == 1 || (v[1] == 0 ? outer > v[0] : v[0] * v[1] < outer); });
  space.addConstraint("keep_inputs = 0 or channel_tile != 1", {"channel_tile", "keep_inputs"},
                      [](ArrayRef<int64_t> v) { return !v[1] || v[0] != 1; });
  space.addConstraint("place_tile = 4 or depth_tile != 0 or channel_tile != 1 and keep_inputs = 0",
                      {"channel_tile", "place_tile", "keep_inputs", "depth_tile"},
                      [](ArrayRef<int64_t> v) { return v[1] == 4 || v[3] != 0 || (v[0] != 1 && !v[2]); });
  space.addConstraint("bytes(sums of a tile) <= " + std::to_string(maxPartialSumBytes) + " or depth_tile = 0",
                      {"blocks", "rows", "pixels", "channel_tile", "place_tile", "depth_tile"},
                      [convolution](ArrayRef<int64_t> v) {
                        return v[5] == 0 || fitsPartialSums(partialSumBytes(convolution, v[0], v[1], v[2], v[3], v[4]));
                      });
  return space;
}

/// Calls `see(block, count)` for the register blocks of a channel's sums.
static void forBlocks(const Convolution &convolution, int64_t blocks, int64_t rows, int64_t pixels,
                      const MachineModel &machine, llvm::function_ref<void(const RegisterBlock &, double)> see) {
  auto [allRows, allColumns] = countPlaces(convolution);
  forPieces(convolution.extent(Outer), blocks,
            [&, allRows = allRows, allColumns = allColumns](int64_t ownBlocks, int64_t blockCount) {
              forPieces(allRows, rows, [&](int64_t ownRows, int64_t rowCount) {
                forPieces(allColumns, pixels, [&](int64_t ownPixels, int64_t pixelCount) {
                  see(blockOf(convolution, ownBlocks, ownRows * ownPixels, machine),
                      double(blockCount) * double(rowCount) * double(pixelCount));
                });
              });
            });
}

/// Estimated cycles for each input channel and kernel position.
static double estimateCycles(const Convolution &convolution, int64_t blocks, int64_t rows, int64_t pixels,
                             const MachineModel &machine) {
  double total = 0;
  forBlocks(convolution, blocks, rows, pixels, machine,
            [&](const RegisterBlock &block, double count) { total += block.cycles() * count; });
  return total;
}

/// Whether weights come from beyond the second cache for each few register blocks.
static bool waitsForWeights(const Convolution &convolution, int64_t places, const MachineModel &machine) {
  constexpr int64_t few = 4;
  auto [rows, columns] = countPlaces(convolution);
  Value weights = convolution.info.op->getOperand(convolution.weight);
  return estimatedBytes(weights) > double(machine.l2Bytes) && rows * columns <= few * places;
}

Configuration convolution::chooseDefault(const SearchSpace &space, const Convolution &convolution,
                                         const MachineModel &machine) {
  double best = std::numeric_limits<double>::infinity();
  int64_t blocks = 1, rows = 1, pixels = 1;
  for (int64_t b : space.values("blocks"))
    for (int64_t r : space.values("rows"))
      for (int64_t p : space.values("pixels")) {
        if (blockOf(convolution, b, r * p, machine).registers() > machine.vectorRegisters)
          continue;
        double cycles = estimateCycles(convolution, b, r, p, machine);
        if (cycles < best)
          best = cycles, blocks = b, rows = r, pixels = p;
      }
  int64_t unroll = chooseUnroll(space, blockOf(convolution, blocks, rows * pixels, machine));
  bool prefetches = waitsForWeights(convolution, rows * pixels, machine);
  Configuration point = space.point({{"blocks", blocks},
                                     {"rows", rows},
                                     {"pixels", pixels},
                                     {"unroll", unroll},
                                     {"channel_tile", 1},
                                     {"place_tile", 4},
                                     {"prefetch_weights", prefetches ? 16 : 0}});
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUConvolutionAttr convolution::makeSchedule(MLIRContext *context, const SearchSpace &space,
                                                    const Configuration &point) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  return sched::CPUConvolutionAttr::get(
      context, get("blocks"), get("rows"), get("pixels"), get("unroll"), get("hold_inputs") != 0, get("channel_tile"),
      get("place_tile"), get("keep_inputs") != 0, get("depth_tile"), get("prefetch_inputs"), get("prefetch_weights"));
}

std::optional<Configuration> convolution::findPoint(const SearchSpace &space, sched::CPUConvolutionAttr schedule) {
  Configuration point = space.point({{"blocks", schedule.getBlocks()},
                                     {"rows", schedule.getRows()},
                                     {"pixels", schedule.getPixels()},
                                     {"unroll", schedule.getUnroll()},
                                     {"hold_inputs", schedule.getHoldInputs()},
                                     {"channel_tile", schedule.getChannelTile()},
                                     {"place_tile", schedule.getPlaceTile()},
                                     {"keep_inputs", schedule.getKeepInputs()},
                                     {"depth_tile", schedule.getDepthTile()},
                                     {"prefetch_inputs", schedule.getPrefetchInputs()},
                                     {"prefetch_weights", schedule.getPrefetchWeights()}});
  return space.contains(point) ? std::optional(point) : std::nullopt;
}

/// The dimensions of the loop nest: the contraction's loops, and rows and columns as the emitter walks them.
static LoopNest makeNest(const Convolution &convolution, sched::CPUConvolutionAttr schedule) {
  SmallVector<double> extents;
  for (int64_t extent : convolution.info.extents)
    extents.push_back(double(estimatedExtent(extent)));
  if (ShapedType::isDynamic(convolution.extent(Batch)))
    extents[Batch] = 1;
  auto [rows, columns] = countPlaces(convolution);
  extents[Row] = double(rows);
  extents[Column] = double(columns);
  SmallVector<NestOperand, 3> operands;
  for (unsigned number : {convolution.x, convolution.weight, 2u}) {
    NestOperand &operand = operands.emplace_back();
    Type element = getElementTypeOrSelf(convolution.info.op->getOperand(number).getType());
    operand.elementBytes = double(element.getIntOrFloatBitWidth()) / 8 * (number == 2 ? 2 : 1);
    for (ArrayRef<int64_t> form : convolution.info.coefficients[number]) {
      NestAxis &axis = operand.axes.emplace_back();
      for (auto [loop, coefficient] : llvm::enumerate(form.drop_back()))
        if (coefficient != 0)
          axis.emplace_back(unsigned(loop), double(coefficient));
    }
  }
  auto tileOf = [&](Loop loop, int64_t size, int64_t step) {
    return NestLoop{loop, size ? std::min(extents[loop], double(size * step)) : extents[loop]};
  };
  const NestLoop groups{Outer, double(schedule.getBlocks())}, someRows{Row, double(schedule.getRows())},
      someColumns{Column, double(schedule.getPixels())};
  // As the emitter walks them: tiles; groups and places of a tile; the sums of a register block over channels.
  SmallVector<NestLoop> loops{{Batch, 1},
                              tileOf(Outer, schedule.getChannelTile(), schedule.getBlocks()),
                              rows == 1 ? tileOf(Column, schedule.getPlaceTile(), schedule.getPixels())
                                        : tileOf(Row, schedule.getPlaceTile(), schedule.getRows()),
                              tileOf(Inner, schedule.getDepthTile(), 1)};
  if (schedule.getKeepInputs())
    loops.append({someRows, someColumns, groups});
  else
    loops.append({groups, someRows, someColumns});
  loops.append({{Inner, 1}, {KernelRow, 1}, {KernelColumn, 1}});
  return LoopNest(extents, loops, operands);
}

KernelFeatures convolution::computeFeatures(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                                            const MachineModel &machine) {
  auto extent = [&](Loop loop) { return double(estimatedExtent(convolution.extent(loop))); };
  double batch = ShapedType::isDynamic(convolution.extent(Batch)) ? 1 : extent(Batch);
  double depth =
      extent(Inner) * extent(KernelRow) * extent(KernelColumn) * extent(Channel) * double(convolution.grouping.group);
  KernelFeatures features;
  features.flops = 2 * batch * extent(Outer) * extent(Row) * extent(Column) * extent(Lane) * depth;
  features.executedFlops = features.flops;
  features.bytes = estimatedBytes(convolution.info.op->getOperands());
  const Grouping &grouping = convolution.grouping;
  auto [instruction, instructions] =
      productInstruction(grouping.group, grouping.isFloat || grouping.group == 1, 32, machine);
  KernelPart &products = features.parts.emplace_back();
  products.name = "products";
  products.instruction = instruction;
  products.vectorBits = machine.vectorBits;
  auto parts = [](double extent, int64_t tile) { return tile ? std::ceil(extent / double(tile)) : 1.0; };
  double passes = parts(extent(Inner), schedule.getDepthTile());
  forBlocks(convolution, schedule.getBlocks(), schedule.getRows(), schedule.getPixels(), machine,
            [&, instructions = instructions](const RegisterBlock &block, double count) {
              products.loops.push_back(block.loop(batch * count * passes, depth / double(grouping.group) / passes,
                                                  schedule.getUnroll(), instructions));
            });
  makeNest(convolution, schedule).addTraffic(products, machine);
  auto [rows, columns] = countPlaces(convolution);
  double along = rows == 1 ? std::ceil(double(columns) / double(schedule.getPixels()))
                           : std::ceil(double(rows) / double(schedule.getRows()));
  double groups = std::ceil(extent(Outer) / double(schedule.getBlocks()));
  features.items = batch * parts(along, schedule.getPlaceTile()) * parts(groups, schedule.getChannelTile());
  int64_t places = schedule.getRows() * schedule.getPixels();
  features.registers =
      blockOf(convolution, schedule.getBlocks(), places, machine, schedule.getHoldInputs()).registers();
  auto bytesOf = [&](unsigned operand) {
    return double(getElementTypeOrSelf(convolution.info.op->getOperand(operand)).getIntOrFloatBitWidth()) / 8;
  };
  double x = bytesOf(convolution.x),
         weights = bytesOf(convolution.weight) * double(schedule.getBlocks()) * extent(Lane);
  double channels = extent(Channel) * double(convolution.grouping.group);
  features.l1Bytes = int64_t(channels * (x * double(places) + weights));
  features.l2Bytes = int64_t(depth * (weights + x * extent(Column) * double(schedule.getRows())));
  return features;
}
