// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sequences of tensors. A sequence never changes: what grows or shrinks is a new one that shares the elements.
#include "HostOperations.h"
#include <inttypes.h>

namespace tegula {
namespace {

int32_t construct(HostCall &call) {
  tegula_value *sequence = makeCollection(TEGULA_SEQUENCE, call.operandCount);
  for (int32_t k = 0; sequence && k < call.operandCount; ++k)
    setElement(*sequence, k, call.operands[k]);
  return call.give(0, sequence);
}

/// The position in operand `k`, counted from the end when negative; false after recording the failure.
bool readPosition(HostCall &call, int32_t k, int64_t count, int64_t largest, int64_t &position, int32_t &status) {
  position = call.integer(k);
  int64_t given = position;
  if (position < 0)
    position += count;
  if (position >= 0 && position <= largest)
    return true;
  status = call.fail(TEGULA_INDEX_OUT_OF_RANGE, "position %" PRId64 " in a sequence of %" PRId64, given, count);
  return false;
}

int32_t at(HostCall &call) {
  const tegula_value &sequence = *call.operands[0];
  int64_t position;
  int32_t status;
  if (!readPosition(call, 1, sequence.count, sequence.count - 1, position, status))
    return status;
  tegula_value *element = sequence.elements[position];
  tegula_value_retain(element);
  return call.give(0, element);
}

int32_t insert(HostCall &call) {
  const tegula_value &sequence = *call.operands[0];
  int64_t position = sequence.count;
  int32_t status;
  if (call.operands[2] && !readPosition(call, 2, sequence.count, sequence.count, position, status))
    return status;
  tegula_value *result = makeCollection(TEGULA_SEQUENCE, sequence.count + 1);
  for (int64_t k = 0; result && k <= sequence.count; ++k)
    setElement(*result, k,
               k < position    ? sequence.elements[k]
               : k == position ? call.operands[1]
                               : sequence.elements[k - 1]);
  return call.give(0, result);
}

int32_t erase(HostCall &call) {
  const tegula_value &sequence = *call.operands[0];
  int64_t position = sequence.count - 1;
  int32_t status;
  if (sequence.count == 0)
    return call.fail(TEGULA_INDEX_OUT_OF_RANGE, "the sequence is empty");
  if (call.operands[1] && !readPosition(call, 1, sequence.count, sequence.count - 1, position, status))
    return status;
  tegula_value *result = makeCollection(TEGULA_SEQUENCE, sequence.count - 1);
  for (int64_t k = 0; result && k < sequence.count - 1; ++k)
    setElement(*result, k, sequence.elements[k < position ? k : k + 1]);
  return call.give(0, result);
}

int32_t length(HostCall &call) { return call.give(0, makeInteger(call.operands[0]->count)); }

/// Extents before, of and behind `axis`.
struct Split {
  int64_t outer = 1, extent = 1, inner = 1;
  Split(int32_t rank, const int64_t *shape, int64_t axis) {
    for (int32_t k = 0; k < rank; ++k)
      (k < axis ? outer : k == axis ? extent : inner) *= shape[k];
  }
};

/// A copy of a tensor of strings owns its text, so that the source may go.
tegula_value *ownStrings(ValueReference &tensor) {
  tegula_value *copy = nullptr;
  return tegula_value_from_tensor(&tensor->tensor, &copy) ? nullptr : copy;
}

/// Part [begin, begin + size) of `axis`; without the axis when `drop` is set.
tegula_value *slice(const tegula_tensor &source, int64_t axis, int64_t begin, int64_t size, bool drop) {
  Array<int64_t> shape;
  if (!shape.resize(static_cast<size_t>(source.rank)))
    return nullptr;
  int32_t rank = 0;
  for (int32_t k = 0; k < source.rank; ++k)
    if (!(drop && k == axis))
      shape[static_cast<size_t>(rank++)] = k == axis ? size : source.shape[k];
  ValueReference result(makeTensor(source.element_type, rank, shape.data()));
  if (!result)
    return nullptr;
  Split split(source.rank, source.shape, axis);
  auto row = static_cast<size_t>(split.inner * size * elementBytes(source.element_type));
  int64_t stride = split.inner * split.extent * elementBytes(source.element_type);
  auto *from = static_cast<const char *>(source.data) + begin * split.inner * elementBytes(source.element_type);
  auto *to = static_cast<char *>(result->tensor.data);
  for (int64_t k = 0; k < split.outer && row; ++k, from += stride, to += row)
    memcpy(to, from, row);
  return source.element_type == TEGULA_ELEMENT_STRING ? ownStrings(result) : result.release();
}

/// x, sizes (or nothing: one row each), axis, whether to keep the dimension.
int32_t split(HostCall &call) {
  const tegula_tensor &x = call.tensor(0);
  int64_t axis = call.integer(2), keep = call.integer(3), extent = x.shape[axis], count = extent, step = 1;
  bool isList = false;
  if (call.operands[1]) {
    keep = 1;
    const tegula_tensor &sizes = call.tensor(1);
    isList = sizes.rank == 1;
    if (isList) {
      count = sizes.shape[0];
      int64_t sum = 0;
      for (int64_t k = 0; k < count; ++k) {
        int64_t size = call.integer(1, k);
        if (size < 0 || __builtin_add_overflow(sum, size, &sum))
          return call.fail(TEGULA_SHAPE_MISMATCH, "a part of %" PRId64 " rows", size);
      }
      if (sum != extent)
        return call.fail(TEGULA_SHAPE_MISMATCH, "parts of %" PRId64 " rows together, but the axis has %" PRId64, sum,
                         extent);
    } else {
      step = call.integer(1);
      if (step < 1)
        return call.fail(TEGULA_INVALID_VALUE, "parts of %" PRId64 " rows", step);
      count = extent / step + (extent % step != 0);
    }
  }
  ValueReference sequence(makeCollection(TEGULA_SEQUENCE, count));
  if (!sequence)
    return TEGULA_OUT_OF_MEMORY;
  int64_t begin = 0;
  for (int64_t k = 0; k < count; ++k) {
    int64_t size = isList ? call.integer(1, k) : extent - begin < step ? extent - begin : step;
    ValueReference part(slice(x, axis, begin, size, keep == 0));
    if (!part)
      return TEGULA_OUT_OF_MEMORY;
    setElement(*sequence, k, &*part);
    begin += size;
  }
  return call.give(0, sequence.release());
}

/// sequence, axis, whether the axis is new.
int32_t concat(HostCall &call) {
  const tegula_value &sequence = *call.operands[0];
  if (sequence.count == 0)
    return call.fail(TEGULA_INVALID_VALUE, "the sequence is empty");
  const tegula_tensor &first = sequence.elements[0]->tensor;
  bool isNew = call.integer(2) != 0;
  int64_t axis = call.integer(1);
  int32_t rank = first.rank + (isNew ? 1 : 0);
  if (axis < 0)
    axis += rank;
  if (axis < 0 || axis >= rank)
    return call.fail(TEGULA_INVALID_VALUE, "axis %" PRId64 " of tensors of rank %d", call.integer(1), first.rank);
  Array<int64_t> shape;
  if (!shape.resize(static_cast<size_t>(rank)))
    return TEGULA_OUT_OF_MEMORY;
  for (int32_t k = 0; k < rank; ++k)
    shape[static_cast<size_t>(k)] = k == axis ? 0 : first.shape[isNew && k > axis ? k - 1 : k];
  for (int64_t e = 0; e < sequence.count; ++e) {
    const tegula_tensor &element = sequence.elements[e]->tensor;
    bool fits = element.rank == first.rank && element.element_type == first.element_type;
    for (int32_t k = 0; fits && k < first.rank; ++k)
      fits = (!isNew && k == axis) || element.shape[k] == first.shape[k];
    if (!fits)
      return call.fail(TEGULA_SHAPE_MISMATCH, "element %" PRId64 " has another type or shape than element 0", e);
    shape[static_cast<size_t>(axis)] += isNew ? 1 : element.shape[axis];
  }
  ValueReference result(makeTensor(first.element_type, rank, shape.data()));
  if (!result)
    return TEGULA_OUT_OF_MEMORY;
  Split whole(rank, shape.data(), axis);
  int64_t bytes = elementBytes(first.element_type), begin = 0;
  for (int64_t e = 0; e < sequence.count; ++e) {
    const tegula_tensor &element = sequence.elements[e]->tensor;
    int64_t rows = isNew ? 1 : element.shape[axis];
    auto row = static_cast<size_t>(rows * whole.inner * bytes);
    for (int64_t k = 0; k < whole.outer && row; ++k)
      memcpy(static_cast<char *>(result->tensor.data) + (k * whole.extent + begin) * whole.inner * bytes,
             static_cast<const char *>(element.data) + k * static_cast<int64_t>(row), row);
    begin += rows;
  }
  return call.give(0, first.element_type == TEGULA_ELEMENT_STRING ? ownStrings(result) : result.release());
}

} // namespace

const HostOperationRow sequenceOperations[] = {
    {"sequence_construct", -1, 1, construct}, {"sequence_at", 2, 1, at},         {"sequence_insert", 3, 1, insert},
    {"sequence_erase", 2, 1, erase},          {"sequence_length", 1, 1, length}, {"split_to_sequence", 4, 1, split},
    {"concat_from_sequence", 3, 1, concat},   {nullptr, 0, 0, nullptr}};

} // namespace tegula
