// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Of the static binary only. LLD starts every code generator that LLVM was built with, for link-time optimization,
// which Tegula never asks for. What is empty here keeps the archives of other processors, half of the binary, out of
// it.
#include "llvm/Plugins/PassPlugin.h"

#define UNUSED_TARGET(name)                                                                                            \
  extern "C" void LLVMInitialize##name##TargetInfo() {}                                                                \
  extern "C" void LLVMInitialize##name##Target() {}                                                                    \
  extern "C" void LLVMInitialize##name##TargetMC() {}                                                                  \
  extern "C" void LLVMInitialize##name##AsmParser() {}                                                                 \
  extern "C" void LLVMInitialize##name##AsmPrinter() {}

UNUSED_TARGET(AMDGPU)
UNUSED_TARGET(ARM)
UNUSED_TARGET(AVR)
UNUSED_TARGET(BPF)
UNUSED_TARGET(Hexagon)
UNUSED_TARGET(Lanai)
UNUSED_TARGET(LoongArch)
UNUSED_TARGET(M68k)
UNUSED_TARGET(MSP430)
UNUSED_TARGET(Mips)
UNUSED_TARGET(PowerPC)
UNUSED_TARGET(RISCV)
UNUSED_TARGET(SPIRV)
UNUSED_TARGET(Sparc)
UNUSED_TARGET(SystemZ)
UNUSED_TARGET(VE)
UNUSED_TARGET(WebAssembly)
UNUSED_TARGET(XCore)
UNUSED_TARGET(Xtensa)

// The same optimizer registers Polly, a loop optimizer in a package of its own. LLVM declares this in no header.
llvm::PassPluginLibraryInfo getPollyPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "without-polly", LLVM_VERSION_STRING, [](llvm::PassBuilder &) {}};
}
