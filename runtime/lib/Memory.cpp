// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Memory.h"
#include "tegula/abi.h"
#include <sys/mman.h>

namespace tegula {

static constexpr int64_t hugePageBytes = int64_t(2) << 20;

void *allocateAligned(int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 2)
    return nullptr;
  bool big = bytes >= 2 * hugePageBytes;
  size_t alignment = big ? static_cast<size_t>(hugePageBytes) : TEGULA_ALIGNMENT;
  // Rounded up, so that a vector load of the last elements stays inside.
  size_t rounded = (static_cast<size_t>(bytes) + TEGULA_ALIGNMENT) & ~static_cast<size_t>(TEGULA_ALIGNMENT - 1);
  void *storage = nullptr;
  if (posix_memalign(&storage, alignment, rounded) != 0)
    return nullptr;
#ifdef MADV_HUGEPAGE
  if (big)
    madvise(storage, rounded & ~static_cast<size_t>(hugePageBytes - 1), MADV_HUGEPAGE);
#endif
  return storage;
}

void freeAligned(void *storage) { free(storage); }

} // namespace tegula
