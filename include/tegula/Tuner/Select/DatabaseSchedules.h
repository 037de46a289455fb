// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Schedules from a tuning database, for the compiler.
//
#ifndef TEGULA_TUNER_SELECT_DATABASESCHEDULES_H
#define TEGULA_TUNER_SELECT_DATABASESCHEDULES_H

#include "tegula/Tuner/Database/Database.h"

#include "mlir/IR/BuiltinOps.h"

namespace tegula::tuner {

/// The target of a module as the database and lock files name it: "znver4", "nvptx:sm_90"; "" without one.
std::string targetText(mlir::ModuleOp module);

/// Gives each kernel of `module` (at stage `kernels`) that has no schedule the best one that the database knows for its
/// key, with provenance "database"; a kernel that it does not know stays as it is. Returns how many got one. Fails when
/// the database cannot be read, or when a schedule in it is none of this compiler or not legal for the kernel.
llvm::Expected<unsigned> applySchedules(const Database &database, const Device &device, unsigned threads,
                                        mlir::ModuleOp module);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_DATABASESCHEDULES_H
