// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The strings of a run. Inside a program a string is its number here, so that kernels move and compare strings as they
// do integers.
#ifndef TEGULA_RUNTIME_STRINGTABLE_H
#define TEGULA_RUNTIME_STRINGTABLE_H

#include "tegula/model.h"

namespace tegula {

class StringTable {
public:
  StringTable() = default;
  StringTable(const StringTable &) = delete;
  StringTable &operator=(const StringTable &) = delete;
  ~StringTable();

  /// The number of a string: equal strings have equal numbers, the empty string is 0. -1 when memory is exhausted.
  int64_t numberOf(const char *data, int64_t size);
  /// The string of a number, valid until the table is cleared; the empty string for a number that is none.
  tegula_string stringOf(int64_t number) const;
  /// Forgets all strings; keeps the table's memory.
  void clear();

private:
  struct Chunk;
  bool grow();
  char *copy(const char *data, int64_t size);

  tegula_string *strings = nullptr; // string k has number k + 1
  uint64_t *hashes = nullptr;
  int64_t count = 0, capacity = 0;
  int64_t *slots = nullptr; // open addressing, 2 * capacity of them: numbers, 0 where free
  Chunk *chunks = nullptr;  // text
};

/// Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
bool isValidUtf8(const char *data, int64_t size);

} // namespace tegula
#endif
