// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "VerifyKernels.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/MathExtras.h"

#include <cstdlib>
#include <memory>

using namespace tegula;
using namespace tegula::tool;

/// Storage types know no signs; equality of integers does not need them.
static ElementType elementTypeOf(mlir::Type type) {
  if (type.isF32())
    return ElementType::Float32;
  if (type.isF64())
    return ElementType::Float64;
  if (type.isF16())
    return ElementType::Float16;
  if (type.isBF16())
    return ElementType::BFloat16;
  switch (type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 64) {
  case 8:
    return ElementType::Int8;
  case 16:
    return ElementType::Int16;
  case 32:
    return ElementType::Int32;
  default:
    return ElementType::Int64;
  }
}

int KernelVerifier::open(Arguments &arguments, OpenModel &model, tegula_context *context) {
  std::string against = arguments.get("verify-against");
  if (against != "reference") {
    llvm::errs() << "tegula run: error: expected --verify-against=reference, but got '" << against << "'\n";
    return ExitUsage;
  }
  if (!model.session)
    return reportFault("--verify-against needs the ONNX model: a compiled one holds only one target's kernels");
  if (int code = openOnnx(arguments.positional[0], arguments.get("target", "host"), arguments, reference,
                          /*plainKernels=*/true))
    return code;
  if (tegula_model_kernel_count(reference.model.get()) != tegula_model_kernel_count(model.model.get()))
    return reportFault("the targets cut the model into different kernels"), ExitInternal;
  opened = &model;
  tegula_hooks hooks{};
  hooks.user = this;
  hooks.after = [](void *user, int32_t kernel, int32_t status, void *const *buffers, const int64_t *dims) {
    if (status == TEGULA_OK)
      static_cast<KernelVerifier *>(user)->verify(kernel, buffers, dims);
  };
  tegula_context_set_hooks(context, &hooks);
  return ExitOk;
}

void KernelVerifier::verify(int32_t index, void *const *buffers, const int64_t *dims) {
  const KernelInterface &interface = opened->kernels[index];
  const tegula_kernel *kernel = tegula_model_kernel(reference.model.get(), index);
  size_t operands = interface.buffers.size() - interface.resultCount;
  std::vector<std::vector<int64_t>> shapes;
  const int64_t *next = dims;
  for (const KernelInterface::Buffer &buffer : interface.buffers) {
    shapes.emplace_back(buffer.shape.begin(), buffer.shape.end());
    for (int64_t &extent : shapes.back())
      if (mlir::ShapedType::isDynamic(extent))
        extent = *next++;
  }
  std::vector<void *> arguments(buffers, buffers + interface.buffers.size());
  std::vector<std::vector<char>> results;
  for (size_t i = operands; i < interface.buffers.size(); ++i) {
    ElementType type = elementTypeOf(interface.buffers[i].element);
    int64_t count = 1;
    for (int64_t extent : shapes[i])
      count *= extent;
    results.emplace_back(std::max<int64_t>(64, tegula_tensor_bytes(static_cast<int32_t>(type), count)));
    arguments[i] = results.back().data();
  }
  int64_t bytes = tegula_kernel_workspace(kernel, dims);
  std::unique_ptr<void, decltype(&std::free)> workspace(
      bytes < 0 ? nullptr : std::aligned_alloc(TEGULA_ALIGNMENT, llvm::alignTo(bytes + 1, TEGULA_ALIGNMENT)),
      &std::free);
  int32_t status = workspace ? TEGULA_OK : TEGULA_OUT_OF_MEMORY;
  for (uint32_t phase = 0; phase < kernel->phase_count && status == TEGULA_OK; ++phase)
    status = kernel->phases[phase](0, 1, arguments.data(), dims, workspace.get());
  ++verified;
  for (size_t i = operands; i < interface.buffers.size(); ++i) {
    ElementType type = elementTypeOf(interface.buffers[i].element);
    Comparison comparison =
        compareTensors(TensorView(type, shapes[i], buffers[i]), TensorView(type, shapes[i], arguments[i]), tolerance);
    if (std::isfinite(comparison.maxAbsoluteError))
      largestError = std::max(largestError, comparison.maxAbsoluteError);
    if (first.empty() && (status != TEGULA_OK || !comparison.matches()))
      first = "kernel " + interface.name + ", dispatch " + std::to_string(verified - 1) + ", result " +
              std::to_string(i - operands) + " " + comparison.firstMismatchText + "\n  nodes: " + kernel->nodes;
  }
}

int KernelVerifier::report() {
  if (!opened)
    return ExitOk;
  if (!first.empty())
    return reportFault("differs from the reference first in " + first);
  llvm::outs() << "verified " << verified << " dispatches against the reference: max absolute error "
               << llvm::format("%.3g", largestError) << "\n";
  return ExitOk;
}
