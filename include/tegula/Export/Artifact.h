// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From a module at stage `llvm` to an artifact: LLVM IR with the descriptor, the constant section, the shared library.
#ifndef TEGULA_EXPORT_ARTIFACT_H
#define TEGULA_EXPORT_ARTIFACT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace tegula {

struct RuntimeCore;

struct ExportOptions {
  std::string modelName;  ///< graph name in the descriptor
  std::string symbol;     ///< the exported function is `<symbol>_query`
  std::string targetName; ///< as the user wrote it
  std::string features;   ///< CPU features that the runtime checks
  unsigned level = 0;     ///< which of `levelCount` levels the code is for, 0 being the best
  unsigned levelCount = 1;
  std::string provenance; ///< JSON
  std::string deviceCode; ///< PTX text of all kernels; empty for a CPU target
  /// Define `<symbol>_create` and the other functions of makeHeader, which call the runtime core.
  bool entryPoints = false;
  bool countOperations = false;                     ///< kernels count their arithmetic: OperationCounts.h
  std::string constantsSymbol = "tegula_constants"; ///< what the constants are called in another object
  /// Constants of more bytes than this go to a sidecar file next to the library.
  int64_t sidecarThreshold = int64_t(256) << 20;
};

/// Translates host function, kernels (on a CPU) and descriptor of one level into one LLVM module, which addEntryPoints
/// completes. The constants are an undefined symbol `constantsSymbol`, or absent when they go to the sidecar named
/// `sidecar` with hash `sidecarHash`.
llvm::Expected<std::unique_ptr<llvm::Module>> translateToLLVM(mlir::ModuleOp module, llvm::LLVMContext &context,
                                                              const ExportOptions &options, llvm::StringRef sidecar,
                                                              uint64_t sidecarHash);

/// Defines `<symbol>_query` and, with options.entryPoints, `<symbol>_create` and so on in a module that holds the
/// translation of all levels: code for every processor of the kind, because it runs before the choice of a level.
void addEntryPoints(llvm::Module &module, const ExportOptions &options);

/// The phases of all GPU kernels as one LLVM module, for the target to turn into text.
llvm::Expected<std::unique_ptr<llvm::Module>> translateDeviceCode(mlir::ModuleOp module, llvm::LLVMContext &context);

/// Bytes of the module's constant section.
int64_t getConstantBytes(mlir::ModuleOp module);
/// Writes the constants at their planned offsets into `buffer` of getConstantBytes() bytes, which is zero.
llvm::Error writeConstants(mlir::ModuleOp module, llvm::MutableArrayRef<char> buffer);
/// Writes an ELF object with section .tegula.constants that defines `symbol`; the content goes straight into the mapped
/// file.
llvm::Error writeConstantObject(mlir::ModuleOp module, llvm::StringRef path, llvm::StringRef symbol,
                                uint16_t elfMachine);

/// Links objects and what they use of `core` into a shared library in process. One caller at a time; fails for good
/// once LLD says so.
llvm::Error linkSharedLibrary(const std::vector<std::string> &objects, const RuntimeCore &core, llvm::StringRef soname,
                              llvm::StringRef output);

/// The C header of an artifact: documents inputs and outputs, repeats tegula/instance.h and declares what the artifact
/// exports.
std::string makeHeader(mlir::ModuleOp module, const ExportOptions &options);

} // namespace tegula

#endif
