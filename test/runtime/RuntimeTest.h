// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Artifacts put together in memory, and owners for the runtime's handles.
#ifndef TEGULA_TEST_RUNTIME_RUNTIMETEST_H
#define TEGULA_TEST_RUNTIME_RUNTIMETEST_H

#include "tegula/model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <deque>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace tegula_test {

// Numbers of TensorProto.DataType.
enum ElementType : int32_t { Float = 1, Int8 = 3, Int64 = 7, Bool = 9, Double = 11, Int4 = 22 };

struct Release {
  void operator()(tegula_model *model) const { tegula_model_release(model); }
  void operator()(tegula_context *context) const { tegula_context_release(context); }
  void operator()(tegula_pool *pool) const { tegula_pool_release(pool); }
};
using ModelPointer = std::unique_ptr<tegula_model, Release>;
using ContextPointer = std::unique_ptr<tegula_context, Release>;
using PoolPointer = std::unique_ptr<tegula_pool, Release>;

/// The tables of an artifact; must outlive the models made of it.
class TestModel {
public:
  tegula_artifact artifact = {};

  TestModel() {
    artifact.abi_version = TEGULA_ABI_VERSION;
    artifact.struct_size = sizeof(tegula_artifact);
    artifact.model = "test";
    artifact.target = "x86-64-v2";
    artifact.program = [](void *, const tegula_services *, void *, const void *, void *const *, const int64_t *) {
      return int32_t(TEGULA_OK);
    };
  }
  TestModel &input(const char *name, int32_t type, std::vector<int64_t> shape, std::vector<const char *> symbols = {}) {
    inputs.push_back(info(name, type, std::move(shape), std::move(symbols)));
    return *this;
  }
  /// The default of the last input, `offset` bytes into the constants.
  TestModel &inputDefault(std::vector<int64_t> shape, int64_t offset) {
    shapes.push_back(std::move(shape));
    defaults.push_back({static_cast<int32_t>(shapes.back().size()), shapes.back().data(), offset, nullptr});
    defaultList.resize(inputs.size());
    defaultList.back() = &defaults.back();
    return *this;
  }
  TestModel &constants(const void *data, int64_t bytes) {
    artifact.constants = data;
    artifact.constants_bytes = bytes;
    return *this;
  }
  TestModel &output(const char *name, int32_t type, std::vector<int64_t> shape,
                    std::vector<const char *> symbols = {}) {
    outputs.push_back(info(name, type, std::move(shape), std::move(symbols)));
    return *this;
  }
  TestModel &outputOfAnyRank(const char *name, int32_t type) {
    outputs.push_back({name, type, -1, nullptr, nullptr});
    return *this;
  }
  TestModel &kernel(const char *name, std::vector<tegula_kernel_function> phases, const char *nodeNames = "",
                    int64_t workspace = 0, bool parallel = true) {
    phaseLists.push_back(std::move(phases));
    const auto &list = phaseLists.back();
    kernels.push_back({name, "test", "", "default", "0", nodeNames, static_cast<uint32_t>(list.size()), parallel,
                       list.data(), nullptr, workspace});
    return *this;
  }
  /// What computes the bytes of the last kernel's workspace.
  TestModel &workspace(int64_t (*function)(const int64_t *dims)) {
    kernels.back().workspace = function;
    return *this;
  }
  TestModel &nodes(std::vector<const char *> names) {
    nodeNames = std::move(names);
    return *this;
  }
  TestModel &program(tegula_program_function function) {
    artifact.program = function;
    return *this;
  }
  const tegula_artifact &finish() {
    artifact.inputs = inputs.data();
    artifact.input_count = static_cast<int32_t>(inputs.size());
    artifact.outputs = outputs.data();
    artifact.output_count = static_cast<int32_t>(outputs.size());
    artifact.kernels = kernels.data();
    artifact.kernel_count = static_cast<int32_t>(kernels.size());
    artifact.nodes = nodeNames.data();
    artifact.node_count = static_cast<int32_t>(nodeNames.size());
    defaultList.resize(inputs.size());
    artifact.input_defaults = defaults.empty() ? nullptr : defaultList.data();
    return artifact;
  }
  ModelPointer load() {
    tegula_model *model = nullptr;
    EXPECT_EQ(tegula_model_from_artifact(&finish(), nullptr, &model), TEGULA_ERROR_NONE) << tegula_last_error();
    return ModelPointer(model);
  }

private:
  tegula_tensor_info info(const char *name, int32_t type, std::vector<int64_t> shape,
                          std::vector<const char *> symbols) {
    symbols.resize(shape.size());
    shapes.push_back(std::move(shape));
    symbolLists.push_back(std::move(symbols));
    return {name, type, static_cast<int32_t>(shapes.back().size()), shapes.back().data(), symbolLists.back().data()};
  }

  std::vector<tegula_tensor_info> inputs, outputs;
  std::vector<tegula_kernel> kernels;
  std::vector<const char *> nodeNames;
  std::vector<const tegula_default *> defaultList;
  // Deques, because the tables point into them.
  std::deque<std::vector<int64_t>> shapes;
  std::deque<tegula_default> defaults;
  std::deque<std::vector<const char *>> symbolLists;
  std::deque<std::vector<tegula_kernel_function>> phaseLists;
};

inline ContextPointer makeContext(tegula_model *model, int32_t threads, tegula_pool *pool = nullptr) {
  tegula_context_options options = {sizeof(options), threads, pool};
  tegula_context *context = nullptr;
  EXPECT_EQ(tegula_context_create(model, &options, &context), TEGULA_ERROR_NONE) << tegula_last_error();
  return ContextPointer(context);
}

inline int64_t elementCount(const tegula_tensor &tensor) {
  int64_t count = 1;
  for (int32_t k = 0; k < tensor.rank; ++k)
    count *= tensor.shape[k];
  return count;
}

inline std::vector<float> floats(const tegula_tensor &tensor) {
  const auto *data = static_cast<const float *>(tensor.data);
  return std::vector<float>(data, data + elementCount(tensor));
}

inline std::vector<int64_t> shapeOf(const tegula_tensor &tensor) {
  return std::vector<int64_t>(tensor.shape, tensor.shape + tensor.rank);
}

} // namespace tegula_test
#endif
