// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_KERNEL_UNSUPPORTED_H
#define TEGULA_KERNEL_UNSUPPORTED_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Operation.h"

namespace tegula {

/// An error at `op` that says that the target cannot do what the model asks for: no fault of the compiler.
mlir::InFlightDiagnostic emitUnsupported(mlir::Operation *op);
/// Whether the diagnostic is such an error.
bool isUnsupported(mlir::Diagnostic &diagnostic);

} // namespace tegula

#endif
