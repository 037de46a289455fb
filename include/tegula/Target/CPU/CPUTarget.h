// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CPU targets by name, and machine code from LLVM IR.
#ifndef TEGULA_TARGET_CPU_CPUTARGET_H
#define TEGULA_TARGET_CPU_CPUTARGET_H

#include "tegula/Target/TargetBackend.h"

namespace tegula {

/// "host" (this machine's CPU with its features), a level ("x86-64", "x86-64-v2" .. "v4"), or any CPU name that LLVM
/// knows ("znver4", "sapphirerapids", "neoverse-n1"). An unknown name is an error that lists the levels. Behind any of
/// them, "+emulated-tiles" makes the kernels for tile registers, with vector code in place of these.
llvm::Expected<exec::CPUTargetAttr> parseCPUTarget(mlir::MLIRContext &context, llvm::StringRef name);

/// A position-independent target machine.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(exec::CPUTargetAttr target);

/// CPU features that code for `target` may use, comma separated: what the runtime checks before it runs.
std::string getRequiredFeatures(exec::CPUTargetAttr target);

/// The target `cpu`.
const TargetBackend &getCPUBackend();

} // namespace tegula

#endif
