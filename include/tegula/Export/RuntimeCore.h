// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Files inside the compiler that become a part of what it writes.
#ifndef TEGULA_EXPORT_RUNTIMECORE_H
#define TEGULA_EXPORT_RUNTIMECORE_H

#include "llvm/ADT/StringRef.h"

namespace tegula {

/// What a compiled model is linked with; see runtime/core.
struct RuntimeCore {
  llvm::StringRef archive;      ///< static library with hidden symbols
  llvm::StringRef libraries[3]; ///< stand-ins for the C library, the mathematical library and the dynamic loader
};

/// Null when this compiler was built without the core for an ELF machine.
const RuntimeCore *findRuntimeCore(uint16_t elfMachine);

/// The text of tegula/instance.h.
llvm::StringRef getInstanceHeader();

} // namespace tegula

#endif
