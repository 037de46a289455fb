// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Checks of what the user hands over, with messages that name the tensor.
#include "Context.h"
#include "ElementType.h"
#include "Error.h"
#include <inttypes.h>

namespace tegula {
namespace {

tegula_error checkCount(const char *kind, int32_t expected, int32_t got, const void *tensors) {
  if (got != expected)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected %d %s%s, but got %d", expected, kind,
                    expected == 1 ? "" : "s", got);
  if (got > 0 && !tensors)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "expected %d %s%s, but got a null pointer", expected, kind,
                    expected == 1 ? "" : "s");
  return TEGULA_ERROR_NONE;
}

bool shapeFits(const tegula_tensor_info &info, int32_t rank, const int64_t *shape) {
  if (info.rank < 0)
    return true;
  if (rank != info.rank)
    return false;
  for (int32_t d = 0; d < rank; ++d)
    if (shape[d] < 0 || (info.shape[d] >= 0 && shape[d] != info.shape[d]))
      return false;
  return true;
}

tegula_error wrongShape(const char *kind, const tegula_tensor_info &info, int32_t rank, const int64_t *shape) {
  Text expected, got;
  expected.appendShape(info.rank, info.shape, info.symbols);
  got.appendShape(rank, shape);
  return setError(TEGULA_ERROR_INVALID_ARGUMENT, "%s '%s': expected shape %s, but got %s", kind, info.name,
                  expected.get(), got.get());
}

/// Bytes of a dense tensor in the user's memory; -1 when they exceed 64 bits.
int64_t tensorBytes(const tegula_tensor &tensor) {
  if (tensor.element_type != TEGULA_ELEMENT_STRING)
    return denseBytes(*elementType(tensor.element_type), tensor.rank, tensor.shape);
  int64_t bytes, count = countElements(tensor);
  return count < 0 || __builtin_mul_overflow(count, int64_t(sizeof(tegula_string)), &bytes) ? -1 : bytes;
}

const char *typeName(int32_t elementType) {
  return elementType == TEGULA_ELEMENT_STRING ? "string" : tegula_element_type_name(elementType);
}

/// Everything about one tensor but the values of symbols.
tegula_error checkTensor(const char *kind, const tegula_tensor_info &info, const tegula_tensor &tensor,
                         int64_t &bytes) {
  if (tensor.element_type != info.element_type) {
    const char *got = typeName(tensor.element_type);
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "%s '%s': expected element type %s, but got %s", kind, info.name,
                    typeName(info.element_type), got ? got : "an unknown one");
  }
  if (tensor.rank < 0 || (tensor.rank > 0 && !tensor.shape))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "%s '%s': expected a shape, but got a null pointer", kind,
                    info.name);
  if (!shapeFits(info, tensor.rank, tensor.shape))
    return wrongShape(kind, info, tensor.rank, tensor.shape);
  bool isText = info.element_type == TEGULA_ELEMENT_STRING;
  bytes = tensorBytes(tensor);
  if (bytes < 0)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "%s '%s': its size exceeds 64 bits", kind, info.name);
  if (bytes > 0 && !tensor.data)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "%s '%s': expected %" PRId64 " bytes, but got a null pointer", kind,
                    info.name, bytes);
  int alignment = isText ? int(alignof(tegula_string)) : elementType(info.element_type)->alignment;
  if (reinterpret_cast<uintptr_t>(tensor.data) % static_cast<uintptr_t>(alignment) != 0)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "%s '%s': expected data aligned to %d bytes, but got address %p",
                    kind, info.name, alignment, tensor.data);
  return TEGULA_ERROR_NONE;
}

/// Numbers the strings of an input; all of them must be UTF-8.
tegula_error bindStrings(tegula_context &context, const tegula_tensor_info &info, const tegula_tensor &tensor,
                         AlignedBuffer &numbers) {
  int64_t count = countElements(tensor), bytes;
  auto *strings = static_cast<const tegula_string *>(tensor.data);
  for (int64_t k = 0; k < count; ++k)
    if (strings[k].size < 0 || (strings[k].size > 0 && !strings[k].data) ||
        !isValidUtf8(strings[k].data, strings[k].size))
      return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                      "input '%s': expected strings of UTF-8, but string %" PRId64 " is not", info.name, k);
  if (__builtin_mul_overflow(count, int64_t(sizeof(int64_t)), &bytes) || !numbers.reserve(bytes) ||
      !numberStrings(context, tensor, numbers.get()))
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "input '%s': cannot allocate memory for its strings", info.name);
  return TEGULA_ERROR_NONE;
}

