// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The file beside an artifact that holds big constants, memory-mapped.
#ifndef TEGULA_RUNTIME_SIDECAR_H
#define TEGULA_RUNTIME_SIDECAR_H

#include "tegula/model.h"
#include <stddef.h>

namespace tegula {

class Sidecar {
public:
  Sidecar() = default;
  Sidecar(const Sidecar &) = delete;
  Sidecar &operator=(const Sidecar &) = delete;
  ~Sidecar();

  /// Maps `artifact`'s sidecar out of `directory` and checks its size and, if `checkHash`, its contents.
  tegula_error open(const tegula_artifact &artifact, const char *directory, bool checkHash);
  const void *data() const { return mapped; }

private:
  void *mapped = nullptr;
  size_t size = 0;
};

} // namespace tegula
#endif
