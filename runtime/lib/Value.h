// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values that are no plain tensors: what handles of a program and tegula_value of the C API point to.
#ifndef TEGULA_RUNTIME_VALUE_H
#define TEGULA_RUNTIME_VALUE_H

#include "Memory.h"
#include "tegula/model.h"
#include <atomic>

/// Immutable once made. In a tensor every element takes a byte at least; strings are tegula_string.
struct tegula_value {
  std::atomic<int64_t> references{1};
  int32_t kind = TEGULA_TENSOR;
  tegula_tensor tensor = {};         // of a tensor
  void *storage = nullptr;           // the tensor's shape, elements and text
  int64_t count = 0;                 // elements of a sequence; 2 of a map: keys and values
  tegula_value **elements = nullptr; // each retained

  ~tegula_value();
};

namespace tegula {

/// Bytes of one element in a value; 0 for a number that is no element type.
int64_t elementBytes(int32_t elementType);
/// Product of the extents; -1 when one is negative or the product overflows.
int64_t countElements(int32_t rank, const int64_t *shape);
inline int64_t countElements(const tegula_tensor &tensor) { return countElements(tensor.rank, tensor.shape); }

/// A tensor whose elements the caller fills in; null when memory is exhausted or the size overflows. Strings need
/// `textBytes` of storage, which textOf gives.
tegula_value *makeTensor(int32_t elementType, int32_t rank, const int64_t *shape, int64_t textBytes = 0);
char *textOf(tegula_value &tensor);
/// An integer of rank 0.
tegula_value *makeInteger(int64_t value);
/// A sequence or map with room for `count` elements, null at first; null when memory is exhausted.
tegula_value *makeCollection(int32_t kind, int64_t count);
/// Takes a reference for the collection.
void setElement(tegula_value &collection, int64_t index, tegula_value *element);

/// A reference that is given back.
class ValueReference {
public:
  explicit ValueReference(tegula_value *owned) : value(owned) {}
  ValueReference(const ValueReference &) = delete;
  ValueReference &operator=(const ValueReference &) = delete;
  ~ValueReference() { tegula_value_release(value); }
  tegula_value *operator->() const { return value; }
  tegula_value &operator*() const { return *value; }
  explicit operator bool() const { return value != nullptr; }
  tegula_value *release() {
    tegula_value *released = value;
    value = nullptr;
    return released;
  }

private:
  tegula_value *value;
};

/// How many references a program holds to each value, so that a run that failed halfway leaves none behind.
class ReferenceTable {
public:
  ReferenceTable() = default;
  ReferenceTable(const ReferenceTable &) = delete;
  ReferenceTable &operator=(const ReferenceTable &) = delete;
  ~ReferenceTable();

  /// Takes over one reference of the caller's. False, and the reference given back, when memory is exhausted.
  bool add(tegula_value *value);
  /// Gives one back.
  void drop(tegula_value *value);
  /// Gives all back.
  void clear();

private:
  struct Entry {
    tegula_value *value;
    int64_t count;
  };
  Entry *find(tegula_value *value);
  bool grow();

  Entry *entries = nullptr; // open addressing; an entry of count 0 keeps its place
  size_t used = 0, capacity = 0;
};

/// Whether `value` is of this type throughout: kinds and element types, not shapes.
bool valueFits(const tegula_value *value, const tegula_value_type &type);

} // namespace tegula
#endif
