// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Strings that are made one after the other, as a tensor in the end.
#ifndef TEGULA_RUNTIME_STRINGBUILDER_H
#define TEGULA_RUNTIME_STRINGBUILDER_H

#include "Value.h"

namespace tegula {

class StringBuilder {
public:
  StringBuilder() = default;
  StringBuilder(const StringBuilder &) = delete;
  StringBuilder &operator=(const StringBuilder &) = delete;
  ~StringBuilder() {
    free(text);
    free(ends);
  }

  /// Adds to the text of the current string.
  void append(const char *data, int64_t size) {
    if (size == 0 || !reserve(text, textCapacity, used + size))
      return;
    memcpy(text + used, data, static_cast<size_t>(size));
    used += size;
  }
  /// Ends the current string.
  void finish() {
    if (!reserve(ends, endCapacity, (count + 1) * int64_t(sizeof(int64_t))))
      return;
    reinterpret_cast<int64_t *>(ends)[count++] = used;
  }
  void add(const tegula_string &string) {
    append(string.data, string.size);
    finish();
  }
  int64_t size() const { return count; }
  /// Bytes of the current string so far.
  int64_t currentSize() const { return used - (count ? reinterpret_cast<int64_t *>(ends)[count - 1] : 0); }

  /// The strings as a tensor of this shape, whose elements are as many; null when memory was exhausted at any time.
  tegula_value *build(int32_t rank, const int64_t *shape) const {
    tegula_value *tensor = failed ? nullptr : makeTensor(TEGULA_ELEMENT_STRING, rank, shape, used);
    if (!tensor)
      return nullptr;
    auto *strings = static_cast<tegula_string *>(tensor->tensor.data);
    char *target = textOf(*tensor);
    if (used)
      memcpy(target, text, static_cast<size_t>(used));
    for (int64_t k = 0, begin = 0; k < count; ++k) {
      int64_t end = reinterpret_cast<int64_t *>(ends)[k];
      strings[k] = {target + begin, end - begin};
      begin = end;
    }
    return tensor;
  }

private:
  bool reserve(char *&block, int64_t &capacity, int64_t wanted) {
    if (failed || wanted <= capacity)
      return !failed;
    int64_t larger = 2 * capacity > wanted ? 2 * capacity : wanted < 256 ? 256 : wanted;
    auto *fresh = static_cast<char *>(realloc(block, static_cast<size_t>(larger)));
    failed = !fresh;
    if (fresh) {
      block = fresh;
      capacity = larger;
    }
    return !failed;
  }

  char *text = nullptr, *ends = nullptr; // `ends` holds int64_t
  int64_t used = 0, count = 0, textCapacity = 0, endCapacity = 0;
  bool failed = false;
};

} // namespace tegula
#endif
