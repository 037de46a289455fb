// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "BlockCache.h"
#include "Memory.h"
#include "tegula/abi.h"

namespace tegula {

struct alignas(TEGULA_ALIGNMENT) BlockCache::Block {
  Block *next;
  Block *previous; // null: first of the list
  int64_t lastRun;
  int sizeClass;
};

// Four classes to each power of two, from 64 bytes: at most a quarter of a block is lost.
int64_t BlockCache::classBytes(int sizeClass) {
  int64_t power = int64_t(64) << (sizeClass / 4);
  return power + (power / 4) * (sizeClass % 4);
}

int BlockCache::sizeClass(int64_t bytes) {
  if (bytes <= 64)
    return 0;
  int log = 63 - __builtin_clzll(static_cast<uint64_t>(bytes));
  int at = 4 * (log - 6);
  while (classBytes(at) < bytes)
    ++at;
  return at;
}

void BlockCache::freeList(Block *list) {
  while (list) {
    Block *next = list->next;
    freeAligned(list);
    list = next;
  }
}

BlockCache::~BlockCache() {
  freeList(used);
  for (Block *list : freeBlocks)
    freeList(list);
}

void *BlockCache::allocate(int64_t bytes) {
  if (bytes < 0 || bytes > (int64_t(1) << 60))
    return nullptr;
  int wanted = sizeClass(bytes);
  Block *block = freeBlocks[wanted];
  if (block) {
    freeBlocks[wanted] = block->next;
  } else {
    block = static_cast<Block *>(allocateAligned(classBytes(wanted) + static_cast<int64_t>(sizeof(Block))));
    if (!block)
      return nullptr;
    block->sizeClass = wanted;
    occupiedClasses[wanted / 64] |= uint64_t(1) << (wanted % 64);
  }
  block->lastRun = run;
  block->previous = nullptr;
  block->next = used;
  if (used)
    used->previous = block;
  used = block;
  return block + 1;
}

void BlockCache::release(void *pointer) {
  if (!pointer)
    return;
  Block *block = static_cast<Block *>(pointer) - 1;
  if (block->next)
    block->next->previous = block->previous;
  (block->previous ? block->previous->next : used) = block->next;
  block->next = freeBlocks[block->sizeClass];
  freeBlocks[block->sizeClass] = block;
}

void BlockCache::endRun() {
  while (used)
    release(used + 1);
  ++run;
  for (int word = 0; word < classCount / 64; ++word) {
    for (uint64_t left = occupiedClasses[word]; left; left &= left - 1) {
      int at = 64 * word + __builtin_ctzll(left);
      Block **link = &freeBlocks[at];
      while (Block *block = *link) {
        if (run - block->lastRun <= runsKept) {
          link = &block->next;
          continue;
        }
        *link = block->next;
        freeAligned(block);
      }
      if (!freeBlocks[at])
        occupiedClasses[word] &= ~(uint64_t(1) << (at % 64));
    }
  }
}

} // namespace tegula
