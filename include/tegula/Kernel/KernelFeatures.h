// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a schedule makes a kernel do, as far as it costs time: instructions, loads, and bytes that cross the caches. It
// says nothing of how fast a machine is; that is the cost model's.
//
#ifndef TEGULA_KERNEL_KERNELFEATURES_H
#define TEGULA_KERNEL_KERNELFEATURES_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace tegula {

/// What an inner loop does most of all, on whole vectors.
enum class Instruction {
  /// Multiply-adds of f32 and of f64.
  MultiplyAdd32,
  MultiplyAdd64,
  /// A product and a sum of i32; of pairs of i16 (pmaddwd); of groups of four bytes (vpdpbusd, sdot).
  MultiplyAddInteger,
  PairDot,
  ByteDot,
  /// A sum of the products of pairs of bf16 (vdpbf16ps).
  BFloatDot,
  /// A product of two tile registers.
  Tile,
  /// An addition, a move.
  Simple,
};

/// A loop that keeps what it works on in registers, and how often it is run, over all workers.
struct RegisterLoop {
  double runs = 0;
  /// Of a run, before unrolling; `unroll` of them have one branch.
  double rounds = 0, unroll = 1;
  /// Instructions of a round, and how many chains they form in which each needs the result of the one before.
  double instructions = 0, chains = 1;
  /// Loads of a round: of vectors, and of single elements that are broadcast.
  double vectorLoads = 0, elementLoads = 0;
  /// Vectors that a run loads before its first round, and stores after its last.
  double before = 0, after = 0;
};

/// A cache of a core, from the nearest on; the third is shared by cores.
constexpr unsigned cacheLevels = 3;

/// What a kernel does in one stretch of loops, over all workers. Arithmetic and the ways of memory overlap in it; parts
/// follow each other.
struct KernelPart {
  /// For people: "products", "packing".
  llvm::StringRef name;
  Instruction instruction = Instruction::Simple;
  /// Width of its vectors, in bits.
  int64_t vectorBits = 0;
  llvm::SmallVector<RegisterLoop, 4> loops;
  /// Bytes that go through the first, the second and the third cache to or from the next one, when what the kernel left
  /// in them the last time is still there.
  double traffic[cacheLevels] = {};
  /// Places that the inner loops read side by side, each in the order of memory.
  double streams = 1;
  /// Whether it only copies an operand.
  bool isPacking = false;
};

/// What a schedule costs, for the cost model and the roofline report. Dynamic extents count as 256.
struct KernelFeatures {
  /// Arithmetic operations: useful ones, and those really executed, with the padding of register blocks.
  double flops = 0, executedFlops = 0;
  /// Bytes of operands and results, each counted once.
  double bytes = 0;
  /// Bytes that packing writes and later reads again.
  double packedBytes = 0;
  /// Vector registers that are live in the innermost loop.
  int64_t registers = 0;
  /// Bytes that the innermost two loops want in the first and the second cache.
  int64_t l1Bytes = 0, l2Bytes = 0;
  int64_t workspaceBytes = 0;
  /// Where the time goes.
  llvm::SmallVector<KernelPart, 4> parts;
  /// Pieces of equal work that workers take even shares of.
  double items = 1;
};

} // namespace tegula

#endif // TEGULA_KERNEL_KERNELFEATURES_H
