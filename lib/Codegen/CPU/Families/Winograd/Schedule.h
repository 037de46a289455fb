// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space, features and lowering of `cpu_winograd` schedules.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_WINOGRAD_SCHEDULE_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_WINOGRAD_SCHEDULE_H

#include "tegula/Codegen/Common/BlockedConvolution.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelFamily.h"

namespace tegula::winograd {

/// A convolution of 3 x 3 kernels in the Winograd domain: three steps, as graph.blocked_conv is lowered.
struct Kernel {
  /// The last step is the core's; its loops are n, block of output channels, row, column, lane, position.
  matmul::KernelCore core;
  mlir::linalg::GenericOp operandStep, productStep;
  /// The side of a tile of the result, and of the operand (`tile` + 2).
  int64_t tile = 0, side = 0;
  /// Blocks, and channels in a block, of result and operand.
  int64_t outerBlocks = 0, lanes = 0, innerBlocks = 0, channels = 0;

  int64_t extent(convolution::Loop loop) const { return core.info.extents[loop]; }
  int64_t positions() const { return side * side; }
  int64_t innerChannels() const { return innerBlocks * channels; }
  int64_t outerChannels() const { return outerBlocks * lanes; }
  mlir::Value x() const { return mlir::linalg::GenericOp(operandStep)->getOperand(0); }
  mlir::Value weight() const { return mlir::linalg::GenericOp(productStep)->getOperand(1); }
};
/// Finds it in a function on tensors or memrefs; with `whole`, only if the rest of the kernel can be lowered too.
bool findKernel(mlir::func::FuncOp function, Kernel &kernel, bool whole);

mlir::LogicalResult verifySchedule(sched::CPUWinogradAttr schedule, const Kernel &kernel, const MachineModel &machine,
                                   KernelFamily::EmitError emitError);
SearchSpace makeSpace(const Kernel &kernel, const MachineModel &machine);
Configuration chooseDefault(const SearchSpace &space, const Kernel &kernel, const MachineModel &machine);
sched::CPUWinogradAttr makeSchedule(mlir::MLIRContext *context, const SearchSpace &space, const Configuration &point);
std::optional<Configuration> findPoint(const SearchSpace &space, sched::CPUWinogradAttr schedule);
KernelFeatures computeFeatures(sched::CPUWinogradAttr schedule, const Kernel &kernel, const MachineModel &machine);

/// Replaces the ops of the bufferized kernel by loops over groups of tiles.
mlir::LogicalResult lowerKernel(mlir::func::FuncOp function, sched::CPUWinogradAttr schedule);

} // namespace tegula::winograd

#endif
