// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sizes at which a model calls its kernels, seen by the runtime's hooks.
//
#include "Comparison.h"

#include <algorithm>

using namespace tegula::tuner;

using DimsByKernel = std::map<std::string, std::vector<int64_t>>;

namespace {
struct Recorder {
  const tegula_artifact &artifact;
  const std::map<std::string, size_t> &dimCounts;
  DimsByKernel dims;

  static void before(void *user, int32_t kernel, void *const *, const int64_t *values) {
    auto &recorder = *static_cast<Recorder *>(user);
    std::string name = recorder.artifact.kernels[kernel].name;
    auto count = recorder.dimCounts.find(name);
    if (count == recorder.dimCounts.end())
      return;
    std::vector<int64_t> seen(values, values + count->second);
    auto product = [](const std::vector<int64_t> &list) {
      double result = 1;
      for (int64_t value : list)
        result *= static_cast<double>(std::max<int64_t>(value, 1));
      return result;
    };
    auto [known, isNew] = recorder.dims.try_emplace(name, seen);
    if (!isNew && product(seen) > product(known->second))
      known->second = seen;
  }
};
} // namespace

llvm::Expected<DimsByKernel> tegula::tuner::runForDims(const std::string &path,
                                                       const std::map<std::string, int64_t> &dimensions, uint64_t seed,
                                                       unsigned threads,
                                                       const std::map<std::string, size_t> &dimCounts) {
  std::string refusal;
  for (WideIntegers wide : {WideIntegers::ZeroToThree, WideIntegers::One, WideIntegers::Zero}) {
    llvm::Expected<std::unique_ptr<Execution>> execution = Execution::load(path, threads);
    if (!execution)
      return execution.takeError();
    const tegula_artifact &artifact = (*execution)->artifact();
    std::vector<std::vector<int64_t>> shapes;
    for (int32_t input = 0; input < artifact.input_count; ++input) {
      const tegula_tensor_info &info = artifact.inputs[input];
      std::vector<int64_t> &shape = shapes.emplace_back();
      for (int32_t axis = 0; axis < info.rank; ++axis) {
        const char *symbol = info.symbols ? info.symbols[axis] : nullptr;
        auto given = symbol ? dimensions.find(symbol) : dimensions.end();
        int64_t assumed = given != dimensions.end() ? given->second : axis == 0 ? 1 : 128;
        shape.push_back(info.shape[axis] >= 0 ? info.shape[axis] : assumed);
      }
    }
    llvm::Expected<std::vector<Tensor>> inputs = makeInputs(artifact, shapes, seed, wide);
    if (!inputs)
      return inputs.takeError();
    if (llvm::Error error = (*execution)->setInputs(*inputs))
      return std::move(error);
    Recorder recorder{artifact, dimCounts, {}};
    (*execution)->setHooks({&recorder, Recorder::before, nullptr});
    tegula_error error = (*execution)->run();
    if (error == TEGULA_ERROR_NONE)
      return std::move(recorder.dims);
    refusal = tegula_last_error();
    if (error != TEGULA_ERROR_RUN_FAILED)
      break;
  }
  return llvm::createStringError(refusal);
}
