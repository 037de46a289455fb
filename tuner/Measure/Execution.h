// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Running an artifact inside the runner by the runtime, as a user's program would, with outputs bound to guarded
// memory and the time of dispatches counted. Errors are the runtime's messages.
//
#ifndef TEGULA_TUNER_MEASURE_EXECUTION_H
#define TEGULA_TUNER_MEASURE_EXECUTION_H

#include "tegula/model.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tegula::tuner {

/// A dense tensor of one of ONNX's element types; of type 0 an input that is left out, so that its default counts.
struct Tensor {
  int32_t elementType = 0;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

/// Bytes of a dense tensor; nullopt when a dimension is negative, the type has no size or the product overflows.
std::optional<int64_t> tensorBytes(int32_t elementType, llvm::ArrayRef<int64_t> shape);

/// Memory aligned to TEGULA_ALIGNMENT between two canaries.
class GuardedBuffer {
public:
  GuardedBuffer() = default;
  /// Null data when memory is exhausted.
  explicit GuardedBuffer(int64_t bytes);

  uint8_t *data() const { return storage ? storage.get() + guardBytes : nullptr; }
  int64_t size() const { return bytes; }
  void poison();
  /// Whether both canaries are as they were.
  bool isIntact() const;

private:
  static constexpr int64_t guardBytes = 256;
  struct Free {
    void operator()(uint8_t *pointer) const;
  };
  std::unique_ptr<uint8_t, Free> storage;
  int64_t bytes = 0;
};

/// An artifact with its inputs and outputs, ready to be run many times.
class Execution {
public:
  /// `threads`: workers of a dispatch at most.
  static llvm::Expected<std::unique_ptr<Execution>> load(const std::string &path, unsigned threads);

  const tegula_artifact &artifact() const { return *tegula_model_artifact(model.get()); }
  /// Copies the inputs; what does not fit the artifact is an error of the first run.
  llvm::Error setInputs(llvm::ArrayRef<Tensor> tensors);

  /// From now on outputs are written to guarded memory, of the types and shapes of `expected`.
  llvm::Error bindOutputs(llvm::ArrayRef<Tensor> expected);

  /// TEGULA_ERROR_NONE or what went wrong; tegula_last_error() has the message. Without bound outputs the shapes are
  /// found out.
  tegula_error run();
  struct Timing {
    /// Nanoseconds spent in dispatches; with one thread, about without the time for which another process had its CPU.
    double dispatchNs = 0;
    /// The part of the time for which the thread had its CPU; 1 with several threads, where it is not known.
    double share = 1;
  };
  /// Runs `count` times, until one fails.
  tegula_error runTimed(int64_t count, Timing &timing);

  /// Called around every dispatch from now on.
  void setHooks(const tegula_hooks &hooks) { tegula_context_set_hooks(context.get(), &hooks); }

  /// Fills the outputs with poison, so that an element that is not written is found.
  void poisonOutputs();
  /// Whether nothing was written around inputs and outputs, nor into the inputs.
  bool isIntact() const;
  /// Copies the outputs of the last run.
  std::vector<Tensor> outputs() const;

private:
  struct ReleaseModel {
    void operator()(tegula_model *model) const { tegula_model_release(model); }
  };
  struct ReleaseContext {
    void operator()(tegula_context *context) const { tegula_context_release(context); }
  };

  std::unique_ptr<tegula_model, ReleaseModel> model;
  std::unique_ptr<tegula_context, ReleaseContext> context;
  std::vector<Tensor> originals;
  std::vector<GuardedBuffer> inputBuffers, outputBuffers;
  std::vector<std::vector<int64_t>> outputShapes;
  std::vector<tegula_tensor> inputTensors, boundOutputs, lastOutputs;
  unsigned threads = 1;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_MEASURE_EXECUTION_H
