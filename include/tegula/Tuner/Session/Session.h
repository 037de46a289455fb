// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tuning the kernels of a model: propose, build, measure, record, and at last select, within a budget that all kernels
// share. Everything measured is in the database at once, so an interrupted session loses nothing, and a session on a
// database with trials under the same conditions goes on where the last one ended: no point is measured twice.
//
#ifndef TEGULA_TUNER_SESSION_SESSION_H
#define TEGULA_TUNER_SESSION_SESSION_H

#include "tegula/Kernel/SearchSpace.h"
#include "tegula/Tuner/Build/Build.h"
#include "tegula/Tuner/CostModel/CostModel.h"
#include "tegula/Tuner/Database/Database.h"
#include "tegula/Tuner/Measure/Measure.h"
#include "tegula/Tuner/Search/Search.h"

#include "llvm/Support/Error.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tegula::tuner {

/// A kernel to be tuned.
struct TunableKernel {
  Workload workload;
  /// What a person calls it: its symbol.
  std::string name;
  SearchSpace space;
  /// The schedule that is used without tuning; a point of the space.
  Configuration defaultConfiguration;
  /// Text of the schedule attribute of a point.
  std::function<std::string(const Configuration &)> scheduleText;
  /// What a point costs by the analytic model; empty where the peaks of the machine are not known.
  std::function<CostBreakdown(const Configuration &)> estimate;
  /// Where the search starts when it is not at the default.
  std::optional<Configuration> start;
  /// Shapes of its inputs; may be empty when all are static.
  std::vector<std::vector<int64_t>> inputShapes;
  Tolerance tolerance;
  /// How often a run of the model dispatches it.
  uint64_t dispatches = 1;

  /// Whether `word` is its name, its key or its family.
  bool isCalled(llvm::StringRef word) const { return word == name || word == workload.key || word == workload.family; }
};

struct TuneProgress {
  /// Of the budget, 0 to 1.
  double fraction;
  double elapsedSeconds;
  uint64_t trials, failures;
  /// The kernel of the last trial, its status, its time and the best time of the kernel so far, in nanoseconds.
  llvm::StringRef kernel;
  TrialStatus status;
  std::optional<double> timeNs, bestNs;
};

struct TuneOptions {
  /// The budget: trials of this session in total over all kernels, or seconds; whichever ends first. At least one of
  /// them is given. The finals that decide between the best few are within the seconds but are no trials.
  std::optional<uint64_t> trials;
  std::optional<double> seconds;
  uint64_t seed = 0;
  SearchStrategy strategy = SearchStrategy::Guided;
  unsigned threads = 1;
  std::string target;
  std::string toolchain;
  Device device;
  /// The schedule that makes the compile function build the reference.
  std::string referenceSchedule = "#sched.reference";
  MeasureOptions measure;
  BuildOptions build;
  /// A recording: its trials stand for measurements, and points that it does not hold do not exist. Nothing is built or
  /// run; `device` and `target` are those of the recording.
  const Database *replay = nullptr;
  /// When it becomes true the session ends early: what was measured is kept and the best of it selected.
  const std::atomic<bool> *stop = nullptr;
  std::function<void(const TuneProgress &)> progress;
};

/// What became of one kernel.
struct KernelReport {
  Workload workload;
  std::string name;
  /// Number of legal points.
  uint64_t points = 0;
  /// Trials under these conditions in the database, those of earlier sessions included, and how many of them failed.
  uint64_t trials = 0, failures = 0;
  /// Trials of this session that were the code of an earlier trial: they have its samples and were not measured.
  uint64_t sameCode = 0;
  std::optional<double> defaultNs, bestNs;
  std::string defaultSchedule;
  /// The selected schedule and why; empty when no trial was good.
  std::string schedule, reason;
  /// False when another one may be faster by more than the tie band, which the noise of the finals hides.
  bool isResolved = true;
  /// Why the kernel could not be tuned at all: its reference cannot be built or run.
  std::string error;
};

struct TuneReport {
  std::vector<KernelReport> kernels;
  /// Of this session.
  uint64_t trials = 0, failures = 0;
  double elapsedSeconds = 0;
  bool interrupted = false;
};

/// An error is one of the database or of the machine (no temporary folder, no process); a kernel's trouble is in its
/// report.
llvm::Expected<TuneReport> tune(Database &database, llvm::ArrayRef<TunableKernel> kernels,
                                const CompileFunction &compile, const TuneOptions &options);

/// Text of shapes as in Conditions::sizes: "[[128,768],[768]]", or "" for none.
std::string sizesText(llvm::ArrayRef<std::vector<int64_t>> shapes);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SESSION_SESSION_H
