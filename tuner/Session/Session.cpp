// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Session/Session.h"

#include "KernelSession.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <chrono>
#include <deque>

using namespace tegula::tuner;

/// What the search leaves to the finals: finalsSeconds for each kernel, or this part of the budget when that is less.
static constexpr double finalsShare = 0.15;

std::string tegula::tuner::sizesText(llvm::ArrayRef<std::vector<int64_t>> shapes) {
  if (shapes.empty())
    return "";
  std::string text;
  for (const std::vector<int64_t> &shape : shapes) {
    text += text.empty() ? "[[" : ",[";
    for (size_t axis = 0; axis < shape.size(); ++axis)
      text += (axis ? "," : "") + std::to_string(shape[axis]);
    text += "]";
  }
  return text + "]";
}

/// The kernel that has had the least for its part of the model's time, the first of equals; one without a good
/// trial counts as an average one, and none for less than a tenth of that. nullopt when all are finished.
static std::optional<size_t> nextKernel(const std::deque<KernelSession> &sessions) {
  double total = 0;
  size_t known = 0;
  for (const KernelSession &session : sessions)
    if (std::optional<double> time = session.modelNs()) {
      total += *time;
      ++known;
    }
  double average = known ? total / static_cast<double>(known) : 1;
  std::optional<size_t> number;
  double least = 0;
  for (size_t candidate = 0; candidate < sessions.size(); ++candidate) {
    const KernelSession &session = sessions[candidate];
    if (session.isFinished())
      continue;
    double spent = session.spent() / std::max(session.modelNs().value_or(average), average / 10);
    if (!number || spent < least) {
      number = candidate;
      least = spent;
    }
  }
  return number;
}

llvm::Expected<TuneReport> tegula::tuner::tune(Database &database, llvm::ArrayRef<TunableKernel> kernels,
                                               const CompileFunction &compile, const TuneOptions &options) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  auto stopped = [&] { return options.stop && *options.stop; };
  if (!options.trials && !options.seconds)
    return llvm::createStringError("expected a budget of trials or seconds, but got none");

  if (llvm::Error error = database.addDevice(options.device))
    return std::move(error);
  MeasureOptions measure = options.measure;
  measure.stop = options.stop;
  SessionState state{database, compile, options, Measurer(measure), {}};
  // Absolute: the runner has the same working folder, but dlopen searches its path for a bare name.
  llvm::SmallString<128> temporary;
  llvm::sys::path::system_temp_directory(/*ErasedOnReboot=*/true, temporary);
  llvm::sys::path::append(temporary, "tegula-tune");
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory(temporary, state.folder))
    return llvm::createStringError(temporary + ": expected a temporary folder, but got: " + error.message());
  llvm::scope_exit cleanUp([&] { llvm::sys::fs::remove_directories(state.folder); });

  std::deque<KernelSession> sessions;
  for (const TunableKernel &kernel : kernels) {
    sessions.emplace_back(state, kernel);
    if (llvm::Error error = sessions.back().begin())
      return std::move(error);
  }

  TuneReport report;
  double total = options.seconds.value_or(0);
  double searchSeconds = total - std::min(finalsSeconds * static_cast<double>(kernels.size()), finalsShare * total);
  auto usedFraction = [&] {
    double fraction = 0;
    if (options.seconds)
      fraction = std::max(fraction, searchSeconds > 0 ? elapsed() / searchSeconds : 1);
    if (options.trials)
      fraction = std::max(fraction, *options.trials ? static_cast<double>(report.trials) / *options.trials : 1);
    return fraction;
  };
  while (!stopped() && usedFraction() < 1) {
    std::optional<size_t> number = nextKernel(sessions);
    if (!number)
      break;
    KernelSession *next = &sessions[*number];
    double start = elapsed();
    llvm::Expected<std::optional<Trial>> trial = next->step();
    if (!trial)
      return trial.takeError();
    next->spentSeconds += elapsed() - start;
    if (!*trial)
      continue;
    ++report.trials;
    report.failures += (*trial)->status != TrialStatus::Ok;
    if (options.progress) {
      TuneProgress progress;
      progress.fraction = std::min(usedFraction(), 1.0);
      progress.elapsedSeconds = elapsed();
      progress.trials = report.trials;
      progress.failures = report.failures;
      progress.kernel = kernels[*number].name;
      progress.status = (*trial)->status;
      if ((*trial)->status == TrialStatus::Ok)
        progress.timeNs = (*trial)->medianNs();
      progress.bestNs = next->bestNs();
      options.progress(progress);
    }
  }
  for (KernelSession &session : sessions) {
    bool measureFinals = !stopped() && (!options.seconds || elapsed() < *options.seconds);
    if (llvm::Error error = session.finish(measureFinals))
      return std::move(error);
    report.kernels.push_back(session.report());
  }
  report.interrupted = stopped();
  report.elapsedSeconds = elapsed();
  return report;
}
