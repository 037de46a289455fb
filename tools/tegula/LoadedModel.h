// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A model that is ready to run, its inputs and its outputs: what `run` and `bench` share.
#ifndef TEGULA_TOOLS_TEGULA_LOADEDMODEL_H
#define TEGULA_TOOLS_TEGULA_LOADEDMODEL_H

#include "CommandLine.h"
#include "tegula/TestData/Compare.h"
#include "tegula/TestData/TestData.h"
#include "tegula/model.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tegula::tool {

struct ModelRelease {
  void operator()(tegula_model *model) const { tegula_model_release(model); }
};
struct ContextRelease {
  void operator()(tegula_context *context) const { tegula_context_release(context); }
};
using ModelHandle = std::unique_ptr<tegula_model, ModelRelease>;
using ContextHandle = std::unique_ptr<tegula_context, ContextRelease>;

using Dimensions = std::vector<std::pair<std::string, int64_t>>;

/// A context with `threads` workers; 0: one for every CPU.
llvm::Expected<ContextHandle> createContext(tegula_model *model, int32_t threads);

/// Seeded random inputs, nothing for those that have a default. A symbolic dimension has the extent that `dimensions`
/// gives it, else 1; `notes` gets one line for each that fell back to 1.
llvm::Expected<std::vector<HostValue>> randomInputs(const tegula_model *model, const Dimensions &dimensions,
                                                    uint64_t seed, std::vector<std::string> &notes);

/// The kinds of the model's inputs or outputs.
std::vector<ValueKind> inputKinds(const tegula_model *model);
std::vector<ValueKind> outputKinds(const tegula_model *model);

/// Checks the number of recorded inputs and outputs against the model; the last outputs and inputs with a default may
/// be left out.
llvm::Error checkFiles(const tegula_model *model, const TestDataFiles &files);

/// The outputs of one run, in storage that the context owns until its next run.
struct Outputs {
  std::vector<tegula_tensor> tensors;
  std::vector<ValueKind> kinds;
  bool isNumeric(size_t index) const;
  /// Of an output that is numeric.
  TensorView view(size_t index) const;
  /// A copy of any output.
  HostValue value(size_t index) const;
};

/// The model's inputs as the runtime takes them.
class Inputs {
public:
  Inputs() = default;
  Inputs(const Inputs &) = delete;
  Inputs &operator=(const Inputs &) = delete;
  ~Inputs();
  /// `values` must outlive this.
  llvm::Error bind(llvm::ArrayRef<HostValue> values);

  std::vector<tegula_tensor> tensors;

private:
  std::vector<std::vector<tegula_string>> strings;
  std::vector<tegula_value *> values;
};
llvm::Expected<Outputs> runOnce(tegula_context *context, const tegula_model *model, const Inputs &inputs);

/// "x86-64-v4, 4 kernels".
std::string describeModel(const tegula_model *model);

} // namespace tegula::tool

#endif
