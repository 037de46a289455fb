// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Registration of dialects, passes and stage pipelines for every tool.
#ifndef TEGULA_PIPELINES_PIPELINES_H
#define TEGULA_PIPELINES_PIPELINES_H

#include "mlir/IR/DialectRegistry.h"

namespace tegula {

/// All dialects that any stage holds, with the interface models that the passes need.
void registerDialects(mlir::DialectRegistry &registry);
/// Our passes, the upstream passes that our pipelines use, and one pipeline `tegula-<stage>` per stage.
void registerPasses();

} // namespace tegula

#endif
