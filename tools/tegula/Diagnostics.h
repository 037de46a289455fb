// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiler diagnostics as a user reads them: "model.onnx: node 'conv_17' (Conv, opset 13): error: ...".
#ifndef TEGULA_TOOLS_TEGULA_DIAGNOSTICS_H
#define TEGULA_TOOLS_TEGULA_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include <string>
#include <vector>

namespace tegula::tool {

/// The innermost name of a location, "file:line:column", or "" where nothing is known.
std::string locationText(mlir::Location location);

/// While it lives, errors, warnings and their notes go to stderr, each once; errors are kept too.
class DiagnosticPrinter {
public:
  explicit DiagnosticPrinter(mlir::MLIRContext &context);

  struct Error {
    std::string location, message;
  };
  const std::vector<Error> &errors() const { return seen; }

private:
  std::vector<Error> seen;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace tegula::tool

#endif
