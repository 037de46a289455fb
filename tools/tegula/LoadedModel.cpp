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

Expected<std::vector<HostTensor>> tegula::tool::randomInputs(const tegula_model *model, const Dimensions &dimensions,
                                                             uint64_t seed, std::vector<std::string> &notes) {
  std::vector<HostTensor> inputs;
  std::set<std::string> assumed;
  for (int32_t index = 0; index < tegula_model_input_count(model); ++index) {
    const tegula_tensor_info *info = tegula_model_input(model, index);
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

llvm::Error tegula::tool::checkCounts(const tegula_model *model, size_t inputs, std::optional<size_t> outputs) {
  auto wantedInputs = static_cast<size_t>(tegula_model_input_count(model));
  auto wantedOutputs = static_cast<size_t>(tegula_model_output_count(model));
  if (inputs != wantedInputs)
    return createStringError("the model has %zu inputs, but the data folder has %zu", wantedInputs, inputs);
  if (outputs && *outputs != wantedOutputs)
    return createStringError("the model has %zu outputs, but the data folder has %zu", wantedOutputs, *outputs);
  return llvm::Error::success();
}

TensorView Outputs::view(size_t index) const {
  const tegula_tensor &tensor = tensors[index];
  return TensorView(static_cast<ElementType>(tensor.element_type), llvm::ArrayRef(tensor.shape, tensor.rank),
                    tensor.data);
}

Expected<Outputs> tegula::tool::runOnce(tegula_context *context, const tegula_model *model,
                                        llvm::ArrayRef<HostTensor> inputs) {
  std::vector<tegula_tensor> tensors;
  for (const HostTensor &input : inputs) {
    // The runtime never writes inputs.
    auto *data = const_cast<uint8_t *>(input.bytes.data());
    tensors.push_back(
        {data, static_cast<int32_t>(input.type), static_cast<int32_t>(input.shape.size()), input.shape.data()});
  }
  Outputs outputs;
  outputs.tensors.resize(tegula_model_output_count(model));
  if (tegula_context_run(context, tensors.data(), static_cast<int32_t>(tensors.size()), outputs.tensors.data(),
                         static_cast<int32_t>(outputs.tensors.size())))
    return createStringError(tegula_last_error());
  return outputs;
}

std::string tegula::tool::describeModel(const tegula_model *model) {
  return std::string(tegula_model_target(model)) + ", " + std::to_string(tegula_model_kernel_count(model)) + " kernels";
}
