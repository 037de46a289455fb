// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tegula explain: why each kernel of a model has its schedule, and what bounds it.
#include "CommandLine.h"
#include "Commands.h"
#include "ExplainPage.h"
#include "OpenModel.h"
#include "Report.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Tuner/Select/DatabaseSchedules.h"
#include "tegula/Tuner/Select/Select.h"
#include "tegula/Tuner/Session/ModelKernels.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include <algorithm>
#include <set>

using namespace tegula;
using namespace tegula::tool;
using namespace tegula::tuner;

static const OptionSpec options[] = {
    {"db", "FILE", "the tuning database"},
    {"kernel", "WORD", "only the kernels whose name, key or family is this"},
    {"target", "NAME", "as for compile (default host)"},
    {"precision", "MODE", "as for compile (default f32); a kernel's key holds it"},
    {"threads", "N", "workers of a kernel (default 1)"},
    {"external-data-root", "DIR", "folder below which links of external data may lead"},
    {"freeze-defaults", nullptr, "as for compile: initializers that are inputs too are constants"},
    {"html", "FILE", "also write a page with the best time so far over the trials of each kernel"},
    {"json", nullptr, "report as JSON"},
};
static const CommandSpec spec{
    "explain", "MODEL.onnx",
    "Tells of each kernel of a model which schedule it gets from a database and from which rung of the lookup, what "
    "bounds\n"
    "it by the cost model, the runner-up and whether noise could have decided, which schedules failed, and how much of "
    "a\n"
    "run's time is above the bound. Measures nothing but, where the database has none, the peaks of this machine.",
    "tegula explain model.onnx --db=tune.db\ntegula explain model.onnx --db=tune.db --html=tune.html", options};

/// Of the trials under the conditions of the chosen one.
static void readTrials(KernelExplanation &explanation, const std::vector<Trial> &trials, const Trial &chosen) {
  std::set<std::string> failed;
  for (const Trial &trial : trials)
    if (trial.status != TrialStatus::Ok) {
      failed.insert(trial.configuration);
      ++explanation.failures[statusText(trial.status).str()];
    }
  const Trial *runnerUp = nullptr;
  double best = 0;
  for (const Trial &trial : trials) {
    double ns = trial.medianNs();
    if (trial.status == TrialStatus::Ok && (best == 0 || ns < best))
      best = ns;
    explanation.bestSoFarNs.push_back(best);
    // Another text of the same code is no rival.
    bool isSame = trial.configuration == chosen.configuration ||
                  (!trial.artifactHash.empty() && trial.artifactHash == chosen.artifactHash);
    if (trial.status == TrialStatus::Ok && !isSame && !failed.count(trial.configuration) &&
        (!runnerUp || ns < runnerUp->medianNs()))
      runnerUp = &trial;
  }
  explanation.trials = trials.size();
  if (!runnerUp)
    return;
  explanation.runnerUp = runnerUp->schedule;
  explanation.margin = runnerUp->medianNs() / chosen.medianNs() - 1;
  explanation.noise = ratioNoise(runnerUp->samplesNs, chosen.samplesNs);
}

static llvm::Expected<KernelExplanation> explainKernel(const Database &database, const TunableKernel &kernel,
                                                       llvm::ArrayRef<RungAnswer> answers) {
  KernelExplanation explanation;
  explanation.name = kernel.name;
  explanation.key = kernel.workload.key;
  explanation.family = kernel.workload.family;
  explanation.dispatches = kernel.dispatches;
  explanation.points = kernel.space.count();
  explanation.rung = Rung::Analytic;
  Configuration point = kernel.defaultConfiguration;
  explanation.schedule = kernel.scheduleText(point);
  bool isPoint = true;
  if (!answers.empty() && answers.back().best) {
    const Best &best = *answers.back().best;
    explanation.rung = best.rung;
    explanation.reason = best.reason;
    explanation.trial = best.trial.id;
    explanation.schedule = best.trial.schedule;
    // A neighbor's times and trials are of other extents.
    if (best.rung != Rung::NearestShape) {
      explanation.measuredNs = best.trial.medianNs();
      llvm::Expected<std::vector<Trial>> trials = database.history(best.trial.conditions);
      if (!trials)
        return trials.takeError();
      readTrials(explanation, *trials, best.trial);
    }
    // A record of an older search space may have no point in this one.
    llvm::Expected<Configuration> parsed = kernel.space.parse(best.trial.configuration);
    isPoint = bool(parsed);
    if (parsed)
      point = *parsed;
    else
      llvm::consumeError(parsed.takeError());
  }
  if (isPoint && kernel.estimate)
    explanation.cost = kernel.estimate(point);
  return explanation;
}

static void printText(const KernelExplanation &kernel) {
  llvm::outs() << kernel.name << " (" << kernel.family << ", key " << kernel.key << ")";
  if (kernel.dispatches > 1)
    llvm::outs() << ", dispatched " << kernel.dispatches << " times";
  llvm::outs() << "\n  schedule    " << kernel.schedule << "\n  from        " << rungText(kernel.rung);
  if (kernel.trial)
    llvm::outs() << ": trial " << kernel.trial << (kernel.reason.empty() ? ", not selected" : ", " + kernel.reason);
  llvm::outs() << "; " << kernel.trials << " trials in a space of " << kernel.points << " points\n";
  if (kernel.measuredNs)
    llvm::outs() << "  measured    " << durationText(*kernel.measuredNs) << "\n";
  if (kernel.cost)
    llvm::outs() << "  cost model  " << costText(*kernel.cost) << "\n";
  if (std::optional<double> left = kernel.leftNs())
    llvm::outs() << "  left        " << durationText(*left) << " a run above the bound\n";
  if (!kernel.runnerUp.empty())
    llvm::outs() << "  runner-up   " << kernel.runnerUp
                 << llvm::format(", %+.1f %% time, noise %.1f %%\n", 100 * kernel.margin, 100 * kernel.noise);
  if (!kernel.failures.empty()) {
    llvm::outs() << "  failed     ";
    for (const auto &[status, count] : kernel.failures)
      llvm::outs() << " " << status << ": " << count;
    llvm::outs() << "\n";
  }
}

