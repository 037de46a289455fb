// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The block of sums that an innermost loop keeps in vector registers: what the schedules of CPU families have in
// common.
//
#ifndef TEGULA_CODEGEN_COMMON_REGISTERBLOCK_H
#define TEGULA_CODEGEN_COMMON_REGISTERBLOCK_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// Straight-line code beyond this many multiply-adds overflows the decoded-instruction caches.
constexpr int64_t maxUnrolledOps = 112;

/// Knob values: those below `extent`, and the first that covers it; all of them for a dynamic extent.
llvm::SmallVector<int64_t> valuesCovering(llvm::ArrayRef<int64_t> values, int64_t extent);

namespace convolution {

/// Sums of a convolution on blocked channels: `blocks` blocks of output channels, each in `perBlock` vector
/// registers, at `places` places of the image (or tiles of it).
struct RegisterBlock {
  int64_t blocks, places, perBlock;
  /// Registers for constants and intermediate results.
  int64_t others = 0;
  /// Whether a round holds the broadcast element of each place, and loads weights one by one; else the reverse.
  bool holdsInputs = false;

  /// The sums, a weight for each block and one broadcast element, or an element for each place and one weight; others.
  int64_t registers() const {
    return perBlock * blocks * places + (holdsInputs ? places : perBlock * blocks) + 1 + others;
  }
  /// Multiply-adds of `unroll` rounds.
  int64_t operations(int64_t unroll) const { return perBlock * blocks * places * unroll; }
  /// The loop that sums `rounds` products for each sum, each with so many instructions, begun `runs` times.
  RegisterLoop loop(double runs, double rounds, int64_t unroll, double instructions = 1) const;
  /// Estimated cycles of a round: two multiply-adds or two loads in each, a latency of four for a chain of sums.
  double cycles() const;
};

/// Vector registers of one block of `lanes` channels.
int64_t registersPerBlock(int64_t lanes, const MachineModel &machine);

/// An extent of the image, or what stands for a dynamic one in estimates.
int64_t estimatedExtent(int64_t extent);
/// Estimated bytes of tensors or buffers.
double estimatedBytes(mlir::ValueRange values);

/// Knob values: blocks of channels, at most `blocks` of them, and places or tiles, at most `places`.
llvm::SmallVector<int64_t> blockValues(int64_t blocks);
llvm::SmallVector<int64_t> placeValues(int64_t places);
/// Those of `values` that are at most `extent`, or at most one.
llvm::SmallVector<int64_t> valuesUpTo(llvm::ArrayRef<int64_t> values, int64_t extent);

/// Calls `see(length, count)` for the whole pieces of `length` in `extent` and for the rest.
void forPieces(int64_t extent, int64_t length, llvm::function_ref<void(int64_t, int64_t)> see);

/// Constraints between the knobs `blocks`, `places` (whose product counts) and `unroll`; a register block has as many
/// registers for a block of channels, and others, as `like`. `holdsInputs` is the knob for that, where there is one.
void addRegisterConstraints(SearchSpace &space, llvm::ArrayRef<llvm::StringRef> places, const RegisterBlock &like,
                            const MachineModel &machine, llvm::StringRef holdsInputs = "");
/// The same for a schedule; `channels` are those of a block of the operand, which unroll divides.
mlir::LogicalResult verifyBlock(const RegisterBlock &block, int64_t unroll, int64_t channels,
                                const MachineModel &machine, KernelFamily::EmitError emitError);
/// The largest value of the knob `unroll`, up to four, that these constraints allow.
int64_t chooseUnroll(const SearchSpace &space, const RegisterBlock &block);

} // namespace convolution
} // namespace tegula

#endif // TEGULA_CODEGEN_COMMON_REGISTERBLOCK_H
