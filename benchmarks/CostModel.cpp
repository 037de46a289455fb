// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the cost model says of the kernels of a model, beside what a tuning database has measured:
//
//   benchmark-cost-model MODEL.onnx DATABASE... [--precision=MODE] [--samples=N] [--calibrate] [--text]
//
// One JSON object a line for each kernel: its points in the databases with their estimates and median times, the
// smallest of several trials, since other programs only make runs longer; the estimate of the default, the cheapest of
// N uniform samples by estimate, and the microseconds that an estimate took. The peaks are those of the first database;
// --calibrate measures them again. With --text, the breakdowns for people instead.
//
#include "tegula/Tuner/Select/DatabaseSchedules.h"
#include "tegula/Tuner/Session/ModelKernels.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

using namespace tegula;
using namespace tegula::tuner;

static llvm::cl::opt<std::string> modelOption(llvm::cl::Positional, llvm::cl::Required),
    precisionOption("precision", llvm::cl::init("f32"));
static llvm::cl::list<std::string> databasesOption(llvm::cl::Positional, llvm::cl::OneOrMore);
static llvm::cl::opt<unsigned> samplesOption("samples", llvm::cl::init(2000));
static llvm::cl::opt<bool> textOption("text"), calibrateOption("calibrate");

static llvm::ExitOnError check("benchmark-cost-model: ");

/// The cheapest of many points, and how long it took to find.
static llvm::json::Object sample(const TunableKernel &kernel) {
  std::set<Configuration> points;
  for (uint64_t seed = 0; seed < samplesOption; ++seed)
    if (std::optional<Configuration> point = kernel.space.sample(seed))
      points.insert(*point);
  auto begin = std::chrono::steady_clock::now();
  std::vector<std::pair<double, Configuration>> costs;
  for (const Configuration &point : points)
    costs.emplace_back(kernel.estimate(point).totalNs, point);
  std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - begin;
  const auto &best = *std::min_element(costs.begin(), costs.end());
  return llvm::json::Object{{"points", int64_t(points.size())},
                            {"microseconds_each", elapsed.count() / double(points.size())},
                            {"schedule", kernel.scheduleText(best.second)},
                            {"cost", costJSON(kernel.estimate(best.second))}};
}

int main(int argc, char **argv) {
  llvm::cl::ParseCommandLineOptions(argc, argv);
  std::vector<std::unique_ptr<Database>> databases;
  for (const std::string &path : databasesOption)
    databases.push_back(check(Database::open(path, Database::Mode::ReadWrite)));
  CompileOptions compile;
  compile.modelPath = modelOption;
  compile.target = "host";
  compile.precision = precisionOption;
  CompilerSession session(compile);
  if (session.runTo("kernels") != CompileStatus::Ok) {
    llvm::errs() << session.getMessages();
    return 1;
  }
  Device device = describeHost();
  ModelKernelsOptions options;
  if (calibrateOption)
    check(databases[0]->setCalibration(device.key, peaksText(measurePeaks())));
  options.peaks = check(findPeaks(*databases[0], device));
  std::optional<ModelKernels> found = check(findModelKernels(session, options));
  for (const TunableKernel &kernel : found->kernels) {
    Conditions conditions{kernel.workload.key, device.key, targetText(session.getModule()),
                          kernel.space.hash(), 1,          sizesText(kernel.inputShapes)};
    std::map<std::string, double> times;
    for (const std::unique_ptr<Database> &database : databases)
      for (const Trial &trial : check(database->history(conditions)))
        if (trial.status == TrialStatus::Ok) {
          auto [known, isNew] = times.try_emplace(trial.configuration, trial.medianNs());
          known->second = std::min(known->second, trial.medianNs());
        }
    llvm::json::Array trials;
    for (const auto &[text, time] : times) {
      Configuration point = check(kernel.space.parse(text));
      CostBreakdown cost = kernel.estimate(point);
      std::string schedule = kernel.scheduleText(point);
      if (textOption)
        llvm::outs() << llvm::format("%.4g ms: ", time / 1e6) << schedule << ": " << costText(cost) << "\n";
      trials.push_back(llvm::json::Object{{"schedule", schedule}, {"measured_ns", time}, {"cost", costJSON(cost)}});
    }
    if (textOption)
      continue;
    llvm::outs() << llvm::json::Value(llvm::json::Object{
                        {"name", kernel.name},
                        {"key", kernel.workload.key},
                        {"family", kernel.workload.family},
                        {"points", int64_t(kernel.space.count())},
                        {"trials", std::move(trials)},
                        {"default_schedule", kernel.scheduleText(kernel.defaultConfiguration)},
                        {"default_cost", costJSON(kernel.estimate(kernel.defaultConfiguration))},
                        {"sample", sample(kernel)},
                    })
                 << "\n";
  }
  return 0;
}
