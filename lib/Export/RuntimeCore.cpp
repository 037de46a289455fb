// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Export/RuntimeCore.h"

#include "llvm/BinaryFormat/ELF.h"

using namespace tegula;

// Defined by the object that runtime/core makes of the files.
#define EMBEDDED(name)                                                                                                 \
  extern "C" __attribute__((visibility("hidden"))) const char name##_begin[], name##_end[];                            \
  static llvm::StringRef name() { return {name##_begin, size_t(name##_end - name##_begin)}; }

EMBEDDED(tegula_core_x86_64_archive)
EMBEDDED(tegula_core_x86_64_c)
EMBEDDED(tegula_core_x86_64_m)
EMBEDDED(tegula_core_x86_64_ld)
#ifdef TEGULA_HAS_AARCH64_CORE
EMBEDDED(tegula_core_aarch64_archive)
EMBEDDED(tegula_core_aarch64_c)
EMBEDDED(tegula_core_aarch64_m)
EMBEDDED(tegula_core_aarch64_ld)
#endif
EMBEDDED(tegula_instance_header)

const RuntimeCore *tegula::findRuntimeCore(uint16_t elfMachine) {
  static const RuntimeCore x86{tegula_core_x86_64_archive(),
                               {tegula_core_x86_64_c(), tegula_core_x86_64_m(), tegula_core_x86_64_ld()}};
#ifdef TEGULA_HAS_AARCH64_CORE
  static const RuntimeCore aarch64{tegula_core_aarch64_archive(),
                                   {tegula_core_aarch64_c(), tegula_core_aarch64_m(), tegula_core_aarch64_ld()}};
  if (elfMachine == llvm::ELF::EM_AARCH64)
    return &aarch64;
#endif
  return elfMachine == llvm::ELF::EM_X86_64 ? &x86 : nullptr;
}

llvm::StringRef tegula::getInstanceHeader() { return tegula_instance_header(); }
