// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An artifact in this process: object code linked by JITLink instead of LLD, without a file.
#ifndef TEGULA_EXPORT_LOADEDARTIFACT_H
#define TEGULA_EXPORT_LOADEDARTIFACT_H

#include "tegula/Export/OperationCounts.h"
#include "tegula/abi.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace tegula {

/// Owns the code and the constants of one artifact; both end with it.
class LoadedArtifact {
public:
  /// Links `object`, which defines `<symbol>_query` for this process's CPU, with the constants of `module` (at stage
  /// `llvm`, the one that `object` was made from). Functions of the C and mathematics libraries come from this process.
  /// Code for another kind of machine is an error.
  /// `hasCounts` says that it was made with ExportOptions::countOperations.
  static llvm::Expected<std::unique_ptr<LoadedArtifact>> load(llvm::StringRef object, llvm::StringRef symbol,
                                                              mlir::ModuleOp module, bool hasCounts = false);
  ~LoadedArtifact();

  /// What the query function answers.
  const tegula_artifact &get() const { return *artifact; }
  /// What each kernel counted so far; empty for code without counts.
  llvm::ArrayRef<OperationCount> getOperationCounts() const {
    return {counts, counts ? size_t(artifact->kernel_count) : 0};
  }

private:
  struct Code;
  explicit LoadedArtifact(std::unique_ptr<Code> code);

  std::unique_ptr<Code> code;
  const tegula_artifact *artifact = nullptr;
  const OperationCount *counts = nullptr;
};

} // namespace tegula

#endif
