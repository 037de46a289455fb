// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// LLVM IR, assembly text or object code of a module: what a compilation and the constant evaluator share.
#ifndef TEGULA_DRIVER_MACHINECODE_H
#define TEGULA_DRIVER_MACHINECODE_H

#include "tegula/Export/Artifact.h"
#include "tegula/Target/CPU/CPUTarget.h"

namespace tegula {

enum class CodeKind { IR, Assembly, Object };

/// Constants of an artifact that lie in a file beside it; no name: there is no such file.
struct SidecarReference {
  std::string name;
  uint64_t hash = 0;
};

/// What an artifact holds for one level of a processor.
struct LevelCode {
  mlir::ModuleOp module;      ///< at stage `llvm`
  exec::CPUTargetAttr target; ///< of the host function and, on a CPU, of the kernels
  ExportOptions options;
};

/// The code of all levels, each optimized for its target, with the descriptors. There is one level at least; they have
/// the same symbols.
llvm::Expected<std::string> emitMachineCode(llvm::ArrayRef<LevelCode> levels, CodeKind kind,
                                            const SidecarReference &sidecar = {});

} // namespace tegula

#endif
