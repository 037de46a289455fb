// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space, features and lowering of `cpu_convolution` schedules.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_CONVOLUTION_SCHEDULE_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_CONVOLUTION_SCHEDULE_H

#include "tegula/Codegen/Common/BlockedConvolution.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelFamily.h"

namespace tegula::convolution {

mlir::LogicalResult verifySchedule(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                                   const MachineModel &machine, KernelFamily::EmitError emitError);
SearchSpace makeSpace(const Convolution &convolution, const MachineModel &machine);
Configuration chooseDefault(const SearchSpace &space, const Convolution &convolution, const MachineModel &machine);
sched::CPUConvolutionAttr makeSchedule(mlir::MLIRContext *context, const SearchSpace &space,
                                       const Configuration &point);
std::optional<Configuration> findPoint(const SearchSpace &space, sched::CPUConvolutionAttr schedule);
KernelFeatures computeFeatures(sched::CPUConvolutionAttr schedule, const Convolution &convolution,
                               const MachineModel &machine);

/// Replaces the ops of the bufferized kernel by loops over register blocks.
mlir::LogicalResult lowerKernel(mlir::func::FuncOp kernel, sched::CPUConvolutionAttr schedule,
                                const MachineModel &machine);

} // namespace tegula::convolution

#endif
