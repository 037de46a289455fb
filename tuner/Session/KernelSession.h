// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One kernel within a session: its history, its search, its artifacts.
//
#ifndef TEGULA_TUNER_SESSION_KERNELSESSION_H
#define TEGULA_TUNER_SESSION_KERNELSESSION_H

#include "tegula/Tuner/Select/Select.h"
#include "tegula/Tuner/Session/Session.h"

#include "llvm/ADT/SmallString.h"

#include <map>

namespace tegula::tuner {

/// What the kernels of a session share.
struct SessionState {
  Database &database;
  const CompileFunction &compile;
  const TuneOptions &options;
  Measurer measurer;
  /// The session's own temporary folder.
  llvm::SmallString<128> folder;
  /// Candidates so far; numbers the next one and its artifact.
  uint64_t candidates = 0;
  uint64_t builds = 0;
};

/// What the finals of a kernel may take beyond their first rounds, in seconds; the search leaves as much to them.
constexpr double finalsSeconds = 4;

class KernelSession {
public:
  KernelSession(SessionState &state, const TunableKernel &kernel) : state(state), kernel(kernel) {}

  /// Makes the kernel known to the database and reads what is known about it.
  llvm::Error begin();

  /// One trial: proposes, builds, measures and records. nullopt when the session was stopped, or when there is nothing
  /// to do any more, which isFinished tells.
  llvm::Expected<std::optional<Trial>> step();
  bool isFinished() const { return finished; }

  /// Measures the best few and the default in turns, so that a drift of the machine meets all alike, and selects.
  /// Without `measure`, or when the session is stopped, the trials decide.
  llvm::Error finish(bool measure);

  KernelReport report() const;
  std::optional<double> bestNs() const;
  /// The best time of all its dispatches in one run of the model.
  std::optional<double> modelNs() const;
  /// What the kernel has had of the budget: seconds of this session. In a replay, which must not depend on how fast it
  /// goes or where it was interrupted, all its trials.
  double spent() const { return state.options.replay ? static_cast<double>(trials.size()) : spentSeconds; }
  double spentSeconds = 0;

private:
  static constexpr size_t finalistCount = 3;
  static constexpr unsigned fewestFinalRounds = 3, mostFinalRounds = 12;

  /// What a point costs by the cost model, which takes longer than to remember it: the search asks more than once.
  const CostBreakdown &estimate(const Configuration &point) const;
  /// Makes the search unless it is there; one of a replay knows the recorded points only.
  llvm::Error prepareSearch();
  /// Builds and runs the candidate, fills in what became of it and returns its artifact, "" when there is none. nullopt
  /// when the session was stopped, or when there is no reference, which ends the kernel.
  llvm::Expected<std::optional<std::string>> measure(Trial &trial);
  /// Builds the reference unless it is there; false when stopped or when it cannot be built, which ends the kernel.
  llvm::Expected<bool> prepareReference();
  llvm::Expected<std::optional<BuildResult>> buildSchedule(llvm::StringRef schedule);
  MeasureRequest request(const std::string &artifact) const;
  /// Appends to the database and to what is known here.
  llvm::Error record(Trial trial, const Configuration &configuration, const std::string &artifact);
  /// The first trial that ran code of this hash, when none with it failed; null when there is none.
  const Trial *findSameCode(llvm::StringRef hash) const;
  /// Forgets the artifacts of all but the finalists.
  void dropArtifacts();
  /// Indices into trials: the good ones, fastest first, one for each configuration that never failed.
  std::vector<size_t> ranking() const;
  bool isDefault(const Trial &trial) const;
  std::vector<size_t> finalists() const;
  /// What is known about them beside their times.
  std::vector<Contender> makeContenders(llvm::ArrayRef<size_t> finalists) const;
  /// Builds the trial's artifact again unless it is there; false when that cannot be.
  llvm::Expected<bool> ensureArtifact(const Trial &trial);
  /// Measures one finalist once more: adds to its samples, or records that it failed and puts it out. False when the
  /// finals cannot go on.
  llvm::Expected<bool> measureFinal(size_t finalist, uint64_t seed, Contender &contender);
  /// Rounds in which all finalists are measured in turns, until noise does not decide any more. False when they could
  /// not be completed.
  llvm::Expected<bool> measureFinals(llvm::ArrayRef<size_t> finalists, llvm::MutableArrayRef<Contender> contenders);

  SessionState &state;
  const TunableKernel &kernel;
  Conditions conditions;
  std::vector<Trial> trials;
  std::vector<Observation> observations;
  /// Configurations: the default, and what an earlier session chose, "" for none.
  std::string defaultText, previousText;
  uint64_t sameCode = 0;
  mutable std::map<Configuration, CostBreakdown> estimates;
  std::optional<Search> search;
  /// In a replay: the recorded trials by configuration.
  std::map<std::string, Trial> recorded;
  std::string reference;
  std::map<int64_t, std::string> artifacts;
  bool finished = false;
  std::string error;
  std::optional<size_t> selected;
  std::string reason;
  bool isResolved = true;
  /// Medians of the finals, where there were any.
  std::optional<double> finalNs, finalDefaultNs;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SESSION_KERNELSESSION_H
