// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops of a convolution of each channel by itself. A row of the result is computed in register blocks of `pixels`
// places. For each kernel row and group of kernel columns, the elements that a place sees (a vector of channels for
// each column, side by side where there is no dilation) are interleaved, so that a lane holds those of its channel; one
// instruction multiplies them with the weights and adds. Weights that fit into registers are loaded once for a row; the
// rows of a large kernel are a loop.
//
#include "Schedule.h"

#include "tegula/Codegen/Common/IntegerDot.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::depthwise;
using namespace tegula::matmul;
using convolution::Batch, convolution::Outer, convolution::Row, convolution::Column, convolution::Lane;

namespace {
class Emitter : convolution::ConvolutionEmitter {
public:
  Emitter(OpBuilder &builder, Location loc, KernelForm &form, const Depthwise &depthwise,
          sched::CPUDepthwiseAttr schedule, const MachineModel &machine)
      : ConvolutionEmitter(builder, loc, form), depthwise(depthwise), pixels(schedule.getPixels()),
        instruction(findDotInstruction(machine, depthwise.info.extents[Lane])),
        keepsWeights(holdsWeights(depthwise, machine)) {
    linalg::GenericOp op = form.info.op;
    x = makeAccess(op->getOperand(depthwise.x), form.info.coefficients[depthwise.x]);
    weight = makeAccess(op->getOperand(depthwise.weight), form.info.coefficients[depthwise.weight]);
  }

  void emit();

private:
  using Values = SmallVector<Value>;

  void emitRow(const Place &place);
  void emitBlock(int64_t count, const Place &place);
  void addKernelRow(int64_t count, const Place &place, Index kernelRow, Values &sums);
  Value loadWeights(const Place &place, Index kernelRow, int64_t group);
  Value loadWindow(Index at);

  const Depthwise &depthwise;
  int64_t pixels;
  DotInstruction instruction;
  bool keepsWeights;
  FlatAccess x, weight;
  /// Those of the row's block of channels.
  Values weights;
};
} // namespace

void Emitter::emit() {
  Index items = math.mul(extents[Batch], math.mul(extents[Outer], extents[Row]));
  auto [begin, end] = shareOf(items);
  loop(begin, end, 1, [&](Value item) {
    Index rest = math.floorDiv(item, extents[Row]);
    emitRow({math.floorDiv(rest, extents[Outer]), math.rem(rest, extents[Outer]), math.rem(item, extents[Row]),
             math.of(0)});
  });
}

void Emitter::emitRow(const Place &place) {
  weights.clear();
  if (keepsWeights)
    for (int64_t row = 0; row < depthwise.info.extents[KernelRow]; ++row)
      for (int64_t group = 0; group < depthwise.info.extents[KernelColumn]; ++group)
        weights.push_back(loadWeights(place, math.of(row), group));
  auto at = [&](Index column, int64_t count) {
    Place own = place;
    own.column = column;
    emitBlock(count, own);
  };
  Index main = math.mul(math.floorDiv(extents[Column], math.of(pixels)), math.of(pixels));
  loop(math.of(0), main, pixels, [&](Value column) { at(column, pixels); });
  if (auto known = getConstantIntValue(extents[Column])) {
    if (int64_t rest = *known % pixels)
      at(main, rest);
  } else {
    loop(main, extents[Column], 1, [&](Value column) { at(column, 1); });
  }
}

void Emitter::emitBlock(int64_t count, const Place &place) {
  Values sums(count, startVector(place));
  int64_t rows = depthwise.info.extents[KernelRow];
  if (keepsWeights) {
    for (int64_t row = 0; row < rows; ++row)
      addKernelRow(count, place, math.of(row), sums);
  } else {
    auto forOp = scf::ForOp::create(b, loc, math.constant(0), math.constant(rows), math.constant(1), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(forOp.getBody());
    Values carried(forOp.getRegionIterArgs());
    addKernelRow(count, place, forOp.getInductionVar(), carried);
    scf::YieldOp::create(b, loc, carried);
    sums.assign(forOp.result_begin(), forOp.result_end());
  }
  for (auto [i, sum] : llvm::enumerate(sums))
    finish({place.batch, place.outer, place.row, math.add(place.column, math.of(int64_t(i)))}, sum);
}

void Emitter::addKernelRow(int64_t count, const Place &place, Index kernelRow, Values &sums) {
  int64_t groups = depthwise.info.extents[KernelColumn];
  Index row = math.add(address(x, place), math.mul(kernelRow, x.steps[KernelRow]));
  for (int64_t group = 0; group < groups; ++group) {
    Value own =
        keepsWeights ? weights[*getConstantIntValue(kernelRow) * groups + group] : loadWeights(place, kernelRow, group);
    Index start = math.add(row, math.mul(math.of(group), x.steps[KernelColumn]));
    for (int64_t pixel = 0; pixel < count; ++pixel) {
      Value window = loadWindow(math.add(start, math.mul(math.of(pixel), x.steps[Column])));
      sums[pixel] = emitDot(b, loc, sums[pixel], makeFactors(window, depthwise.grouping), own, instruction);
    }
  }
}

Value Emitter::loadWeights(const Place &place, Index kernelRow, int64_t group) {
  Index at = math.add(weight.base, math.mul(place.outer, weight.steps[Outer]));
  at = math.add(at, math.mul(kernelRow, weight.steps[KernelRow]));
  at = math.add(at, math.mul(math.of(group), weight.steps[KernelColumn]));
  auto type = VectorType::get({vector.getNumElements() * depthwise.grouping.group}, weight.element);
  return vector::LoadOp::create(b, loc, type, weight.flat, math.value(at));
}

/// The elements of a group of columns, those of a channel together.
Value Emitter::loadWindow(Index at) {
  int64_t lanes = vector.getNumElements(), group = depthwise.grouping.group;
  auto load = [&](int64_t length, Index from) -> Value {
    return vector::LoadOp::create(b, loc, VectorType::get({length}, x.element), x.flat, math.value(from));
  };
  if (IndexMath::isConstant(x.steps[Part], lanes)) {
    SmallVector<int64_t> order;
    for (int64_t lane = 0; lane < lanes; ++lane)
      for (int64_t part = 0; part < group; ++part)
        order.push_back(part * lanes + lane);
    Value all = load(lanes * group, at);
    return vector::ShuffleOp::create(b, loc, all, all, order);
  }
  Values parts;
  for (int64_t part = 0; part < group; ++part)
    parts.push_back(load(lanes, math.add(at, math.mul(math.of(part), x.steps[Part]))));
  auto zip = [&](Value even, Value odd) -> Value { return vector::InterleaveOp::create(b, loc, even, odd); };
  return group == 2 ? zip(parts[0], parts[1]) : zip(zip(parts[0], parts[2]), zip(parts[1], parts[3]));
}

LogicalResult depthwise::lowerKernel(func::FuncOp kernel, sched::CPUDepthwiseAttr schedule,
                                     const MachineModel &machine) {
  FailureOr<KernelForm> form = analyzeKernel(kernel);
  if (failed(form))
    return failure();
  Depthwise depthwise;
  [[maybe_unused]] bool matches = matchDepthwise(form->info, depthwise);
  assert(matches && "the schedule is verified");
  OpBuilder b(form->steps.empty() ? form->info.op.getOperation() : form->steps.back());
  Emitter(b, form->info.op.getLoc(), *form, depthwise, schedule, machine).emit();
  eraseKernelOps(*form);
  return success();
}
