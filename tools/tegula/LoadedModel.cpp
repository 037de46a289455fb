// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "LoadedModel.h"
#include <set>

using namespace tegula;
using namespace tegula::tool;
using llvm::createStringError;
using llvm::Expected;

Expected<ContextHandle> tegula::tool::createContext(tegula_model *model, int32_t threads) {
  tegula_context_options options = {};
  options.struct_size = sizeof options;
  options.threads = threads;
  tegula_context *context = nullptr;
  if (tegula_context_create(model, &options, &context))
    return createStringError(tegula_last_error());
  return ContextHandle(context);
}

Expected<std::vector<HostValue>> tegula::tool::randomInputs(const tegula_model *model, const Dimensions &dimensions,
                                                            uint64_t seed, std::vector<std::string> &notes) {
  std::vector<HostValue> inputs;
  std::set<std::string> assumed;
  for (int32_t index = 0; index < tegula_model_input_count(model); ++index) {
    const tegula_tensor_info *info = tegula_model_input(model, index);
    if (tegula_model_input_default(model, index)) {
      inputs.emplace_back();
      continue;
    }
    if (tegula_model_input_type(model, index))
      return createStringError("input '%s' is a sequence, optional or map; use recorded data (--data)", info->name);
    if (info->rank < 0)
      return createStringError("input '%s' has no rank; use recorded data (--data)", info->name);
    std::vector<int64_t> shape(info->shape, info->shape + info->rank);
    for (int32_t axis = 0; axis < info->rank; ++axis) {
      if (shape[axis] >= 0)
        continue;
      const char *symbol = info->symbols ? info->symbols[axis] : nullptr;
      auto given = llvm::find_if(dimensions, [&](const auto &pair) { return symbol && pair.first == symbol; });
      shape[axis] = given == dimensions.end() ? 1 : given->second;
      if (given == dimensions.end() && symbol && assumed.insert(symbol).second)
        notes.push_back(std::string("dimension '") + symbol + "' is 1 here; --dim " + symbol + "=N changes it");
      else if (!symbol)
        notes.push_back(std::string("input '") + info->name + "': dimension " + std::to_string(axis) +
                        " has no name and is 1 here");
    }
    Expected<HostTensor> tensor = randomTensor(info->name, static_cast<ElementType>(info->element_type), shape, seed);
    if (!tensor)
      return tensor.takeError();
    inputs.push_back(std::move(*tensor));
  }
  return inputs;
}

llvm::Error tegula::tool::checkFiles(const tegula_model *model, const TestDataFiles &files) {
  auto wantedInputs = static_cast<size_t>(tegula_model_input_count(model));
  auto wantedOutputs = static_cast<size_t>(tegula_model_output_count(model));
  if (files.inputs.size() > wantedInputs)
    return createStringError("the model has %zu inputs, but the data folder has %zu", wantedInputs,
                             files.inputs.size());
  for (size_t k = 0; k < wantedInputs; ++k) {
    auto index = static_cast<int32_t>(k);
    bool isMissing = k >= files.inputs.size() || files.inputs[k].empty();
    if (isMissing && !tegula_model_input_default(model, index))
      return createStringError("the model has %zu inputs, but the data folder has no input_%zu.pb for '%s'",
                               wantedInputs, k, tegula_model_input(model, index)->name);
  }
  if (files.outputs.size() > wantedOutputs)
    return createStringError("the model has %zu outputs, but the data folder has %zu", wantedOutputs,
                             files.outputs.size());
  return llvm::Error::success();
}

std::vector<ValueKind> tegula::tool::inputKinds(const tegula_model *model) {
  std::vector<ValueKind> kinds;
  for (int32_t k = 0; k < tegula_model_input_count(model); ++k) {
    const tegula_value_type *type = tegula_model_input_type(model, k);
    kinds.push_back(type ? static_cast<ValueKind>(type->kind) : ValueKind::Tensor);
  }
  return kinds;
}

std::vector<ValueKind> tegula::tool::outputKinds(const tegula_model *model) {
  std::vector<ValueKind> kinds;
  for (int32_t k = 0; k < tegula_model_output_count(model); ++k) {
    const tegula_value_type *type = tegula_model_output_type(model, k);
    kinds.push_back(type ? static_cast<ValueKind>(type->kind) : ValueKind::Tensor);
  }
  return kinds;
}

// --- values out ------------------------------------------------------------------------------------------------------

static HostTensor copyTensor(const tegula_tensor &tensor) {
  HostTensor copy;
  copy.type = static_cast<ElementType>(tensor.element_type);
  copy.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  if (copy.type == ElementType::String) {
    const auto *strings = static_cast<const tegula_string *>(tensor.data);
    for (int64_t k = 0, count = elementCount(copy.shape).value_or(0); k < count; ++k)
      copy.strings.emplace_back(strings[k].data, strings[k].size);
    return copy;
  }
  const auto *bytes = static_cast<const uint8_t *>(tensor.data);
  copy.bytes.assign(bytes, bytes + tensorBytes(copy.type, copy.shape).value_or(0));
  return copy;
}

/// In a value each element takes a byte; recorded data has them packed.
static HostTensor copyElements(const tegula_tensor &tensor) {
  unsigned bits = elementTypeBits(static_cast<ElementType>(tensor.element_type)).value_or(8);
  if (bits >= 8)
    return copyTensor(tensor);
  HostTensor copy;
  copy.type = static_cast<ElementType>(tensor.element_type);
  copy.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  copy.bytes.resize(tensorBytes(copy.type, copy.shape).value_or(0));
  const auto *bytes = static_cast<const uint8_t *>(tensor.data);
  for (int64_t k = 0, count = elementCount(copy.shape).value_or(0); k < count; ++k)
    copy.bytes[k * bits / 8] |= (bytes[k] & ((1u << bits) - 1)) << (k * bits % 8);
  return copy;
}

