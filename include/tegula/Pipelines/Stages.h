// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The stages that data walks through: one table for the driver, tegula-opt, `--emit=` and the documentation.
#ifndef TEGULA_PIPELINES_STAGES_H
#define TEGULA_PIPELINES_STAGES_H

#include "tegula/Target/TargetBackend.h"

#include "mlir/Pass/PassManager.h"

namespace tegula {

struct Stage {
  llvm::StringRef name;     ///< value of `--emit=`, pipeline `tegula-<name>`
  llvm::StringRef summary;  ///< what it does
  llvm::StringRef contract; ///< what holds after it
  void (*build)(mlir::OpPassManager &manager, const TargetBackend &target);
};

/// In order; the first is `graph`, which follows import.
llvm::ArrayRef<Stage> getStages();
const Stage *findStage(llvm::StringRef name);

} // namespace tegula

#endif
