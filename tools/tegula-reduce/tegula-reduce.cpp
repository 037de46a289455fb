// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// mlir-reduce with Tegula's dialects and passes: a smaller module that is still interesting to a script.
#include "tegula/Pipelines/Pipelines.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  tegula::registerDialects(registry);
  tegula::registerPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
