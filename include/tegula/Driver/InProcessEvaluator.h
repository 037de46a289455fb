// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The constant evaluator: compiles with the stages of every compilation and runs the code in this process.
#ifndef TEGULA_DRIVER_INPROCESSEVALUATOR_H
#define TEGULA_DRIVER_INPROCESSEVALUATOR_H

#include "mlir/IR/DialectRegistry.h"

namespace tegula {

/// Every context of `registry` gets the evaluator together with the graph dialect.
void registerConstantEvaluator(mlir::DialectRegistry &registry);

} // namespace tegula

#endif