/// Gives the strings of an output their text: in the caller's tensor, with text that the context owns, or in one block.
tegula_error finishStrings(tegula_context &context, const tegula_tensor_info &info, OutputSlot &slot) {
  int64_t count = countElements(slot.rank, slot.shape.data()), textBytes = 0;
  auto *numbers = static_cast<const int64_t *>(slot.target);
  bool fits = true;
  for (int64_t k = 0; k < count; ++k)
    fits &= !__builtin_add_overflow(textBytes, context.strings.stringOf(numbers[k]).size, &textBytes);
  int64_t head = slot.bound ? 0 : count * int64_t(sizeof(tegula_string));
  char *block = fits ? static_cast<char *>(slot.storage.reserve(head + textBytes)) : nullptr;
  if (!block)
    return setError(TEGULA_ERROR_OUT_OF_MEMORY, "output '%s': cannot allocate memory for its strings", info.name);
  slot.data = slot.bound ? slot.bound->data : block;
  auto *strings = static_cast<tegula_string *>(slot.data);
  char *text = block + head;
  for (int64_t k = 0; k < count; ++k) {
    tegula_string string = context.strings.stringOf(numbers[k]);
    memcpy(text, string.data, static_cast<size_t>(string.size));
    strings[k] = {text, string.size};
    text += string.size;
  }
  return TEGULA_ERROR_NONE;
}

bool isLeftOut(const tegula_tensor &tensor) { return tensor.element_type == 0 && !tensor.data; }

const char *kindName(int32_t kind) {
  static const char *const names[] = {"tensor", "sequence", "optional value", "map"};
  return kind >= 0 && kind < 4 ? names[kind] : "value";
}

tegula_error bindValue(const tegula_tensor_info &info, const tegula_value_type &type, const tegula_tensor &tensor) {
  auto *value = static_cast<const tegula_value *>(tensor.data);
  if (tensor.element_type != 0)
    return setError(TEGULA_ERROR_INVALID_ARGUMENT, "input '%s': expected a %s, but got a tensor", info.name,
                    kindName(type.kind));
  if (!valueFits(value, type))
    return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                    "input '%s': expected a %s of the model's type, but got a value of another type", info.name,
                    kindName(type.kind));
  return TEGULA_ERROR_NONE;
}

/// Name of the input that owns position `at` of the concatenated dims.
const char *inputAt(const tegula_artifact &artifact, int32_t at) {
  int32_t k = 0;
  while (at >= artifact.inputs[k].rank)
    at -= artifact.inputs[k++].rank;
  return artifact.inputs[k].name;
}

bool overlap(const void *a, int64_t aBytes, const void *b, int64_t bBytes) {
  auto aBegin = reinterpret_cast<uintptr_t>(a), bBegin = reinterpret_cast<uintptr_t>(b);
  return aBegin < bBegin + static_cast<uintptr_t>(bBytes) && bBegin < aBegin + static_cast<uintptr_t>(aBytes);
}

} // namespace

tegula_error completeInputs(tegula_context &context, const tegula_tensor *&inputs, int32_t count) {
  const tegula_artifact &artifact = *context.model->artifact;
  const Array<tegula_tensor> &defaults = context.model->defaults;
  if (defaults.size() == 0)
    return checkCount("input", artifact.input_count, count, inputs);
  bool mayEnd = count >= 0 && count < artifact.input_count;
  for (int32_t k = artifact.input_count - 1; mayEnd && k >= count; --k)
    mayEnd = defaults[static_cast<size_t>(k)].element_type != 0;
  if (!mayEnd || (count > 0 && !inputs))
    if (tegula_error error = checkCount("input", artifact.input_count, count, inputs))
      return error;
  for (int32_t k = 0; k < artifact.input_count; ++k) {
    bool isGiven = k < count && !isLeftOut(inputs[k]);
    const tegula_tensor &standIn = defaults[static_cast<size_t>(k)];
    context.givenInputs[static_cast<size_t>(k)] = isGiven || standIn.element_type == 0 ? inputs[k] : standIn;
  }
  inputs = context.givenInputs.data();
  return TEGULA_ERROR_NONE;
}

