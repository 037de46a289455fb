// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Codegen/Common/LoopNest.h"

#include <algorithm>

using namespace tegula;

LoopNest::LoopNest(llvm::ArrayRef<double> extents, llvm::ArrayRef<NestLoop> loops, llvm::ArrayRef<NestOperand> operands)
    : loops(loops.begin(), loops.end()), operands(operands.begin(), operands.end()) {
  sizes.emplace_back(extents.begin(), extents.end());
  for (const NestLoop &loop : loops) {
    llvm::SmallVector<double, 8> inside = sizes.back();
    double size = std::clamp(loop.size, 1.0, std::max(inside[loop.dimension], 1.0));
    trips.push_back(std::max(inside[loop.dimension] / size, 1.0)); // the last round may be a short one
    inside[loop.dimension] = size;
    sizes.push_back(std::move(inside));
  }
}

double LoopNest::footprint(const NestOperand &operand, unsigned depth) const {
  double bytes = operand.elementBytes;
  for (const NestAxis &axis : operand.axes) {
    double span = 1, points = 1;
    for (auto [dimension, coefficient] : axis) {
      span += coefficient * (sizes[depth][dimension] - 1);
      points *= sizes[depth][dimension];
    }
    bytes *= std::min(span, points); // steps may leave gaps
  }
  return operand.bufferBytes > 0 ? std::min(bytes, operand.bufferBytes) : bytes;
}

double LoopNest::footprint(unsigned depth) const {
  double bytes = 0;
  for (const NestOperand &operand : operands)
    bytes += footprint(operand, depth);
  return bytes;
}

/// Bytes that come in when what a round of the loops outside of loop `depth` uses fits, but not more.
double LoopNest::bytesInto(unsigned depth) const {
  double total = 0;
  for (const NestOperand &operand : operands) {
    double bytes = footprint(operand, depth);
    if (operand.bufferBytes > 0 && bytes >= operand.bufferBytes)
      continue; // it never leaves
    bool isKept = true;
    for (unsigned loop = depth; loop-- > 0;) {
      // Rounds of the nearest loops that do not move the operand find it there.
      bool moves = llvm::any_of(operand.axes, [&](const NestAxis &axis) {
        return llvm::any_of(axis, [&](auto &term) { return term.first == loops[loop].dimension; });
      });
      isKept &= !moves || trips[loop] == 1;
      if (!isKept)
        bytes *= trips[loop];
    }
    total += bytes;
  }
  return total;
}

double LoopNest::bytesAcross(double cacheBytes) const {
  // Caches are not filled to the last line, and what is a little too large leaves in part only.
  constexpr double full = 0.75, none = 1.5;
  auto shareThatFits = [&](unsigned depth) {
    return std::clamp((none - footprint(depth) / cacheBytes) / (none - full), 0.0, 1.0);
  };
  // Where all fits it is there from the last time.
  double total = 0, left = 1 - shareThatFits(0);
  unsigned last = unsigned(sizes.size()) - 1;
  for (unsigned depth = std::min(1u, last); depth <= last && left > 0; ++depth) {
    double share = depth == last ? left : std::min(left, shareThatFits(depth));
    total += share * bytesInto(depth);
    left -= share;
  }
  return total;
}

void LoopNest::addTraffic(KernelPart &part, const MachineModel &machine) const {
  const int64_t caches[] = {machine.l1Bytes, machine.l2Bytes, machine.l3Bytes};
  for (auto [traffic, bytes] : llvm::zip(part.traffic, caches))
    traffic += bytesAcross(double(bytes));
}

void tegula::addStream(KernelPart &part, double bytes, const MachineModel &machine) {
  constexpr double line = 64;
  LoopNest({bytes}, {{0, line}}, {{1, {{{0, 1}}}}}).addTraffic(part, machine);
}
