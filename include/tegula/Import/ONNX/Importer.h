// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// ONNX model to graph dialect.
#ifndef TEGULA_IMPORT_ONNX_IMPORTER_H
#define TEGULA_IMPORT_ONNX_IMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace tegula {

struct ImportOptions {
  std::string externalDataRoot;
  /// Fixed extents of symbolic dimensions (`--dim name=N`).
  std::vector<std::pair<std::string, int64_t>> dimensions;
  /// Initializers that are inputs too are constants also where the model lets a run override them (from IR version 4).
  bool freezeDefaults = false;
};

/// Imports the model at `path` into a module with one function @main, whose arguments and results carry `graph.name`
/// and `graph.dims` (names of symbolic dimensions). An argument that a run may leave out carries `graph.default`, its
/// elements. Emits located errors and returns null on failure.
mlir::OwningOpRef<mlir::ModuleOp> importOnnxFile(mlir::MLIRContext &context, llvm::StringRef path,
                                                 const ImportOptions &options);
mlir::OwningOpRef<mlir::ModuleOp> importOnnxBytes(mlir::MLIRContext &context, llvm::StringRef bytes,
                                                  const ImportOptions &options);

/// Where a module that does not compile has arguments with defaults: a remark at its location that they can be
/// constants.
void remarkOnDefaults(mlir::ModuleOp module);

} // namespace tegula

#endif