tegula_error bindInputs(tegula_context &context, const tegula_tensor *inputs) {
  const tegula_artifact &artifact = *context.model->artifact;
  for (int64_t &value : context.symbolValues)
    value = -1;
  context.strings.clear();
  size_t at = 0;
  for (int32_t k = 0; k < artifact.input_count; ++k) {
    const tegula_tensor_info &info = artifact.inputs[k];
    const tegula_tensor &tensor = inputs[k];
    AlignedBuffer &unpacked = context.unpackedInputs[static_cast<size_t>(k)];
    context.inputs[static_cast<size_t>(k)] = tensor.data;
    if (const tegula_value_type *type = valueTypeOf(artifact, artifact.input_types, k)) {
      if (tegula_error error = bindValue(info, *type, tensor))
        return error;
      continue;
    }
    if (isLeftOut(tensor))
      return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                      "input '%s': expected a tensor, but got none, and it has no default", info.name);
    int64_t bytes;
    if (tegula_error error = checkTensor("input", info, tensor, bytes))
      return error;
    if (info.element_type == TEGULA_ELEMENT_STRING) {
      if (tegula_error error = bindStrings(context, info, tensor, unpacked))
        return error;
      context.inputs[static_cast<size_t>(k)] = unpacked.get();
    } else if (const ElementType &type = *elementType(info.element_type); type.isPacked()) {
      int64_t elements = programBytes(type, tensor.rank, tensor.shape);
      if (elements < 0 || !unpacked.reserve(elements))
        return setError(TEGULA_ERROR_OUT_OF_MEMORY, "input '%s': cannot allocate %" PRId64 " bytes", info.name,
                        elements);
      unpackElements(type, tensor.data, elements, unpacked.get());
      context.inputs[static_cast<size_t>(k)] = unpacked.get();
    }
    for (int32_t d = 0; d < tensor.rank; ++d, ++at) {
      context.dims[at] = tensor.shape[d];
      int32_t symbol = context.model->inputSymbols[at];
      if (symbol < 0)
        continue;
      int64_t &value = context.symbolValues[static_cast<size_t>(symbol)];
      int32_t &origin = context.symbolOrigins[static_cast<size_t>(symbol)];
      if (value < 0) {
        value = tensor.shape[d];
        origin = static_cast<int32_t>(at);
      } else if (value != tensor.shape[d]) {
        return setError(TEGULA_ERROR_INVALID_ARGUMENT,
                        "input '%s': expected %" PRId64 " for dimension %d ('%s'), as in input '%s', but got %" PRId64,
                        info.name, value, d, info.symbols[d], inputAt(artifact, origin), tensor.shape[d]);
      }
    }
  }
  return TEGULA_ERROR_NONE;
}

tegula_error bindOutputs(tegula_context &context, const tegula_tensor *inputs, tegula_tensor *outputs, int32_t count) {
  const tegula_artifact &artifact = *context.model->artifact;
  if (tegula_error error = checkCount("output", artifact.output_count, count, outputs))
    return error;
  for (int32_t k = 0; k < count; ++k) {
    OutputSlot &slot = context.outputs[static_cast<size_t>(k)];
    slot.data = nullptr;
    slot.target = nullptr;
    slot.bound = nullptr;
    const tegula_tensor &tensor = outputs[k];
    if (valueTypeOf(artifact, artifact.output_types, k)) {
      if (tensor.data && tensor.data != slot.value)
        return setError(TEGULA_ERROR_INVALID_ARGUMENT, "output '%s' is a value, which cannot be written to a buffer",
                        artifact.outputs[k].name);
      tegula_value_release(slot.value);
      slot.value = nullptr;
      continue;
    }
    // What the last run filled in is still the context's own.
    if (!tensor.data || tensor.data == slot.storage.get())
      continue;
    const tegula_tensor_info &info = artifact.outputs[k];
    int64_t bytes;
    if (tegula_error error = checkTensor("output", info, tensor, bytes))
      return error;
    for (int32_t other = 0; other < artifact.input_count; ++other)
      if (!valueTypeOf(artifact, artifact.input_types, other) &&
          overlap(tensor.data, bytes, inputs[other].data, tensorBytes(inputs[other])))
        return setError(TEGULA_ERROR_INVALID_ARGUMENT, "output '%s' overlaps input '%s' in memory", info.name,
                        artifact.inputs[other].name);
    for (int32_t other = 0; other < k; ++other)
      if (context.outputs[static_cast<size_t>(other)].bound &&
          overlap(tensor.data, bytes, outputs[other].data, tensorBytes(outputs[other])))
        return setError(TEGULA_ERROR_INVALID_ARGUMENT, "output '%s' overlaps output '%s' in memory", info.name,
                        artifact.outputs[other].name);
    slot.bound = &tensor;
  }
  return TEGULA_ERROR_NONE;
}

