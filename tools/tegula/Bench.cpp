// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula bench: how long one run takes, and where the time goes.
#include "Commands.h"
#include "LoadedModel.h"
#include "OpenModel.h"
#include "Report.h"
#include "llvm/Support/Format.h"
#include <chrono>
#include <thread>

using namespace tegula;
using namespace tegula::tool;

static const OptionSpec options[] = {
    {"threads", "N", "workers (default: one for every CPU)"},
    {"warmup", "N", "runs before the measurement (default 3)"},
    {"seconds", "T", "how long to measure; at least one run (default 3)"},
    {"data", "DIR", "inputs from DIR/input_k.pb instead of random ones; an input without a file has its default"},
    {"seed", "N", "seed of random inputs (default 0)"},
    {"dim", "NAME=N", "extent of a symbolic dimension"},
    {"precision", "MODE", "of an ONNX model: as for compile (default f32)"},
    {"freeze-defaults", nullptr, "of an ONNX model: initializers that are inputs too are constants"},
    {"profile", nullptr, "time per kernel, longest first (measured in a pass of its own)"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{"bench", "MODEL.onnx|MODEL.so",
                              "Measures the latency of a model: one run after the other, inputs unchanged.",
                              "tegula bench model.so --threads=1 --seconds=5 --json", options};

namespace {
struct KernelTime {
  int32_t kernel;
  int64_t dispatches, nanoseconds;
};
} // namespace

static double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Profiles `runs` runs; kernels that took time, longest first.
static llvm::Expected<std::vector<KernelTime>> profile(tegula_context *context, const tegula_model *model,
                                                       const Inputs &inputs, size_t runs) {
  if (tegula_context_set_profiling(context, 1))
    return llvm::createStringError(tegula_last_error());
  for (size_t run = 0; run < runs; ++run) {
    llvm::Expected<Outputs> outputs = runOnce(context, model, inputs);
    if (!outputs)
      return outputs.takeError();
  }
  std::vector<KernelTime> times;
  for (int32_t kernel = 0; kernel < tegula_model_kernel_count(model); ++kernel) {
    int64_t dispatches = 0, nanoseconds = 0;
    if (tegula_context_profile(context, kernel, &dispatches, &nanoseconds))
      return llvm::createStringError(tegula_last_error());
    if (dispatches)
      times.push_back({kernel, dispatches, nanoseconds});
  }
  llvm::sort(times, [](const KernelTime &a, const KernelTime &b) { return a.nanoseconds > b.nanoseconds; });
  return times;
}

int tegula::tool::runBench(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  auto threads = static_cast<int32_t>(arguments.getInteger("threads", 0, 0, 4096));
  int64_t warmup = arguments.getInteger("warmup", 3, 0);
  double seconds = arguments.getDuration("seconds", 3);
  auto seed = static_cast<uint64_t>(arguments.getInteger("seed", 0, 0));
  Dimensions dimensions = arguments.getDimensions("dim");
  if (arguments.failed)
    return ExitUsage;
  const std::string &path = arguments.positional[0];

  TestDataFiles files;
  if (arguments.has("data")) {
    llvm::Expected<TestDataFiles> listed = listTestData(arguments.get("data"));
    if (!listed)
      return reportFault(llvm::toString(listed.takeError()));
    files = std::move(*listed);
    files.outputs.clear();
  }
  OpenModel opened;
  if (int code = openModel(spec, arguments, opened))
    return code;
  tegula_model *model = opened.model.get();
  std::vector<std::string> notes;
  std::vector<HostValue> values;
  if (arguments.has("data")) {
    if (llvm::Error error = checkFiles(model, files))
      return reportFault(path + ": " + llvm::toString(std::move(error)));
    llvm::Expected<TestDataSet> data = loadTestDataSet(files, inputKinds(model));
    if (!data)
      return reportFault(llvm::toString(data.takeError()));
    values = std::move(data->inputs);
  } else {
    llvm::Expected<std::vector<HostValue>> made = randomInputs(model, dimensions, seed, notes);
    if (!made)
      return reportFault(path + ": " + llvm::toString(made.takeError()));
    values = std::move(*made);
  }
  Inputs inputs;
  if (llvm::Error error = inputs.bind(values))
    return reportFault(path + ": " + llvm::toString(std::move(error)));
  llvm::Expected<ContextHandle> context = createContext(model, threads);
  if (!context)
    return reportFault(path + ": " + llvm::toString(context.takeError()));

  std::vector<double> samples;
  auto begin = std::chrono::steady_clock::now();
  for (int64_t run = 0;; ++run) {
    if (run == warmup)
      begin = std::chrono::steady_clock::now();
    if (run > warmup && secondsSince(begin) >= seconds)
      break;
    auto start = std::chrono::steady_clock::now();
    llvm::Expected<Outputs> outputs = runOnce(context->get(), model, inputs);
    double elapsed = secondsSince(start);
    if (!outputs)
      return reportFault(path + ": " + llvm::toString(outputs.takeError()));
    if (run >= warmup)
      samples.push_back(elapsed * 1e3);
  }
  double throughput = static_cast<double>(samples.size()) / secondsSince(begin);
  Statistics statistics = summarize(samples);
  unsigned cpus = std::max(1u, std::thread::hardware_concurrency());
  unsigned workers = threads ? static_cast<unsigned>(threads) : cpus;

  std::vector<KernelTime> times;
  size_t profiledRuns = std::max<size_t>(1, std::min<size_t>(samples.size(), 100));
  if (arguments.has("profile")) {
    llvm::Expected<std::vector<KernelTime>> profiled = profile(context->get(), model, inputs, profiledRuns);
    if (!profiled)
      return reportFault(path + ": " + llvm::toString(profiled.takeError()));
    times = std::move(*profiled);
  }

  if (arguments.has("json")) {
    printReport("bench", [&](llvm::json::OStream &out) {
      out.attribute("model", llvm::json::fixUTF8(path));
      out.attribute("target", tegula_model_target(model));
      out.attribute("threads", workers);
      out.attribute("warmup", warmup);
      out.attribute("n", static_cast<int64_t>(statistics.n));
      out.attribute("min_ms", statistics.min);
      out.attribute("mean_ms", statistics.mean);
      out.attribute("p50_ms", statistics.p50);
      out.attribute("p90_ms", statistics.p90);
      out.attribute("p95_ms", statistics.p95);
      out.attribute("p99_ms", statistics.p99);
      out.attribute("throughput", throughput); // runs a second
      if (arguments.has("profile"))
        out.attributeArray("kernels", [&] {
          for (const KernelTime &time : times) {
            const tegula_kernel *kernel = tegula_model_kernel(model, time.kernel);
            out.object([&] {
              out.attribute("name", kernel->name);
              out.attribute("family", kernel->family);
              out.attribute("schedule", kernel->schedule);
              out.attribute("dispatches_per_run", static_cast<double>(time.dispatches) / profiledRuns);
              out.attribute("mean_ms_per_run", static_cast<double>(time.nanoseconds) / 1e6 / profiledRuns);
            });
          }
        });
    });
    return ExitOk;
  }
  for (const std::string &note : notes)
    llvm::outs() << "note: " << note << "\n";
  llvm::outs() << path << ": " << describeModel(model) << ", " << workers
               << (workers == 1 ? " thread\n" : " threads\n");
  llvm::outs() << llvm::format("n %zu, min %.4g ms, mean %.4g ms, P50 %.4g ms, P90 %.4g ms, P95 %.4g ms, P99 %.4g ms\n",
                               statistics.n, statistics.min, statistics.mean, statistics.p50, statistics.p90,
                               statistics.p95, statistics.p99);
  llvm::outs() << llvm::format("throughput %.5g runs/s\n", throughput);
  for (const KernelTime &time : times) {
    const tegula_kernel *kernel = tegula_model_kernel(model, time.kernel);
    llvm::outs() << llvm::format("%10.4g ms %5.3g times  %s  %s\n",
                                 static_cast<double>(time.nanoseconds) / 1e6 / profiledRuns,
                                 static_cast<double>(time.dispatches) / profiledRuns, kernel->name, kernel->schedule);
  }
  return ExitOk;
}
