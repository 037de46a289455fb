// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Schedules from a tuning database, for the compiler.
//
#ifndef TEGULA_TUNER_SELECT_DATABASESCHEDULES_H
#define TEGULA_TUNER_SELECT_DATABASESCHEDULES_H

#include "tegula/Tuner/Select/ScheduleLookup.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Kernel/KernelSignature.h"

#include "mlir/IR/BuiltinOps.h"

namespace tegula::tuner {

/// The target of a module as the database and lock files name it: "znver4", "nvptx:sm_90"; "" without one.
std::string targetText(mlir::ModuleOp module);

/// The rungs for a kernel with a key in a module at stage `kernels`, up to the first that stands or all of them. The
/// lookup's target is the module's, and so are the constants.
llvm::Expected<std::vector<RungAnswer>> askForKernel(ScheduleLookup &lookup, const ConstantOperands &constants,
                                                     exec::KernelOp kernel, bool all = false);

/// Gives each kernel of `module` (at stage `kernels`) that has no schedule the best one that the database knows for it
/// here, with a provenance that says from which rung, "database (exact)"; a kernel without one stays as it is. Returns
/// how many got one. `here` need not name a workload or target. Fails when the database cannot be read, or when a
/// schedule that this toolchain compiled for the kernel is not legal for it.
llvm::Expected<unsigned> applySchedules(const Database &database, Lookup here, mlir::ModuleOp module);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_DATABASESCHEDULES_H
