// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Value.h"
#include "ElementType.h"
#include "Error.h"
#include "StringTable.h"
#include <inttypes.h>

tegula_value::~tegula_value() {
  for (int64_t k = 0; k < count; ++k)
    tegula_value_release(elements[k]);
  free(elements);
  tegula::freeAligned(storage);
}

namespace tegula {

int64_t elementBytes(int32_t number) {
  if (number == TEGULA_ELEMENT_STRING)
    return sizeof(tegula_string);
  const ElementType *type = elementType(number);
  return !type ? 0 : type->isPacked() ? 1 : type->bits / 8;
}

int64_t countElements(int32_t rank, const int64_t *shape) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int32_t k = 0; k < rank; ++k) {
    if (shape[k] < 0)
      return -1;
    empty |= shape[k] == 0;
    overflow |= __builtin_mul_overflow(count, shape[k], &count);
  }
  return empty ? 0 : overflow ? -1 : count;
}

static int64_t headBytes(int32_t rank) {
  int64_t bytes = static_cast<int64_t>(sizeof(int64_t)) * rank;
  return (bytes + TEGULA_ALIGNMENT - 1) / TEGULA_ALIGNMENT * TEGULA_ALIGNMENT;
}

tegula_value *makeTensor(int32_t type, int32_t rank, const int64_t *shape, int64_t textBytes) {
  int64_t bytes, count = countElements(rank, shape);
  if (count < 0 || __builtin_mul_overflow(count, elementBytes(type), &bytes) ||
      __builtin_add_overflow(bytes, headBytes(rank) + textBytes, &bytes))
    return nullptr;
  ValueReference value(create<tegula_value>());
  if (!value || !(value->storage = allocateAligned(bytes)))
    return nullptr;
  auto *extents = static_cast<int64_t *>(value->storage);
  if (rank > 0)
    memcpy(extents, shape, sizeof(int64_t) * static_cast<size_t>(rank));
  value->tensor = {static_cast<char *>(value->storage) + headBytes(rank), type, rank, extents};
  return value.release();
}

char *textOf(tegula_value &tensor) {
  return static_cast<char *>(tensor.tensor.data) +
         countElements(tensor.tensor) * elementBytes(tensor.tensor.element_type);
}

tegula_value *makeInteger(int64_t number) {
  tegula_value *value = makeTensor(/*INT64*/ 7, 0, nullptr);
  if (value)
    *static_cast<int64_t *>(value->tensor.data) = number;
  return value;
}

tegula_value *makeCollection(int32_t kind, int64_t count) {
  ValueReference value(create<tegula_value>());
  if (!value)
    return nullptr;
  value->kind = kind;
  value->elements =
      static_cast<tegula_value **>(calloc(count ? static_cast<size_t>(count) : 1, sizeof(tegula_value *)));
  if (!value->elements)
    return nullptr;
  value->count = count;
  return value.release();
}

void setElement(tegula_value &collection, int64_t index, tegula_value *element) {
  tegula_value_retain(element);
  collection.elements[index] = element;
}

// --- references of a program -----------------------------------------------------------------------------------------

ReferenceTable::~ReferenceTable() {
  clear();
  free(entries);
}

ReferenceTable::Entry *ReferenceTable::find(tegula_value *value) {
  size_t at = (reinterpret_cast<uintptr_t>(value) >> 4) * 0x9E3779B97F4A7C15ull >> 20;
  for (at &= capacity - 1; entries[at].value && entries[at].value != value; at = (at + 1) & (capacity - 1))
    ;
  return &entries[at];
}

bool ReferenceTable::grow() {
  // Entries that are free again go; the table doubles only when most are in use.
  size_t inUse = 0, oldCapacity = capacity;
  for (size_t k = 0; k < capacity; ++k)
    inUse += entries[k].count != 0;
  Entry *old = entries;
  size_t wanted = capacity == 0 ? 64 : 4 * inUse >= capacity ? 2 * capacity : capacity;
  auto *fresh = static_cast<Entry *>(calloc(wanted, sizeof(Entry)));
  if (!fresh)
    return false;
  entries = fresh;
  capacity = wanted;
  used = inUse;
  for (size_t k = 0; k < oldCapacity; ++k)
    if (old[k].count)
      *find(old[k].value) = old[k];
  free(old);
  return true;
}

bool ReferenceTable::add(tegula_value *value) {
  if (2 * (used + 1) > capacity && !grow()) {
    tegula_value_release(value);
    return false;
  }
  Entry *entry = find(value);
  if (!entry->value) {
    *entry = {value, 0};
    ++used;
  }
  ++entry->count;
  return true;
}

void ReferenceTable::drop(tegula_value *value) {
  if (!capacity)
    return;
  Entry *entry = find(value);
  if (!entry->value || entry->count == 0)
    return;
  --entry->count;
  tegula_value_release(value);
}

void ReferenceTable::clear() {
  for (size_t k = 0; k < capacity; ++k)
    for (; entries[k].count; --entries[k].count)
      tegula_value_release(entries[k].value);
  if (capacity)
    memset(entries, 0, capacity * sizeof(Entry));
  used = 0;
}

