// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space, features and lowering of `cpu_depthwise` schedules.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_DEPTHWISE_SCHEDULE_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_DEPTHWISE_SCHEDULE_H

#include "tegula/Codegen/Common/BlockedConvolution.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelFamily.h"

namespace tegula::depthwise {

/// The loops behind those of the result (convolution::Batch to convolution::Lane): kernel row, group of kernel columns,
/// column in it.
enum Loop : unsigned { KernelRow = convolution::Lane + 1, KernelColumn, Part, loopCount };

/// A convolution of each channel by itself: y[n, block, row, column, lane] is the sum of x[n, block, row * stride +
/// kernel row * dilation, column * stride + kernel column * dilation, lane] * weight[block, kernel row, group, lane,
/// column in it].
struct Depthwise {
  ContractionInfo info;
  /// Operand numbers.
  unsigned x = 0, weight = 1;
  convolution::Grouping grouping;
  /// Weights of a channel, in groups.
  int64_t positions() const { return info.extents[KernelRow] * info.extents[KernelColumn]; }
};

/// Whether `info` is one.
bool matchDepthwise(const ContractionInfo &info, Depthwise &depthwise);

/// Whether all weights of a block of channels stay in registers.
bool holdsWeights(const Depthwise &depthwise, const MachineModel &machine);

mlir::LogicalResult verifySchedule(sched::CPUDepthwiseAttr schedule, const Depthwise &depthwise,
                                   const MachineModel &machine, KernelFamily::EmitError emitError);
SearchSpace makeSpace(const Depthwise &depthwise, const MachineModel &machine);
Configuration chooseDefault(const SearchSpace &space, const Depthwise &depthwise, const MachineModel &machine);
KernelFeatures computeFeatures(sched::CPUDepthwiseAttr schedule, const Depthwise &depthwise,
                               const MachineModel &machine);

/// Replaces the ops of the bufferized kernel by loops over rows of places.
mlir::LogicalResult lowerKernel(mlir::func::FuncOp kernel, sched::CPUDepthwiseAttr schedule,
                                const MachineModel &machine);

} // namespace tegula::depthwise

#endif
