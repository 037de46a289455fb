// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Memory.h"
#include "tegula/abi.h"
#include <sys/mman.h>

namespace tegula {

static constexpr int64_t hugePageBytes = int64_t(2) << 20;

static thread_local const tegula_host *currentHost = nullptr; // null: the C library

AllocatorScope::AllocatorScope(const tegula_host &host) : outer(currentHost) {
  currentHost = host.allocate ? &host : nullptr;
}
AllocatorScope::~AllocatorScope() { currentHost = outer; }

void *allocateBytes(size_t alignment, size_t bytes) {
  if (alignment < sizeof(void *))
    alignment = sizeof(void *);
  if (currentHost)
    return currentHost->allocate(currentHost->state, alignment, bytes);
  void *storage = nullptr;
  return posix_memalign(&storage, alignment, bytes) == 0 ? storage : nullptr;
}

void freeBytes(void *storage) {
  if (!currentHost)
    free(storage);
  else if (storage)
    currentHost->release(currentHost->state, storage);
}

void *allocateAligned(int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX / 2)
    return nullptr;
  bool big = bytes >= 2 * hugePageBytes;
  size_t alignment = big ? static_cast<size_t>(hugePageBytes) : TEGULA_ALIGNMENT;
  // Rounded up, so that a vector load of the last elements stays inside.
  size_t rounded = (static_cast<size_t>(bytes) + TEGULA_ALIGNMENT) & ~static_cast<size_t>(TEGULA_ALIGNMENT - 1);
  void *storage = allocateBytes(alignment, rounded);
#ifdef MADV_HUGEPAGE
  if (big && storage && !currentHost)
    madvise(storage, rounded & ~static_cast<size_t>(hugePageBytes - 1), MADV_HUGEPAGE);
#endif
  return storage;
}

void freeAligned(void *storage) { freeBytes(storage); }

} // namespace tegula
