// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// mlir-opt with Tegula's dialects, passes and stage pipelines.
#include "tegula/Driver/InProcessEvaluator.h"
#include "tegula/Pipelines/Pipelines.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  tegula::registerDialects(registry);
  tegula::registerConstantEvaluator(registry);
  tegula::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Tegula optimizer driver\n", registry));
}
