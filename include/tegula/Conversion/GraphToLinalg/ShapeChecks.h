// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What static types cannot promise of operands that are read together. Internal to lib/Conversion/GraphToLinalg.
#ifndef TEGULA_CONVERSION_GRAPHTOLINALG_SHAPECHECKS_H
#define TEGULA_CONVERSION_GRAPHTOLINALG_SHAPECHECKS_H

#include "mlir/IR/BuiltinOps.h"

namespace tegula {

/// Puts an exec.check in front of each linalg.generic and exec.broadcast_view of the host function for extents that
/// must be equal (or 1, where they broadcast) and are not known to be, so that nothing is read outside a tensor. Loops
/// that are part of a kernel are left to the lowering that makes them.
void insertShapeChecks(mlir::ModuleOp module);

} // namespace tegula

#endif
