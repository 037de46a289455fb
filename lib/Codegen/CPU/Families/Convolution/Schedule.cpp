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
  // Workers take rows of a group of blocks; of those, register blocks; of these, the sums over channels.
  return LoopNest(extents,
                  {{Batch, 1},
                   {Outer, double(schedule.getBlocks())},
                   {Row, double(schedule.getRows())},
                   {Column, double(schedule.getPixels())},
                   {Inner, 1},
                   {KernelRow, 1},
                   {KernelColumn, 1}},
                  operands);
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
  forBlocks(convolution, schedule.getBlocks(), schedule.getRows(), schedule.getPixels(), machine,
            [&, instructions = instructions](const RegisterBlock &block, double count) {
              products.loops.push_back(
                  block.loop(batch * count, depth / double(grouping.group), schedule.getUnroll(), instructions));
            });
  makeNest(convolution, schedule).addTraffic(products, machine);
  auto [rows, columns] = countPlaces(convolution);
  double thirds = rows == 1 ? std::ceil(double(columns) / double(schedule.getPixels() * blocksPerSegment))
                            : std::ceil(double(rows) / double(schedule.getRows()));
  features.items = batch * thirds * std::ceil(extent(Outer) / double(schedule.getBlocks()));
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
