// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Kernel/Unsupported.h"

using namespace mlir;

static constexpr llvm::StringLiteral mark = "tegula.unsupported";

InFlightDiagnostic tegula::emitUnsupported(Operation *op) {
  InFlightDiagnostic diagnostic = op->emitError();
  if (Diagnostic *underlying = diagnostic.getUnderlyingDiagnostic())
    underlying->getMetadata().emplace_back(StringRef(mark));
  return diagnostic;
}

bool tegula::isUnsupported(Diagnostic &diagnostic) {
  return llvm::any_of(diagnostic.getMetadata(), [](DiagnosticArgument &argument) {
    return argument.getKind() == DiagnosticArgument::DiagnosticArgumentKind::String && argument.getAsString() == mark;
  });
}
