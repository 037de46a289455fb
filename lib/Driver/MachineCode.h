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

/// The host function and, on a CPU, the kernels of `module` (at stage `llvm`), optimized for `target`, with the
/// descriptor.
llvm::Expected<std::string> emitMachineCode(mlir::ModuleOp module, exec::CPUTargetAttr target,
                                            const ExportOptions &options, CodeKind kind,
                                            const SidecarReference &sidecar = {});

} // namespace tegula

#endif
