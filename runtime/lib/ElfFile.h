// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A look into a shared library before the dynamic loader gets it: the loader trusts its headers, and would raise
// SIGBUS for a truncated file.
#ifndef TEGULA_RUNTIME_ELFFILE_H
#define TEGULA_RUNTIME_ELFFILE_H

#include "Memory.h"
#include "tegula/model.h"
#include <sys/types.h>

namespace tegula {

struct ArtifactFile {
  String querySymbol; // the file's only exported function that ends in "_query"
  dev_t device = 0;
  ino_t inode = 0;
};

/// Checks that `path` is a complete shared library for this machine and finds its query function.
tegula_error inspectArtifactFile(const char *path, ArtifactFile &file);

} // namespace tegula
#endif
