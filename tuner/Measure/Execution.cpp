// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Execution.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>

using namespace tegula::tuner;

static constexpr uint8_t canary = 0xa5;
/// All ones is a NaN in every floating-point type and an unlikely result in every other.
static constexpr uint8_t poisonByte = 0xff;

std::optional<int64_t> tegula::tuner::tensorBytes(int32_t elementType, llvm::ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(elements, extent, &elements))
      return std::nullopt;
  int64_t bytes = tegula_tensor_bytes(elementType, elements);
  return bytes < 0 ? std::nullopt : std::optional<int64_t>(bytes);
}

void GuardedBuffer::Free::operator()(uint8_t *pointer) const { std::free(pointer); }

GuardedBuffer::GuardedBuffer(int64_t bytes) : bytes(bytes) {
  uint64_t total = llvm::alignTo(static_cast<uint64_t>(bytes) + 2 * guardBytes, TEGULA_ALIGNMENT);
  storage.reset(static_cast<uint8_t *>(std::aligned_alloc(TEGULA_ALIGNMENT, total)));
  if (!storage)
    return;
  memset(storage.get(), canary, guardBytes);
  memset(storage.get() + guardBytes + bytes, canary, guardBytes);
}

void GuardedBuffer::poison() { memset(data(), poisonByte, bytes); }

bool GuardedBuffer::isIntact() const {
  if (!storage)
    return true;
  auto isCanary = [](uint8_t byte) { return byte == canary; };
  return llvm::all_of(llvm::ArrayRef<uint8_t>(storage.get(), guardBytes), isCanary) &&
         llvm::all_of(llvm::ArrayRef<uint8_t>(data() + bytes, guardBytes), isCanary);
}

llvm::Expected<std::unique_ptr<Execution>> Execution::load(const std::string &path, unsigned threads) {
  tegula_model *model = nullptr;
  if (tegula_model_load(path.c_str(), nullptr, &model) != TEGULA_ERROR_NONE)
    return llvm::createStringError(tegula_last_error());
  auto execution = std::make_unique<Execution>();
  execution->model.reset(model);
  tegula_context_options options = {sizeof(tegula_context_options), static_cast<int32_t>(threads), nullptr};
  tegula_context *context = nullptr;
  if (tegula_context_create(model, &options, &context) != TEGULA_ERROR_NONE)
    return llvm::createStringError(tegula_last_error());
  execution->context.reset(context);
  execution->threads = threads;
  return execution;
}

llvm::Error Execution::setInputs(llvm::ArrayRef<Tensor> tensors) {
  originals = tensors.vec();
  inputBuffers.clear();
  inputTensors.clear();
  for (const Tensor &tensor : originals) {
    if (tensor.elementType == 0) { // the default
      inputBuffers.emplace_back();
      inputTensors.push_back({});
      continue;
    }
    GuardedBuffer &buffer = inputBuffers.emplace_back(tensor.bytes.size());
    if (!buffer.data())
      return llvm::createStringError("expected memory for the inputs, but got none");
    llvm::copy(tensor.bytes, buffer.data());
    inputTensors.push_back(
        {buffer.data(), tensor.elementType, static_cast<int32_t>(tensor.shape.size()), tensor.shape.data()});
  }
  return llvm::Error::success();
}

llvm::Error Execution::bindOutputs(llvm::ArrayRef<Tensor> expected) {
  outputBuffers.clear();
  outputShapes.clear();
  boundOutputs.clear();
  for (const Tensor &tensor : expected)
    outputShapes.push_back(tensor.shape);
  for (auto [tensor, shape] : llvm::zip(expected, outputShapes)) {
    GuardedBuffer &buffer = outputBuffers.emplace_back(tensor.bytes.size());
    if (!buffer.data())
      return llvm::createStringError("expected memory for the outputs, but got none");
    boundOutputs.push_back({buffer.data(), tensor.elementType, static_cast<int32_t>(shape.size()), shape.data()});
  }
  return llvm::Error::success();
}

tegula_error Execution::run() {
  lastOutputs = boundOutputs;
  if (lastOutputs.empty())
    lastOutputs.resize(tegula_model_output_count(model.get()), tegula_tensor{});
  return tegula_context_run(context.get(), inputTensors.data(), inputTensors.size(), lastOutputs.data(),
                            lastOutputs.size());
}

static double nanosecondsOf(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

tegula_error Execution::runTimed(int64_t count, Timing &timing) {
  timing = {};
  // Enabling starts from zero.
  tegula_error error = tegula_context_set_profiling(context.get(), 1);
  double beginCpu = nanosecondsOf(CLOCK_THREAD_CPUTIME_ID), begin = nanosecondsOf(CLOCK_MONOTONIC);
  for (int64_t number = 0; number < count && error == TEGULA_ERROR_NONE; ++number)
    error = run();
  double elapsed = nanosecondsOf(CLOCK_MONOTONIC) - begin, cpu = nanosecondsOf(CLOCK_THREAD_CPUTIME_ID) - beginCpu;
  // The calling thread is the only worker: the part of the time for which it had a CPU is the part of its work.
  timing.share = threads == 1 && elapsed > 0 ? std::min(cpu / elapsed, 1.0) : 1;
  for (int32_t kernel = 0; kernel < tegula_model_kernel_count(model.get()) && error == TEGULA_ERROR_NONE; ++kernel) {
    int64_t dispatches = 0, nanoseconds = 0;
    error = tegula_context_profile(context.get(), kernel, &dispatches, &nanoseconds);
    timing.dispatchNs += timing.share * static_cast<double>(nanoseconds);
  }
  return error;
}

void Execution::poisonOutputs() {
  for (GuardedBuffer &buffer : outputBuffers)
    buffer.poison();
}

bool Execution::isIntact() const {
  auto intact = [](const GuardedBuffer &buffer) { return buffer.isIntact(); };
  if (!llvm::all_of(inputBuffers, intact) || !llvm::all_of(outputBuffers, intact))
    return false;
  for (auto [buffer, original] : llvm::zip(inputBuffers, originals))
    if (buffer.data() && memcmp(buffer.data(), original.bytes.data(), original.bytes.size()) != 0)
      return false;
  return true;
}

std::vector<Tensor> Execution::outputs() const {
  std::vector<Tensor> tensors;
  for (const tegula_tensor &output : lastOutputs) {
    Tensor &tensor = tensors.emplace_back();
    tensor.elementType = output.element_type;
    tensor.shape.assign(output.shape, output.shape + output.rank);
    const auto *bytes = static_cast<const uint8_t *>(output.data);
    tensor.bytes.assign(bytes, bytes + tensorBytes(output.element_type, tensor.shape).value_or(0));
  }
  return tensors;
}
