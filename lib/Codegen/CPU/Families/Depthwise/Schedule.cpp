// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space and features of `cpu_depthwise` schedules.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/LoopNest.h"
#include "tegula/Codegen/Common/RegisterBlock.h"
#include "tegula/Codegen/Common/Work.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::depthwise;
using convolution::estimatedExtent;

bool depthwise::holdsWeights(const Depthwise &depthwise, const MachineModel &machine) {
  int64_t perBlock = convolution::registersPerBlock(depthwise.info.extents[convolution::Lane], machine);
  return perBlock * depthwise.positions() <= machine.vectorRegisters / 2;
}

/// Sums of `pixels` places, the weights or one of them, a window, its factors, the product.
static int64_t countRegisters(const Depthwise &depthwise, int64_t pixels, const MachineModel &machine) {
  int64_t perBlock = convolution::registersPerBlock(depthwise.info.extents[convolution::Lane], machine);
  int64_t weights = holdsWeights(depthwise, machine) ? depthwise.positions() : 1;
  return perBlock * (pixels + weights + 2) + 2;
}

/// One place is always legal, whatever it takes.
static bool isLegal(const Depthwise &depthwise, int64_t pixels, const MachineModel &machine) {
  return pixels == 1 || (countRegisters(depthwise, pixels, machine) <= machine.vectorRegisters &&
                         depthwise.positions() * pixels <= maxUnrolledOps);
}

LogicalResult depthwise::verifySchedule(sched::CPUDepthwiseAttr schedule, const Depthwise &depthwise,
                                        const MachineModel &machine, KernelFamily::EmitError emitError) {
  int64_t pixels = schedule.getPixels();
  if (pixels < 1 || pixels > 64)
    return emitError() << "expected 1 to 64 pixels, but got " << schedule;
  if (!isLegal(depthwise, pixels, machine))
    return emitError() << "expected at most " << machine.vectorRegisters << " vector registers and " << maxUnrolledOps
                       << " unrolled multiply-adds, but " << pixels << " pixels take "
                       << countRegisters(depthwise, pixels, machine) << " and " << depthwise.positions() * pixels;
  return success();
}

SearchSpace depthwise::makeSpace(const Depthwise &depthwise, const MachineModel &machine) {
  SmallVector<int64_t> pixels;
  for (int64_t count : convolution::placeValues(estimatedExtent(depthwise.info.extents[convolution::Column])))
    if (isLegal(depthwise, count, machine))
      pixels.push_back(count);
  SearchSpace space("cpu_depthwise");
  space.addKnob("pixels", pixels);
  return space;
}

/// Up to eight places hide the latency of a sum; as few register blocks in a row as that allows.
Configuration depthwise::chooseDefault(const SearchSpace &space, const Depthwise &depthwise, const MachineModel &) {
  int64_t columns = estimatedExtent(depthwise.info.extents[convolution::Column]), best = 1;
  for (int64_t pixels : space.values("pixels"))
    if (pixels <= 8 && llvm::divideCeil(columns, pixels) < llvm::divideCeil(columns, best))
      best = pixels;
  return space.point({{"pixels", best}});
}

KernelFeatures depthwise::computeFeatures(sched::CPUDepthwiseAttr schedule, const Depthwise &depthwise,
                                          const MachineModel &machine) {
  const ContractionInfo &info = depthwise.info;
  double places =
      ShapedType::isDynamic(info.extents[convolution::Batch]) ? 1 : double(info.extents[convolution::Batch]);
  for (unsigned loop : {convolution::Outer, convolution::Row, convolution::Column, convolution::Lane})
    places *= double(estimatedExtent(info.extents[loop]));
  KernelFeatures features;
  features.flops = features.executedFlops = 2 * places * double(depthwise.positions() * depthwise.grouping.group);
  features.bytes = convolution::estimatedBytes(linalg::GenericOp(info.op)->getOperands());
  int64_t perBlock = convolution::registersPerBlock(info.extents[convolution::Lane], machine);
  bool holds = holdsWeights(depthwise, machine);
  auto [instruction, instructions] = productInstruction(depthwise.grouping.group, /*isFloat=*/false, 32, machine);
  KernelPart &products = features.parts.emplace_back();
  products.name = "products";
  products.instruction = instruction;
  products.vectorBits = machine.vectorBits;
  // Each group of columns of a window is loaded, and its elements are brought together by about two instructions.
  double columns = double(estimatedExtent(info.extents[convolution::Column]));
  double rows = places / columns / double(info.extents[convolution::Lane]);
  convolution::forPieces(int64_t(columns), schedule.getPixels(),
                         [&, each = instructions](int64_t pixels, int64_t count) {
                           RegisterLoop &loop = products.loops.emplace_back();
                           loop.runs = rows * double(count);
                           loop.rounds = loop.unroll = double(depthwise.positions());
                           loop.chains = loop.after = double(pixels * perBlock);
                           loop.instructions = loop.chains * (each + 2);
                           loop.vectorLoads = double(perBlock * (pixels + (holds ? 0 : 1)));
                         });
  // Weights that stay in registers are loaded for each row.
  if (holds)
    products.loops.push_back({rows, 0, 1, 0, 1, 0, 0, double(depthwise.positions() * perBlock), 0});
  addStream(products, features.bytes, machine);
  features.items = rows;
  features.registers = countRegisters(depthwise, schedule.getPixels(), machine);
  int64_t row = estimatedExtent(info.extents[convolution::Column]) * info.extents[convolution::Lane];
  features.l1Bytes = features.l2Bytes = (info.extents[KernelRow] + 1) * row;
  return features;
}