bool valueFits(const tegula_value *value, const tegula_value_type &type) {
  if (type.kind == TEGULA_OPTIONAL)
    return !value || valueFits(value, *type.element);
  if (!value || value->kind != type.kind)
    return false;
  if (type.kind == TEGULA_TENSOR)
    return value->tensor.element_type == type.element_type;
  if (type.kind == TEGULA_MAP) {
    const tegula_value &keys = *value->elements[0], &values = *value->elements[1];
    if (keys.tensor.element_type != type.element_type)
      return false;
    return valueFits(&values, *type.element);
  }
  for (int64_t k = 0; k < value->count; ++k)
    if (!valueFits(value->elements[k], *type.element))
      return false;
  return true;
}

static tegula_error outOfMemory() { return setError(TEGULA_ERROR_OUT_OF_MEMORY, "out of memory while making a value"); }

static tegula_error copyStrings(const tegula_tensor &source, int64_t count, tegula_value *&result) {
  auto *strings = static_cast<const tegula_string *>(source.data);
  int64_t bytes = 0;
  for (int64_t k = 0; k < count; ++k) {
    if (strings[k].size < 0 || (strings[k].size > 0 && !strings[k].data) ||
        __builtin_add_overflow(bytes, strings[k].size, &bytes))
      return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected strings of 0 bytes or more, but got one of %" PRId64,
                      strings[k].size);
    if (!isValidUtf8(strings[k].data, strings[k].size))
      return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected strings of UTF-8, but string %" PRId64 " is not", k);
  }
  result = makeTensor(source.element_type, source.rank, source.shape, bytes);
  if (!result)
    return outOfMemory();
  auto *target = static_cast<tegula_string *>(result->tensor.data);
  char *text = textOf(*result);
  for (int64_t k = 0; k < count; ++k) {
    if (strings[k].size)
      memcpy(text, strings[k].data, static_cast<size_t>(strings[k].size));
    target[k] = {text, strings[k].size};
    text += strings[k].size;
  }
  return TEGULA_ERROR_NONE;
}

} // namespace tegula

using namespace tegula;

extern "C" {

tegula_error tegula_value_from_tensor(const tegula_tensor *tensor, tegula_value **result) {
  if (!tensor || !result || tensor->rank < 0 || (tensor->rank > 0 && !tensor->shape))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_value_from_tensor: invalid argument");
  *result = nullptr;
  int64_t bytes = elementBytes(tensor->element_type), count = countElements(*tensor);
  if (bytes == 0)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected a tensor of a known element type, but got number %d",
                    tensor->element_type);
  if (count < 0 || (count > 0 && !tensor->data))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected a tensor with data, but got a null pointer or a shape "
                                                   "whose size exceeds 64 bits");
  if (tensor->element_type == TEGULA_ELEMENT_STRING)
    return copyStrings(*tensor, count, *result);
  *result = makeTensor(tensor->element_type, tensor->rank, tensor->shape);
  if (!*result)
    return outOfMemory();
  if (count)
    memcpy((*result)->tensor.data, tensor->data, static_cast<size_t>(count * bytes));
  return TEGULA_ERROR_NONE;
}

tegula_error tegula_value_from_elements(tegula_value *const *elements, int64_t count, tegula_value **result) {
  if (!result || count < 0 || (count > 0 && !elements))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "tegula_value_from_elements: invalid argument");
  *result = makeCollection(TEGULA_SEQUENCE, count);
  if (!*result)
    return outOfMemory();
  for (int64_t k = 0; k < count; ++k)
    setElement(**result, k, elements[k]);
  return TEGULA_ERROR_NONE;
}

tegula_error tegula_value_from_map(tegula_value *keys, tegula_value *values, tegula_value **result) {
  if (!result || !keys || !values || keys->kind != TEGULA_TENSOR || keys->tensor.rank != 1)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected a one-dimensional tensor of keys");
  *result = nullptr;
  int64_t count = values->kind == TEGULA_TENSOR ? countElements(values->tensor) : -1;
  if (count != keys->tensor.shape[0])
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected %" PRId64 " values, one for each key, but got %" PRId64,
                    keys->tensor.shape[0], count);
  *result = makeCollection(TEGULA_MAP, 2);
  if (!*result)
    return outOfMemory();
  setElement(**result, 0, keys);
  setElement(**result, 1, values);
  return TEGULA_ERROR_NONE;
}

void tegula_value_retain(tegula_value *value) {
  if (value)
    value->references.fetch_add(1, std::memory_order_relaxed);
}

void tegula_value_release(tegula_value *value) {
  if (value && value->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
    destroy(value);
}

int32_t tegula_value_kind_of(const tegula_value *value) { return value ? value->kind : TEGULA_OPTIONAL; }

const tegula_tensor *tegula_value_tensor(const tegula_value *value) {
  return value && value->kind == TEGULA_TENSOR ? &value->tensor : nullptr;
}

int64_t tegula_value_count(const tegula_value *value) {
  return value && value->kind == TEGULA_SEQUENCE ? value->count : 0;
}

tegula_value *tegula_value_element(const tegula_value *value, int64_t index) {
  return value && index >= 0 && index < value->count ? value->elements[index] : nullptr;
}

} // extern "C"
