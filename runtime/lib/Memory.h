// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Storage without exceptions or libstdc++: allocation can fail, and every caller looks. It comes from the C library,
// or, inside a call of an instance whose application has an allocator of its own, from that.
#ifndef TEGULA_RUNTIME_MEMORY_H
#define TEGULA_RUNTIME_MEMORY_H

#include "tegula/instance.h"
#include <new>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace tegula {

/// While it lives, storage on this thread comes from `host`, where that has an allocator. Everything that one instance
/// owns is made and freed under the same one.
class AllocatorScope {
public:
  explicit AllocatorScope(const tegula_host &host);
  ~AllocatorScope();
  AllocatorScope(const AllocatorScope &) = delete;
  AllocatorScope &operator=(const AllocatorScope &) = delete;

private:
  const tegula_host *outer;
};

/// Null when memory is exhausted. `alignment` is a power of two.
void *allocateBytes(size_t alignment, size_t bytes);
void freeBytes(void *storage);

/// At least `bytes` bytes, 64-byte aligned (2 MiB, for huge pages, when big); never null for 0 bytes; null when
/// memory is exhausted. Freed by freeAligned.
void *allocateAligned(int64_t bytes);
void freeAligned(void *storage);

/// An array whose size is set once in a while; elements start value-initialized.
template <typename T> class Array {
public:
  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() { clear(); }

  /// Drops the old elements. False, and nothing changed, when memory is exhausted.
  bool resize(size_t newCount) {
    size_t bytes;
    if (__builtin_mul_overflow(newCount ? newCount : 1, sizeof(T), &bytes))
      return false;
    T *fresh = static_cast<T *>(allocateBytes(alignof(T), bytes));
    if (!fresh)
      return false;
    clear();
    memset(static_cast<void *>(fresh), 0, bytes);
    for (size_t k = 0; k < newCount; ++k)
      ::new (static_cast<void *>(fresh + k)) T();
    elements = fresh;
    count = newCount;
    return true;
  }
  size_t size() const { return count; }
  T *data() { return elements; }
  const T *data() const { return elements; }
  T &operator[](size_t k) { return elements[k]; }
  const T &operator[](size_t k) const { return elements[k]; }
  T *begin() { return elements; }
  T *end() { return elements + count; }

private:
  void clear() {
    for (size_t k = 0; k < count; ++k)
      elements[k].~T();
    freeBytes(elements);
  }

  T *elements = nullptr;
  size_t count = 0;
};

/// An owned C string.
class String {
public:
  String() = default;
  String(const String &) = delete;
  String &operator=(const String &) = delete;
  ~String() { free(text); }

  /// Takes a string made by malloc, or null.
  void adopt(char *fresh) {
    free(text);
    text = fresh;
  }
  const char *get() const { return text; }
  explicit operator bool() const { return text != nullptr; }

private:
  char *text = nullptr;
};

/// Storage that keeps its capacity.
class AlignedBuffer {
public:
  AlignedBuffer() = default;
  AlignedBuffer(const AlignedBuffer &) = delete;
  AlignedBuffer &operator=(const AlignedBuffer &) = delete;
  ~AlignedBuffer() { freeAligned(storage); }

  /// At least `bytes` bytes, contents undefined; null when memory is exhausted.
  void *reserve(int64_t bytes) {
    if (storage && bytes <= capacity)
      return storage;
    freeAligned(storage);
    storage = allocateAligned(bytes);
    capacity = storage ? bytes : 0;
    return storage;
  }
  void *get() const { return storage; }
  void *release() {
    void *released = storage;
    storage = nullptr;
    capacity = 0;
    return released;
  }

private:
  void *storage = nullptr;
  int64_t capacity = 0;
};

/// Null when memory is exhausted. Constructors take no arguments here.
template <typename T> T *create() {
  void *storage = allocateBytes(alignof(T), sizeof(T));
  return storage ? ::new (storage) T() : nullptr;
}
template <typename T> void destroy(T *object) {
  if (!object)
    return;
  object->~T();
  freeBytes(object);
}

} // namespace tegula

#endif