static void printJSON(llvm::ArrayRef<KernelExplanation> kernels, const Lookup &here) {
  printReport("explain", [&](llvm::json::OStream &out) {
    out.attribute("device", here.device.key);
    out.attribute("target", here.target);
    out.attribute("threads", here.threads);
    out.attributeArray("kernels", [&] {
      for (const KernelExplanation &kernel : kernels)
        out.object([&] {
          out.attribute("name", kernel.name);
          out.attribute("key", kernel.key);
          out.attribute("family", kernel.family);
          out.attribute("dispatches", static_cast<int64_t>(kernel.dispatches));
          out.attribute("points", static_cast<int64_t>(kernel.points));
          out.attribute("trials", static_cast<int64_t>(kernel.trials));
          out.attribute("schedule", kernel.schedule);
          out.attribute("rung", rungText(kernel.rung));
          out.attribute("trial", kernel.trial);
          out.attribute("reason", kernel.reason);
          out.attribute("measured_ns", kernel.measuredNs ? jsonNumber(*kernel.measuredNs) : nullptr);
          if (kernel.cost)
            out.attribute("cost", costJSON(*kernel.cost));
          out.attribute("left_ns", kernel.leftNs() ? jsonNumber(*kernel.leftNs()) : nullptr);
          out.attribute("runner_up", kernel.runnerUp);
          out.attribute("margin", jsonNumber(kernel.margin));
          out.attribute("noise", jsonNumber(kernel.noise));
          out.attributeObject("failures", [&] {
            for (const auto &[status, count] : kernel.failures)
              out.attribute(status, static_cast<int64_t>(count));
          });
          out.attributeArray("best_so_far_ns", [&] {
            for (double ns : kernel.bestSoFarNs)
              out.value(ns > 0 ? jsonNumber(ns) : nullptr);
          });
        });
    });
  });
}

int tegula::tool::runExplain(llvm::ArrayRef<const char *> words) {
  Arguments arguments(spec);
  if (std::optional<int> code = parseCommandLine(spec, words, arguments))
    return *code;
  ModelKernelsOptions kernelOptions;
  kernelOptions.threads = static_cast<unsigned>(arguments.getInteger("threads", 1, 1, 4096));
  // Kernels are explained, not run: their dynamic extents are taken as the cost model takes them.
  kernelOptions.isMeasured = false;
  CompileOptions compile = readCompileOptions(arguments, arguments.positional[0], arguments.get("target", "host"));
  compile.replayDirectory.clear();
  if (arguments.failed)
    return ExitUsage;
  if (!arguments.has("db"))
    return reportUsage(spec, "expected a database (--db=FILE)");
  auto fault = [](llvm::Error error) { return reportFault(llvm::toString(std::move(error))); };
  llvm::Expected<std::unique_ptr<Database>> database = Database::open(arguments.get("db"), Database::Mode::Read);
  if (!database)
    return fault(database.takeError());
  Lookup here = lookupHere(kernelOptions.threads);
  llvm::Expected<MachinePeaks> peaks = readPeaks(**database, here.device);
  if (!peaks)
    return fault(peaks.takeError());
  kernelOptions.peaks = *peaks;

  CompilerSession session(compile);
  CompileStatus status = session.runTo("kernels");
  llvm::errs() << session.getMessages();
  if (status != CompileStatus::Ok)
    return static_cast<int>(status);
  mlir::ModuleOp module = session.getModule();
  module.getContext()->loadDialect<sched::SchedDialect>();
  here.target = targetText(module);
  llvm::Expected<std::optional<ModelKernels>> found = findModelKernels(session, kernelOptions);
  if (!found)
    return fault(found.takeError());
  ScheduleLookup lookup(**database, here);
  ConstantOperands constants(module);
  std::string word = arguments.get("kernel");
  std::vector<KernelExplanation> explanations;
  for (const TunableKernel &kernel : (*found)->kernels) {
    if (!word.empty() && !kernel.isCalled(word))
      continue;
    llvm::Expected<std::vector<RungAnswer>> answers =
        askForKernel(lookup, constants, module.lookupSymbol<exec::KernelOp>(kernel.name));
    if (!answers)
      return fault(answers.takeError());
    llvm::Expected<KernelExplanation> explanation = explainKernel(**database, kernel, *answers);
    if (!explanation)
      return fault(explanation.takeError());
    explanations.push_back(std::move(*explanation));
  }
  if (!word.empty() && explanations.empty())
    return reportFault("option '--kernel': expected the name, key or family of a kernel, but got '" + word + "'");
  // The one that could gain most comes first.
  std::stable_sort(explanations.begin(), explanations.end(),
                   [](const KernelExplanation &a, const KernelExplanation &b) {
                     return a.leftNs().value_or(0) > b.leftNs().value_or(0);
                   });
  if (arguments.has("json"))
    printJSON(explanations, here);
  else
    for (const KernelExplanation &explanation : explanations)
      printText(explanation);
  if (arguments.has("html"))
    if (llvm::Error error = llvm::writeToOutput(arguments.get("html"), [&](llvm::raw_ostream &stream) {
          writeExplainPage(stream, compile.modelPath, explanations);
          return llvm::Error::success();
        }))
      return fault(std::move(error));
  return ExitOk;
}
