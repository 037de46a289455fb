// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_convolution` schedules.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/RegisterBlock.h"

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
                             const MachineModel &machine) {
  const Grouping &grouping = convolution.grouping;
  bool splits = grouping.group == 4 && machine.integerDot == MachineModel::IntegerDot::Pairs;
  bool adds = splits || (grouping.group == 2 && !grouping.isFloat);
  bool becomesSigned = grouping.group == 4 && machine.integerDot == MachineModel::IntegerDot::SignedBytes;
  return {blocks, places, registersPerBlock(convolution.extent(Lane), machine),
          int64_t(adds) + int64_t(grouping.flips) + (splits ? 2 : 0) + (becomesSigned ? 1 + blocks : 0)};
}

LogicalResult convolution::verifySchedule(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                                          const MachineModel &machine, KernelFamily::EmitError emitError) {
  for (int64_t value : {schedule.getBlocks(), schedule.getRows(), schedule.getPixels(), schedule.getUnroll()})
    if (value < 1 || value > 64)
      return emitError() << "expected sizes from 1 to 64, but got " << schedule;
  RegisterBlock block = blockOf(convolution, schedule.getBlocks(), schedule.getRows() * schedule.getPixels(), machine);
  return verifyBlock(block, schedule.getUnroll(), convolution.extent(Channel), machine, emitError);
}

SearchSpace convolution::makeSpace(const Convolution &convolution, const MachineModel &machine) {
  auto [rows, columns] = countPlaces(convolution);
  SearchSpace space("cpu_convolution");
  space.addKnob("blocks", blockValues(convolution.extent(Outer)));
  space.addKnob("rows", valuesUpTo({1, 2, 4}, rows));
  space.addKnob("pixels", placeValues(columns));
  SmallVector<int64_t> unrolls;
  for (int64_t unroll = 1; unroll <= 16; ++unroll)
    if (convolution.extent(Channel) % unroll == 0 && (unroll <= 8 || unroll == convolution.extent(Channel)))
      unrolls.push_back(unroll);
  space.addKnob("unroll", unrolls);
  addRegisterConstraints(space, {"rows", "pixels"}, blockOf(convolution, 1, 1, machine), machine);
  return space;
}

/// Calls `see(length, count)` for the whole pieces of `length` in `extent` and for the rest.
static void forPieces(int64_t extent, int64_t length, llvm::function_ref<void(int64_t, int64_t)> see) {
  see(length, extent / length);
  if (extent % length != 0)
    see(extent % length, 1);
}

/// Estimated cycles for each input channel and kernel position.
static double estimateCycles(const Convolution &convolution, int64_t blocks, int64_t rows, int64_t pixels,
                             const MachineModel &machine) {
  double total = 0;
  auto [allRows, allColumns] = countPlaces(convolution);
  forPieces(convolution.extent(Outer), blocks,
            [&, allRows = allRows, allColumns = allColumns](int64_t ownBlocks, int64_t blockCount) {
              forPieces(allRows, rows, [&](int64_t ownRows, int64_t rowCount) {
                forPieces(allColumns, pixels, [&](int64_t ownPixels, int64_t pixelCount) {
                  RegisterBlock block = blockOf(convolution, ownBlocks, ownRows * ownPixels, machine);
                  total += block.cycles() * double(blockCount) * double(rowCount) * double(pixelCount);
                });
              });
            });
  return total;
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
  Configuration point = space.point({{"blocks", blocks}, {"rows", rows}, {"pixels", pixels}, {"unroll", unroll}});
  assert(space.contains(point) && "the default is a point of the space");
  return point;
}

sched::CPUConvolutionAttr convolution::makeSchedule(MLIRContext *context, const SearchSpace &space,
                                                    const Configuration &point) {
  auto get = [&](StringRef knob) { return space.value(point, knob); };
  return sched::CPUConvolutionAttr::get(context, get("blocks"), get("rows"), get("pixels"), get("unroll"));
}

std::optional<Configuration> convolution::findPoint(const SearchSpace &space, sched::CPUConvolutionAttr schedule) {
  Configuration point = space.point({{"blocks", schedule.getBlocks()},
                                     {"rows", schedule.getRows()},
                                     {"pixels", schedule.getPixels()},
                                     {"unroll", schedule.getUnroll()}});
  return space.contains(point) ? std::optional(point) : std::nullopt;
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
  int64_t places = schedule.getRows() * schedule.getPixels();
  features.registers = blockOf(convolution, schedule.getBlocks(), places, machine).registers();
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