static void *failOutput(tegula_context &context, tegula_error error) {
  context.failure.described = true;
  context.failure.error = error;
  return nullptr;
}

void *outputStorage(tegula_context &context, int32_t index, int32_t rank, const int64_t *shape) {
  const tegula_artifact &artifact = *context.model->artifact;
  if (index < 0 || index >= artifact.output_count || rank < 0)
    return failOutput(context, setError(TEGULA_ERROR_INVALID_ARTIFACT, "the program asked for output %d of %d", index,
                                        artifact.output_count));
  const tegula_tensor_info &info = artifact.outputs[index];
  if (!shapeFits(info, rank, shape)) {
    wrongShape("output", info, rank, shape);
    return failOutput(context, TEGULA_ERROR_RUN_FAILED);
  }
  OutputSlot &slot = context.outputs[static_cast<size_t>(index)];
  if (slot.shape.size() < static_cast<size_t>(rank) && !slot.shape.resize(static_cast<size_t>(rank)))
    return nullptr;
  if (rank > 0)
    memcpy(slot.shape.data(), shape, sizeof(int64_t) * static_cast<size_t>(rank));
  slot.rank = rank;
  if (slot.bound) {
    const tegula_tensor &bound = *slot.bound;
    if (bound.rank != rank || (rank > 0 && memcmp(bound.shape, shape, sizeof(int64_t) * static_cast<size_t>(rank)))) {
      Text expected, got;
      expected.appendShape(rank, shape);
      got.appendShape(bound.rank, bound.shape);
      return failOutput(context, setError(TEGULA_ERROR_INVALID_ARGUMENT,
                                          "output '%s': the result has shape %s, but the buffer given has %s",
                                          info.name, expected.get(), got.get()));
    }
    slot.data = bound.data;
  }
  if (info.element_type == TEGULA_ELEMENT_STRING) { // numbers first, text after the run
    int64_t bytes, count = countElements(rank, shape);
    bool fits = count >= 0 && !__builtin_mul_overflow(count, int64_t(sizeof(tegula_string)), &bytes);
    return slot.target = slot.data = fits ? slot.unpacked.reserve(bytes) : nullptr;
  }
  const ElementType &type = *elementType(info.element_type);
  if (!slot.bound) {
    int64_t bytes = denseBytes(type, rank, shape);
    slot.data = bytes < 0 ? nullptr : slot.storage.reserve(bytes);
  }
  slot.target = slot.data;
  if (type.isPacked() && slot.data) {
    int64_t bytes = programBytes(type, rank, shape);
    slot.target = bytes < 0 ? nullptr : slot.unpacked.reserve(bytes);
  }
  return slot.target;
}

tegula_error packOutputs(tegula_context &context) {
  const tegula_artifact &artifact = *context.model->artifact;
  for (int32_t k = 0; k < artifact.output_count; ++k) {
    OutputSlot &slot = context.outputs[static_cast<size_t>(k)];
    if (!slot.target)
      continue;
    if (artifact.outputs[k].element_type == TEGULA_ELEMENT_STRING) {
      if (tegula_error error = finishStrings(context, artifact.outputs[k], slot))
        return error;
    } else if (slot.target != slot.data) {
      const ElementType &type = *elementType(artifact.outputs[k].element_type);
      packElements(type, slot.target, programBytes(type, slot.rank, slot.shape.data()), slot.data);
    }
  }
  return TEGULA_ERROR_NONE;
}

bool numberStrings(tegula_context &context, const tegula_tensor &strings, void *numbers) {
  auto *source = static_cast<const tegula_string *>(strings.data);
  auto *target = static_cast<int64_t *>(numbers);
  for (int64_t k = 0, count = countElements(strings); k < count; ++k)
    if ((target[k] = context.strings.numberOf(source[k].data, source[k].size)) < 0)
      return false;
  return true;
}

} // namespace tegula
