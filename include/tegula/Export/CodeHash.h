// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whether two artifacts run the same code.
#ifndef TEGULA_EXPORT_CODEHASH_H
#define TEGULA_EXPORT_CODEHASH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace tegula {

/// XXH3 of 128 bits, as 32 hexadecimal digits, of what an object file of an artifact executes: the bytes of its local
/// functions (kernels, host function), which do not depend on its name, their relocations, the sections that these lead
/// to, and `facts`, texts that say what else decides how it runs. What only describes the artifact (schedules,
/// provenance, names of nodes) counts where code reads it. Equal hashes mean equal code.
llvm::Expected<std::string> hashCode(llvm::StringRef object, llvm::ArrayRef<std::string> facts = {});

} // namespace tegula

#endif // TEGULA_EXPORT_CODEHASH_H
