// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What an artifact exports beside its query function.
#ifndef TEGULA_EXPORT_ENTRYPOINTS_H
#define TEGULA_EXPORT_ENTRYPOINTS_H

#include "tegula/Export/Artifact.h"

namespace tegula {

/// Defines the functions of the model's header in `module`; each calls its like in the runtime core.
void addEntryPoints(llvm::Module &module, const ExportOptions &options, llvm::Constant *descriptor);

} // namespace tegula

#endif
