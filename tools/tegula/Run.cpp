// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula run: one run of a model, compared with recorded outputs or summarized.
#include "Commands.h"
#include "LoadedModel.h"
#include "OpenModel.h"
#include "Report.h"
#include "VerifyKernels.h"
#include "llvm/Support/Format.h"
#include <atomic>
#include <csignal>

using namespace tegula;
using namespace tegula::tool;

static const OptionSpec options[] = {
    {"data", "DIR",
     "inputs from DIR/input_k.pb; outputs must match DIR/output_k.pb (the last ones may be missing).\n"
     "An input without a file has its default"},
    {"rtol", "X", "relative tolerance (default 1e-3)"},
    {"atol", "X", "absolute tolerance (default 1e-7)"},
    {"span", "X", "raises the absolute tolerance to X times an output's largest value (default 0)"},
    {"seed", "N", "seed of random inputs without --data (default 0)"},
    {"dim", "NAME=N", "extent of a symbolic dimension"},
    {"threads", "N", "workers (default: one for every CPU)"},
    {"target", "NAME", "target of an ONNX model (default host; reference: plain loops)"},
    {"precision", "MODE", "of an ONNX model: as for compile (default f32)"},
    {"freeze-defaults", nullptr, "of an ONNX model: initializers that are inputs too are constants"},
    {"max-loop", "N", "of an ONNX model: a Loop or Scan that starts another round after N is an error"},
    {"verify-against", "TARGET",
     "reference: run every kernel of an ONNX model also as plain loops; name the first that\n"
     "differs"},
    {"count-operations", nullptr,
     "of an ONNX model: report how many operations on floats (and products of bytes that are added\n"
     "up) its kernels did, and how many of them in vectors; with one thread"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "run", "MODEL.onnx|MODEL.so",
    "Runs a model once. With --data it compares with recorded outputs and exits 1 on a mismatch; without, it makes\n"
    "random inputs and prints statistics of the outputs.",
    "tegula run model.so --data test_data_set_0 --rtol=1e-3\ntegula run model.so --seed=7 --json", options};

static std::atomic<bool> interrupted{false};

/// The first Ctrl-C ends the run in order, the second the program at once.
static void requestInterrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

namespace {
/// Of the finite elements; `nonfinite` counts the others.
struct ValueStatistics {
  double min = 0, max = 0, mean = 0;
  int64_t nonfinite = 0;
};
} // namespace

static ValueStatistics statisticsOf(const TensorView &tensor) {
  ValueStatistics result;
  int64_t count = elementCount(tensor.shape).value_or(0), finite = 0;
  for (int64_t index = 0; index < count; ++index) {
    double value = elementAsDouble(tensor, index);
    if (!std::isfinite(value)) {
      ++result.nonfinite;
      continue;
    }
    result.min = finite ? std::min(result.min, value) : value;
    result.max = finite ? std::max(result.max, value) : value;
    result.mean += (value - result.mean) / static_cast<double>(++finite);
  }
  return result;
}

static llvm::StringRef typeName(const Outputs &outputs, size_t index) {
  switch (outputs.kinds[index]) {
  case ValueKind::Sequence:
    return "sequence";
  case ValueKind::Optional:
    return "optional";
  case ValueKind::Map:
    return "map";
  case ValueKind::Tensor:
    return elementTypeName(outputs.view(index).type);
  }
}

static std::string typeText(const Outputs &outputs, size_t index) {
  std::string text = typeName(outputs, index).str();
  return outputs.kinds[index] == ValueKind::Tensor ? text + " " + shapeText(outputs.view(index).shape) : text;
}

/// Of all kernels.
static OperationCount sumOf(llvm::ArrayRef<OperationCount> counts) {
  OperationCount sum{0, 0};
  for (const OperationCount &count : counts) {
    sum.inVectors += count.inVectors;
    sum.alone += count.alone;
  }
  return sum;
}

static void printOperations(const tegula_model *model, llvm::ArrayRef<OperationCount> counts) {
  auto print = [](llvm::StringRef name, const OperationCount &count) {
    int64_t all = count.inVectors + count.alone;
    llvm::outs() << name << ": " << all << " operations"
                 << llvm::format(", %.1f %% in vectors\n", all ? 100.0 * double(count.inVectors) / double(all) : 100.0);
  };
  for (auto [index, count] : llvm::enumerate(counts))
    if (count.alone)
      print(std::string("kernel ") + tegula_model_kernel(model, int32_t(index))->name, count);
  print("all kernels", sumOf(counts));
}

static void writeOperations(llvm::json::OStream &json, const tegula_model *model,
                            llvm::ArrayRef<OperationCount> counts) {
  auto write = [&](const OperationCount &count) {
    json.attribute("operations", count.inVectors + count.alone);
    json.attribute("operations_in_vectors", count.inVectors);
  };
  write(sumOf(counts));
  json.attributeArray("kernel_operations", [&] {
    for (auto [index, count] : llvm::enumerate(counts))
      json.object([&] {
        json.attribute("name", tegula_model_kernel(model, int32_t(index))->name);
        write(count);
      });
  });
}

static void printComparison(llvm::StringRef name, const std::string &type, const Comparison &comparison) {
  llvm::outs() << "output '" << name << "' " << type << ": ";
  if (!comparison.incomparable.empty()) {
    llvm::outs() << comparison.incomparable << "\n";
    return;
  }
  llvm::outs() << llvm::format("max absolute error %.3g, relative %.3g, ULP %.3g; ", comparison.maxAbsoluteError,
                               comparison.maxRelativeError, comparison.maxUlpError);
  if (comparison.mismatches == 0)
    llvm::outs() << "match\n";
  else
    llvm::outs() << comparison.mismatches << " of " << comparison.elements << " beyond the tolerance, first "
                 << comparison.firstMismatchText << "\n";
}

static void writeShape(llvm::json::OStream &json, llvm::ArrayRef<int64_t> shape) {
  json.attributeArray("shape", [&] {
    for (int64_t extent : shape)
      json.value(extent);
  });
}

static void writeComparison(llvm::json::OStream &json, const Comparison &comparison) {
  json.attribute("match", comparison.matches());
  json.attribute("elements", comparison.elements);
  json.attribute("mismatches", comparison.mismatches);
  json.attribute("max_absolute_error", jsonNumber(comparison.maxAbsoluteError));
  json.attribute("max_relative_error", jsonNumber(comparison.maxRelativeError));
  json.attribute("max_ulp_error", jsonNumber(comparison.maxUlpError));
  std::string message = comparison.incomparable.empty() ? comparison.firstMismatchText : comparison.incomparable;
  if (!message.empty())
    json.attribute("message", llvm::json::fixUTF8(message));
}

int tegula::tool::runRun(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  Tolerance tolerance;
  tolerance.relative = arguments.getReal("rtol", 1e-3, 0);
  tolerance.absolute = arguments.getReal("atol", 1e-7, 0);
  tolerance.span = arguments.getReal("span", 0, 0);
  auto seed = static_cast<uint64_t>(arguments.getInteger("seed", 0, 0));
  auto threads = static_cast<int32_t>(arguments.getInteger("threads", 0, 0, 4096));
  Dimensions dimensions = arguments.getDimensions("dim");
  if (arguments.failed)
    return ExitUsage;
  bool compare = arguments.has("data"), json = arguments.has("json");
  const std::string &path = arguments.positional[0];

  bool countOperations = arguments.has("count-operations");
  if (countOperations) {
    if (!isOnnxPath(path) || arguments.has("verify-against") || threads > 1)
      return reportUsage(spec, "--count-operations wants an ONNX model, one thread and no --verify-against");
    threads = 1;
  }

  // The data first: a missing folder should not cost a compilation.
  TestDataFiles files;
  if (compare) {
    llvm::Expected<TestDataFiles> listed = listTestData(arguments.get("data"));
    if (!listed)
      return reportFault(llvm::toString(listed.takeError()));
    files = std::move(*listed);
  }
  OpenModel opened;
  if (int code = openModel(spec, arguments, opened))
    return code;
  tegula_model *model = opened.model.get();
  std::vector<std::string> notes;
  TestDataSet data;
  if (compare) {
    if (llvm::Error error = checkFiles(model, files))
      return reportFault(path + ": " + llvm::toString(std::move(error)));
    llvm::Expected<TestDataSet> loaded = loadTestDataSet(files, inputKinds(model), outputKinds(model));
    if (!loaded)
      return reportFault(llvm::toString(loaded.takeError()));
    data = std::move(*loaded);
  } else {
    llvm::Expected<std::vector<HostValue>> inputs = randomInputs(model, dimensions, seed, notes);
    if (!inputs)
      return reportFault(path + ": " + llvm::toString(inputs.takeError()));
    data.inputs = std::move(*inputs);
  }
  llvm::Expected<ContextHandle> context = createContext(model, threads);
  if (!context)
    return reportFault(path + ": " + llvm::toString(context.takeError()));
  KernelVerifier verifier(tolerance);
  if (arguments.has("verify-against"))
    if (int code = verifier.open(arguments, opened, context->get()))
      return code;
  Inputs inputs;
  if (llvm::Error error = inputs.bind(data.inputs))
    return reportFault(path + ": " + llvm::toString(std::move(error)));
  tegula_context_set_poll(context->get(), [](void *) { return int32_t(interrupted); }, /*user=*/nullptr);
  std::signal(SIGINT, requestInterrupt);
  llvm::Expected<Outputs> outputs = runOnce(context->get(), model, inputs);
  std::signal(SIGINT, SIG_DFL);
  if (!outputs) {
    reportFault(path + ": " + llvm::toString(outputs.takeError()));
    return tegula_context_failure(context->get(), /*node=*/nullptr) == TEGULA_INTERRUPTED ? ExitInterrupted : ExitFault;
  }

  if (int code = verifier.report())
    return code;
  size_t count = outputs->tensors.size(), mismatched = 0;
  std::vector<Comparison> comparisons;
  for (size_t index = 0; index < data.outputs.size(); ++index) {
    if (outputs->isNumeric(index))
      comparisons.push_back(compareTensors(outputs->view(index), data.outputs[index].tensor, tolerance));
    else
      comparisons.push_back(compareValues(outputs->value(index), data.outputs[index], tolerance));
    mismatched += !comparisons.back().matches();
  }

  if (json) {
    printReport("run", [&](llvm::json::OStream &out) {
      out.attribute("model", llvm::json::fixUTF8(path));
      out.attribute("target", tegula_model_target(model));
      out.attribute("kernels", tegula_model_kernel_count(model));
      out.attribute("kernel_dispatches", tegula_context_dispatch_count(context->get()));
      out.attribute("host_dispatches", tegula_context_host_dispatch_count(context->get()));
      if (compare)
        out.attribute("match", mismatched == 0);
      else
        out.attribute("seed", static_cast<int64_t>(seed));
      if (countOperations)
        writeOperations(out, model, opened.artifact->getOperationCounts());
      out.attributeArray("outputs", [&] {
        for (size_t index = 0; index < count; ++index) {
          out.object([&] {
            out.attribute("name", llvm::json::fixUTF8(tegula_model_output(model, static_cast<int32_t>(index))->name));
            out.attribute("type", typeName(*outputs, index));
            if (outputs->kinds[index] == ValueKind::Tensor)
              writeShape(out, outputs->view(index).shape);
            if (index < comparisons.size()) {
              writeComparison(out, comparisons[index]);
            } else if (outputs->isNumeric(index)) {
              ValueStatistics statistics = statisticsOf(outputs->view(index));
              out.attribute("min", jsonNumber(statistics.min));
              out.attribute("max", jsonNumber(statistics.max));
              out.attribute("mean", jsonNumber(statistics.mean));
              out.attribute("nonfinite", statistics.nonfinite);
            }
          });
        }
      });
    });
  } else {
    for (const std::string &note : notes)
      llvm::outs() << "note: " << note << "\n";
    for (size_t index = 0; index < count; ++index) {
      const char *name = tegula_model_output(model, static_cast<int32_t>(index))->name;
      if (index < comparisons.size()) {
        printComparison(name, typeText(*outputs, index), comparisons[index]);
        continue;
      }
      if (!outputs->isNumeric(index)) {
        llvm::outs() << "output '" << name << "' " << typeText(*outputs, index) << "\n";
        continue;
      }
      TensorView view = outputs->view(index);
      ValueStatistics statistics = statisticsOf(view);
      llvm::outs() << "output '" << name << "' " << typeText(*outputs, index)
                   << llvm::format(": min %.6g, max %.6g, mean %.6g", statistics.min, statistics.max, statistics.mean);
      if (statistics.nonfinite)
        llvm::outs() << ", " << statistics.nonfinite << " not finite";
      llvm::outs() << "\n";
    }
  }
  if (countOperations && !json)
    printOperations(model, opened.artifact->getOperationCounts());
  if (mismatched)
    return reportFault(path + ": " + llvm::Twine(mismatched) + " of " + llvm::Twine(count) +
                       " outputs do not match the expected ones");
  return ExitOk;
}
