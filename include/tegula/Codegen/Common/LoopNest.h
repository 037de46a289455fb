// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How many bytes a tiled loop nest moves across a cache.
//
//   C[m, n] += A[m, k] * B[k, n] in blocks of 256 depths and panels of 16 columns:
//
//   enum { M, N, K };
//   LoopNest nest({512, 512, 512}, {{K, 256}, {N, 16}, {M, 6}},
//                 {{4, {{{M, 1}}, {{K, 1}}}}, {4, {{{K, 1}}, {{N, 1}}}}, {8, {{{M, 1}}, {{N, 1}}}}});
//   nest.bytesAcross(32 << 10);
//
#ifndef TEGULA_CODEGEN_COMMON_LOOPNEST_H
#define TEGULA_CODEGEN_COMMON_LOOPNEST_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// A place along an axis of an operand is the sum of these: dimension of the nest, coefficient.
using NestAxis = llvm::SmallVector<std::pair<unsigned, double>, 2>;

struct NestOperand {
  /// Of an element; twice its size where elements are read and written.
  double elementBytes = 0;
  llvm::SmallVector<NestAxis, 6> axes;
  /// A buffer of this many bytes that is used again and again; 0: an operand that lies in memory whole.
  double bufferBytes = 0;
};

/// A loop whose rounds cover `size` elements of a dimension each.
struct NestLoop {
  unsigned dimension;
  double size;
};

class LoopNest {
public:
  /// `extents` of the dimensions; `loops` from the outermost on, each dimension's sizes falling. Dimensions that no
  /// loop cuts are walked whole in the innermost.
  LoopNest(llvm::ArrayRef<double> extents, llvm::ArrayRef<NestLoop> loops, llvm::ArrayRef<NestOperand> operands);

  /// Bytes that come into a cache of `cacheBytes` from beyond and go back, when the nest is run again and again: none
  /// where all operands fit. The rounds of a loop whose operands fit together bring in what they have of each operand
  /// once, and keep what the next round uses too.
  double bytesAcross(double cacheBytes) const;
  /// For the machine's caches, into the part.
  void addTraffic(KernelPart &part, const MachineModel &machine) const;
  /// Bytes of all operands in one round of the loops outside of loop `depth`.
  double footprint(unsigned depth) const;

private:
  double footprint(const NestOperand &operand, unsigned depth) const;
  double bytesInto(unsigned depth) const;

  llvm::SmallVector<NestLoop, 8> loops;
  llvm::SmallVector<NestOperand, 4> operands;
  /// By depth: the extent of each dimension inside of the loops before it. By loop: its rounds.
  llvm::SmallVector<llvm::SmallVector<double, 8>, 9> sizes;
  llvm::SmallVector<double, 8> trips;
};

/// Adds the traffic of reading or writing so many bytes once, in order.
void addStream(KernelPart &part, double bytes, const MachineModel &machine);

} // namespace tegula

#endif // TEGULA_CODEGEN_COMMON_LOOPNEST_H
