// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/RegisterBlock.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::convolution;

double RegisterBlock::cycles() const {
  double vectors = double(blocks * perBlock), count = double(places);
  return std::max({vectors * count, 0.6 * (vectors + count), 4.0}) + 0.25 * vectors + 0.02 * count;
}

RegisterLoop RegisterBlock::loop(double runs, double rounds, int64_t unroll, double instructions) const {
  RegisterLoop loop;
  loop.runs = runs;
  loop.rounds = rounds;
  loop.unroll = double(unroll);
  loop.chains = loop.after = double(operations(1));
  loop.instructions = loop.chains * instructions;
  loop.vectorLoads = double(perBlock * blocks);
  loop.elementLoads = double(places);
  return loop;
}

void convolution::forPieces(int64_t extent, int64_t length, llvm::function_ref<void(int64_t, int64_t)> see) {
  if (extent / length)
    see(length, extent / length);
  if (extent % length)
    see(extent % length, 1);
}

int64_t convolution::registersPerBlock(int64_t lanes, const MachineModel &machine) {
  return int64_t(llvm::divideCeil(lanes * 32, machine.vectorBits));
}

SmallVector<int64_t> tegula::valuesCovering(ArrayRef<int64_t> values, int64_t extent) {
  SmallVector<int64_t> result;
  for (int64_t value : values) {
    result.push_back(value);
    if (!ShapedType::isDynamic(extent) && value >= extent)
      break;
  }
  return result;
}

int64_t convolution::estimatedExtent(int64_t extent) { return ShapedType::isDynamic(extent) ? 56 : extent; }

double convolution::estimatedBytes(ValueRange values) {
  double total = 0;
  for (Value value : values) {
    double bytes = double(getElementTypeOrSelf(value).getIntOrFloatBitWidth()) / 8;
    for (int64_t extent : cast<ShapedType>(value.getType()).getShape())
      bytes *= double(estimatedExtent(extent));
    total += bytes;
  }
  return total;
}

SmallVector<int64_t> convolution::valuesUpTo(ArrayRef<int64_t> values, int64_t extent) {
  SmallVector<int64_t> result;
  llvm::copy_if(values, std::back_inserter(result),
                [&](int64_t value) { return value <= std::max<int64_t>(extent, 1); });
  return result;
}

SmallVector<int64_t> convolution::blockValues(int64_t blocks) { return valuesUpTo({1, 2, 3, 4, 6}, blocks); }

SmallVector<int64_t> convolution::placeValues(int64_t places) {
  return valuesUpTo({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 20, 28}, places);
}

static int64_t product(ArrayRef<int64_t> values) {
  return std::accumulate(values.begin(), values.end(), int64_t(1), std::multiplies<int64_t>());
}

void convolution::addRegisterConstraints(SearchSpace &space, ArrayRef<StringRef> places, const RegisterBlock &like,
                                         const MachineModel &machine, StringRef holdsInputs) {
  auto blockOf = [like](int64_t blocks, ArrayRef<int64_t> counts, bool holds) {
    return RegisterBlock{blocks, product(counts), like.perBlock, like.others, holds};
  };
  SmallVector<StringRef> knobs{"blocks"};
  llvm::append_range(knobs, places);
  int64_t registers = machine.vectorRegisters;
  if (holdsInputs.empty()) {
    space.addConstraint("registers <= " + std::to_string(registers), knobs, [=](ArrayRef<int64_t> v) {
      return blockOf(v[0], v.drop_front(), false).registers() <= registers;
    });
  } else {
    SmallVector<StringRef> all(knobs);
    all.push_back(holdsInputs);
    space.addConstraint("registers <= " + std::to_string(registers), all, [=](ArrayRef<int64_t> v) {
      return blockOf(v[0], v.drop_front().drop_back(), v.back() != 0).registers() <= registers;
    });
  }
  knobs.push_back("unroll");
  space.addConstraint("multiply-adds <= " + std::to_string(maxUnrolledOps) + " or unroll = 1", knobs,
                      [=](ArrayRef<int64_t> v) {
                        RegisterBlock block = blockOf(v[0], v.drop_front().drop_back(), false);
                        return v.back() == 1 || block.operations(v.back()) <= maxUnrolledOps;
                      });
}

LogicalResult convolution::verifyBlock(const RegisterBlock &block, int64_t unroll, int64_t channels,
                                       const MachineModel &machine, KernelFamily::EmitError emitError) {
  if (channels % unroll != 0)
    return emitError() << "expected unroll to divide the " << channels << " input channels of a block, but got "
                       << unroll;
  if (block.registers() > machine.vectorRegisters)
    return emitError() << "expected at most " << machine.vectorRegisters << " vector registers, but " << block.blocks
                       << " blocks at " << block.places << " places take " << block.registers();
  if (unroll > 1 && block.operations(unroll) > maxUnrolledOps)
    return emitError() << "expected at most " << maxUnrolledOps << " unrolled multiply-adds, but got "
                       << block.operations(unroll);
  return success();
}

int64_t convolution::chooseUnroll(const SearchSpace &space, const RegisterBlock &block) {
  int64_t unroll = 1;
  for (int64_t candidate : space.values("unroll"))
    if (candidate <= 4 && block.operations(candidate) <= maxUnrolledOps)
      unroll = candidate;
  return unroll;
}