static HostValue copyValue(const tegula_value *value, ValueKind kind) {
  HostValue copy;
  copy.kind = kind;
  if (kind == ValueKind::Optional) {
    if (value)
      copy.elements.push_back(copyValue(value, static_cast<ValueKind>(tegula_value_kind_of(value))));
    return copy;
  }
  if (kind == ValueKind::Tensor) {
    copy.tensor = copyElements(*tegula_value_tensor(value));
    return copy;
  }
  int64_t count = kind == ValueKind::Map ? 2 : tegula_value_count(value);
  for (int64_t k = 0; k < count; ++k) {
    const tegula_value *element = tegula_value_element(value, k);
    copy.elements.push_back(copyValue(element, static_cast<ValueKind>(tegula_value_kind_of(element))));
  }
  return copy;
}

bool Outputs::isNumeric(size_t index) const {
  return kinds[index] == ValueKind::Tensor && tensors[index].element_type != TEGULA_ELEMENT_STRING;
}

TensorView Outputs::view(size_t index) const {
  const tegula_tensor &tensor = tensors[index];
  return TensorView(static_cast<ElementType>(tensor.element_type), llvm::ArrayRef(tensor.shape, tensor.rank),
                    tensor.data);
}

HostValue Outputs::value(size_t index) const {
  if (kinds[index] == ValueKind::Tensor)
    return HostValue(copyTensor(tensors[index]));
  return copyValue(static_cast<const tegula_value *>(tensors[index].data), kinds[index]);
}

// --- values in -------------------------------------------------------------------------------------------------------

static std::vector<tegula_string> stringsOf(const HostTensor &tensor) {
  std::vector<tegula_string> strings;
  for (const std::string &text : tensor.strings)
    strings.push_back({text.data(), static_cast<int64_t>(text.size())});
  return strings;
}

/// The runtime never writes inputs.
static tegula_tensor describe(const HostTensor &tensor, const void *data) {
  return {const_cast<void *>(data), static_cast<int32_t>(tensor.type), static_cast<int32_t>(tensor.shape.size()),
          tensor.shape.data()};
}

static Expected<tegula_value *> makeValue(const HostValue &value) {
  tegula_value *result = nullptr;
  if (value.kind == ValueKind::Tensor) {
    std::vector<uint8_t> unpacked;
    std::vector<tegula_string> strings = stringsOf(value.tensor);
    const void *data = value.tensor.type == ElementType::String ? static_cast<const void *>(strings.data())
                                                                : value.tensor.bytes.data();
    unsigned bits = elementTypeBits(value.tensor.type).value_or(8);
    if (bits < 8) {
      bool isSigned = value.tensor.type == ElementType::Int4 || value.tensor.type == ElementType::Int2;
      for (int64_t k = 0, count = elementCount(value.tensor.shape).value_or(0); k < count; ++k) {
        unsigned element = (value.tensor.bytes[k * bits / 8] >> (k * bits % 8)) & ((1u << bits) - 1);
        unsigned sign = isSigned ? 1u << (bits - 1) : 0;
        unpacked.push_back(static_cast<uint8_t>((element ^ sign) - sign));
      }
      data = unpacked.data();
    }
    tegula_tensor tensor = describe(value.tensor, data);
    if (tegula_value_from_tensor(&tensor, &result))
      return createStringError(tegula_last_error());
    return result;
  }
  if (value.kind == ValueKind::Optional)
    return value.elements.empty() ? Expected<tegula_value *>(nullptr) : makeValue(value.elements.front());
  std::vector<tegula_value *> elements;
  std::string message;
  for (const HostValue &element : value.elements) {
    Expected<tegula_value *> made = makeValue(element);
    if (made)
      elements.push_back(*made);
    else
      message = llvm::toString(made.takeError());
  }
  if (message.empty() && tegula_value_from_elements(elements.data(), static_cast<int64_t>(elements.size()), &result))
    message = tegula_last_error();
  llvm::for_each(elements, tegula_value_release);
  if (!message.empty())
    return createStringError(message);
  return result;
}

Inputs::~Inputs() { llvm::for_each(values, tegula_value_release); }

llvm::Error Inputs::bind(llvm::ArrayRef<HostValue> given) {
  for (const HostValue &value : given) {
    if (value.kind != ValueKind::Tensor) {
      Expected<tegula_value *> made = makeValue(value);
      if (!made)
        return made.takeError();
      values.push_back(*made);
      tensors.push_back({*made, 0, 0, nullptr});
    } else if (value.tensor.type == ElementType::Undefined) {
      tensors.push_back({});
    } else if (value.tensor.type == ElementType::String) {
      strings.push_back(stringsOf(value.tensor));
      tensors.push_back(describe(value.tensor, strings.back().data()));
    } else {
      tensors.push_back(describe(value.tensor, value.tensor.bytes.data()));
    }
  }
  return llvm::Error::success();
}

Expected<Outputs> tegula::tool::runOnce(tegula_context *context, const tegula_model *model, const Inputs &inputs) {
  Outputs outputs;
  outputs.kinds = outputKinds(model);
  outputs.tensors.resize(outputs.kinds.size());
  if (tegula_context_run(context, inputs.tensors.data(), static_cast<int32_t>(inputs.tensors.size()),
                         outputs.tensors.data(), static_cast<int32_t>(outputs.tensors.size())))
    return createStringError(tegula_last_error());
  return outputs;
}

std::string tegula::tool::describeModel(const tegula_model *model) {
  return std::string(tegula_model_target(model)) + ", " + std::to_string(tegula_model_kernel_count(model)) + " kernels";
}
