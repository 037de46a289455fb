// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Maps: one-dimensional keys (element 0, integers or strings) and values (element 1).
#include "HostOperations.h"
#include "StringBuilder.h"

namespace tegula {
namespace {

bool isText(const tegula_tensor &tensor) { return tensor.element_type == TEGULA_ELEMENT_STRING; }

/// Whether two keys of the same type are equal.
bool isSameKey(const tegula_tensor &a, int64_t i, const tegula_tensor &b, int64_t k) {
  if (!isText(a)) {
    size_t bytes = static_cast<size_t>(elementBytes(a.element_type));
    return memcmp(static_cast<const char *>(a.data) + i * int64_t(bytes),
                  static_cast<const char *>(b.data) + k * int64_t(bytes), bytes) == 0;
  }
  const tegula_string &x = static_cast<const tegula_string *>(a.data)[i];
  const tegula_string &y = static_cast<const tegula_string *>(b.data)[k];
  return x.size == y.size && (x.size == 0 || memcmp(x.data, y.data, static_cast<size_t>(x.size)) == 0);
}

/// x [rows, labels] or [labels], labels; a sequence of maps.
int32_t zip(HostCall &call) {
  const tegula_tensor &x = call.tensor(0), &labels = call.tensor(1);
  int64_t count = labels.shape[0], columns = x.shape[x.rank - 1], rows = x.rank == 2 ? x.shape[0] : 1;
  if (count != columns)
    return call.fail(TEGULA_SHAPE_MISMATCH, "%lld labels for %lld columns", static_cast<long long>(count),
                     static_cast<long long>(columns));
  ValueReference sequence(makeCollection(TEGULA_SEQUENCE, rows));
  if (!sequence)
    return TEGULA_OUT_OF_MEMORY;
  auto bytes = static_cast<size_t>(columns * elementBytes(x.element_type));
  for (int64_t row = 0; row < rows; ++row) {
    ValueReference map(makeCollection(TEGULA_MAP, 2)), values(makeTensor(x.element_type, 1, &columns));
    if (!map || !values)
      return TEGULA_OUT_OF_MEMORY;
    if (bytes)
      memcpy(values->tensor.data, static_cast<const char *>(x.data) + row * static_cast<int64_t>(bytes), bytes);
    setElement(*map, 0, call.operands[1]);
    setElement(*map, 1, &*values);
    setElement(*sequence, row, &*map);
  }
  return call.give(0, sequence.release());
}

struct MapValues {
  const tegula_tensor &values;
  int64_t count;
  int32_t type;

  explicit MapValues(const tegula_value &map)
      : values(map.elements[1]->tensor), count(countElements(values)), type(values.element_type) {}
  const void *at(int64_t k) const { return static_cast<const char *>(values.data) + k * elementBytes(type); }
};

/// [1, extent] with value k of the map in column place(k), where that is one.
template <typename Place> tegula_value *spread(const MapValues &values, int64_t extent, Place place) {
  int64_t shape[] = {1, extent}, bytes = elementBytes(values.type);
  if (values.type != TEGULA_ELEMENT_STRING) {
    tegula_value *result = makeTensor(values.type, 2, shape);
    if (!result)
      return nullptr;
    memset(result->tensor.data, 0, static_cast<size_t>(extent * bytes));
    for (int64_t k = 0; k < values.count; ++k)
      if (int64_t column = place(k); column >= 0 && column < extent)
        memcpy(static_cast<char *>(result->tensor.data) + column * bytes, values.at(k), static_cast<size_t>(bytes));
    return result;
  }
  Array<const tegula_string *> columns;
  if (!columns.resize(static_cast<size_t>(extent)))
    return nullptr;
  for (int64_t k = 0; k < values.count; ++k)
    if (int64_t column = place(k); column >= 0 && column < extent)
      columns[static_cast<size_t>(column)] = static_cast<const tegula_string *>(values.at(k));
  StringBuilder builder;
  for (const tegula_string *string : columns)
    builder.add(string ? *string : tegula_string{"", 0});
  return builder.build(2, shape);
}

/// map, vocabulary.
int32_t vectorize(HostCall &call) {
  MapValues values(*call.operands[0]);
  const tegula_tensor &keys = call.operands[0]->elements[0]->tensor, &vocabulary = call.tensor(1);
  return call.give(0, spread(values, vocabulary.shape[0], [&](int64_t k) {
                     for (int64_t column = 0; column < vocabulary.shape[0]; ++column)
                       if (isSameKey(keys, k, vocabulary, column))
                         return column;
                     return int64_t(-1);
                   }));
}

/// Whether key i of a map stands before key k in order.
bool isBefore(const tegula_tensor &keys, int64_t i, int64_t k) {
  if (!isText(keys))
    return static_cast<const int64_t *>(keys.data)[i] < static_cast<const int64_t *>(keys.data)[k];
  const tegula_string &x = static_cast<const tegula_string *>(keys.data)[i];
  const tegula_string &y = static_cast<const tegula_string *>(keys.data)[k];
  int order = memcmp(x.data, y.data, static_cast<size_t>(x.size < y.size ? x.size : y.size));
  return order ? order < 0 : x.size < y.size;
}

/// map, number of columns (0: one for each key).
int32_t listValues(HostCall &call) {
  MapValues values(*call.operands[0]);
  const tegula_tensor &keys = call.operands[0]->elements[0]->tensor;
  int64_t extent = call.integer(1);
  if (extent > 0)
    return call.give(0, spread(values, extent, [&](int64_t k) { return static_cast<const int64_t *>(keys.data)[k]; }));
  return call.give(0, spread(values, values.count, [&](int64_t k) {
                     int64_t rank = 0;
                     for (int64_t other = 0; other < values.count; ++other)
                       rank += isBefore(keys, other, k);
                     return rank;
                   }));
}

} // namespace

const HostOperationRow mapOperations[] = {{"zip_map", 2, 1, zip},
                                          {"dict_vectorize", 2, 1, vectorize},
                                          {"map_values", 2, 1, listValues},
                                          {nullptr, 0, 0, nullptr}};

} // namespace tegula
