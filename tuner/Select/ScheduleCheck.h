// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_TUNER_SELECT_SCHEDULECHECK_H
#define TEGULA_TUNER_SELECT_SCHEDULECHECK_H

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Kernel/KernelFamily.h"

#include "mlir/IR/BuiltinOps.h"

namespace tegula::tuner {

/// Whether the schedule is one of a family of the module's target that takes the kernel, and legal for it.
mlir::LogicalResult checkSchedule(mlir::ModuleOp module, exec::KernelOp kernel, mlir::Attribute schedule,
                                  KernelFamily::EmitError emitError);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_SCHEDULECHECK_H
