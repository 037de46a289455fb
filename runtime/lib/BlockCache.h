// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Storage for values whose size is known only while the model runs. Blocks stay in the cache between runs, so a
// steady state allocates nothing; a block that no run has wanted for a while goes back to the system.
#ifndef TEGULA_RUNTIME_BLOCKCACHE_H
#define TEGULA_RUNTIME_BLOCKCACHE_H

#include <stdint.h>

namespace tegula {

class BlockCache {
public:
  BlockCache() = default;
  BlockCache(const BlockCache &) = delete;
  BlockCache &operator=(const BlockCache &) = delete;
  ~BlockCache();

  /// 64-byte aligned, never null for 0 bytes; null when memory is exhausted.
  void *allocate(int64_t bytes);
  /// Takes back what allocate gave; null is ignored.
  void release(void *pointer);
  /// Takes back everything that is still allocated.
  void endRun();

private:
  struct Block;
  static constexpr int classCount = 4 * 64;
  static constexpr int64_t runsKept = 16;

  static int sizeClass(int64_t bytes);
  static int64_t classBytes(int sizeClass);
  static void freeList(Block *list);

  Block *freeBlocks[classCount] = {};
  Block *used = nullptr; // doubly linked, so that release takes constant time
  uint64_t occupiedClasses[classCount / 64] = {};
  int64_t run = 0;
};

} // namespace tegula
#endif
