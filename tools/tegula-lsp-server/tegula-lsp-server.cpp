// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// mlir-lsp-server with Tegula's dialects: diagnostics, hover, definitions and completion for editors.
#include "tegula/Pipelines/Pipelines.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  tegula::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
