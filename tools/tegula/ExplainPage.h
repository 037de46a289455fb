// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What `tegula explain` knows of a kernel, and its page.
#ifndef TEGULA_TOOLS_TEGULA_EXPLAINPAGE_H
#define TEGULA_TOOLS_TEGULA_EXPLAINPAGE_H

#include "tegula/Tuner/CostModel/CostModel.h"
#include "tegula/Tuner/Database/Database.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tegula::tool {

struct KernelExplanation {
  std::string name, key, family;
  uint64_t dispatches = 1, points = 0, trials = 0;
  std::string schedule;
  tuner::Rung rung = tuner::Rung::Analytic;
  /// The trial that the schedule comes from, 0 for none, and why it was selected.
  int64_t trial = 0;
  std::string reason;
  std::optional<double> measuredNs;
  std::optional<tuner::CostBreakdown> cost;
  /// The fastest other schedule: how much slower it is than the chosen one, and how much of that may be noise.
  std::string runnerUp;
  double margin = 0, noise = 0;
  /// Failed trials by status.
  std::map<std::string, uint64_t> failures;
  /// After each trial; 0 before the first good one.
  std::vector<double> bestSoFarNs;

  /// Nanoseconds of all its dispatches in a run above what arithmetic or one of the caches takes at least, by
  /// measurement, else by the estimate; nullopt without a bound.
  std::optional<double> leftNs() const;
};

/// An HTML page without references to others: a curve of the best time so far for each kernel.
void writeExplainPage(llvm::raw_ostream &stream, llvm::StringRef model, llvm::ArrayRef<KernelExplanation> kernels);

} // namespace tegula::tool

#endif
