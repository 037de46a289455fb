// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "StringTable.h"
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tegula {

struct StringTable::Chunk {
  Chunk *next;
  int64_t used, size;
  char text[1];
};

static constexpr int64_t chunkBytes = 1 << 16;

StringTable::~StringTable() {
  clear();
  free(strings);
  free(hashes);
  free(slots);
}

void StringTable::clear() {
  while (chunks) {
    Chunk *next = chunks->next;
    free(chunks);
    chunks = next;
  }
  if (count)
    memset(slots, 0, sizeof(int64_t) * static_cast<size_t>(2 * capacity));
  count = 0;
}

bool StringTable::grow() {
  int64_t wanted = capacity ? 2 * capacity : 64;
  auto size = static_cast<size_t>(wanted);
  auto *newSlots = static_cast<int64_t *>(calloc(2 * size, sizeof(int64_t)));
  auto *newStrings = static_cast<tegula_string *>(realloc(strings, size * sizeof(tegula_string)));
  if (newStrings)
    strings = newStrings;
  auto *newHashes = static_cast<uint64_t *>(realloc(hashes, size * sizeof(uint64_t)));
  if (newHashes)
    hashes = newHashes;
  if (!newSlots || !newStrings || !newHashes) {
    free(newSlots);
    return false;
  }
  free(slots);
  slots = newSlots;
  capacity = wanted;
  uint64_t mask = static_cast<uint64_t>(2 * capacity) - 1;
  for (int64_t k = 0; k < count; ++k) {
    uint64_t at = hashes[k] & mask;
    while (slots[at])
      at = (at + 1) & mask;
    slots[at] = k + 1;
  }
  return true;
}

char *StringTable::copy(const char *data, int64_t size) {
  if (!chunks || chunks->size - chunks->used < size) {
    int64_t bytes = size > chunkBytes ? size : chunkBytes;
    auto *fresh = static_cast<Chunk *>(malloc(sizeof(Chunk) + static_cast<size_t>(bytes)));
    if (!fresh)
      return nullptr;
    fresh->next = chunks;
    fresh->used = 0;
    fresh->size = bytes;
    chunks = fresh;
  }
  char *target = chunks->text + chunks->used;
  memcpy(target, data, static_cast<size_t>(size));
  chunks->used += size;
  return target;
}

int64_t StringTable::numberOf(const char *data, int64_t size) {
  if (size == 0)
    return 0;
  if (count == capacity && !grow())
    return -1;
  uint64_t hash = XXH3_64bits(data, static_cast<size_t>(size)), mask = static_cast<uint64_t>(2 * capacity) - 1;
  uint64_t at = hash & mask;
  for (; slots[at]; at = (at + 1) & mask) {
    const tegula_string &known = strings[slots[at] - 1];
    if (hashes[slots[at] - 1] == hash && known.size == size && !memcmp(known.data, data, static_cast<size_t>(size)))
      return slots[at];
  }
  char *text = copy(data, size);
  if (!text)
    return -1;
  strings[count] = {text, size};
  hashes[count] = hash;
  slots[at] = ++count;
  return count;
}

tegula_string StringTable::stringOf(int64_t number) const {
  return number > 0 && number <= count ? strings[number - 1] : tegula_string{"", 0};
}

bool isValidUtf8(const char *data, int64_t size) {
  auto *bytes = reinterpret_cast<const unsigned char *>(data);
  for (int64_t k = 0; k < size;) {
    unsigned first = bytes[k++];
    if (first < 0x80)
      continue;
    int following = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || size - k < following)
      return false;
    unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    for (; following > 0; --following, low = 0x80, high = 0xBF)
      if (bytes[k] < low || bytes[k++] > high)
        return false;
  }
  return true;
}

} // namespace tegula
