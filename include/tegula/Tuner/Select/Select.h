// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which of the measured configurations is used. Small differences are noise: within the tie band the analytic default
// wins over the fastest, so that tuning again does not flip the choice.
//
#ifndef TEGULA_TUNER_SELECT_SELECT_H
#define TEGULA_TUNER_SELECT_SELECT_H

#include "llvm/ADT/ArrayRef.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tegula::tuner {

/// A configuration that passed its check.
struct Contender {
  /// Nanoseconds per run, of measurements that may be compared with the other contenders'.
  std::vector<double> samplesNs;
  bool isDefault = false;
};

struct Selection {
  size_t contender;
  /// "fastest of 4: 102.1 us, default 140.2 us".
  std::string reason;
};

/// Width of the tie band: times within this fraction of the fastest count as equal.
constexpr double tieBand = 0.01;

/// The contender with the smallest median, or the default when it is within the tie band; nullopt without contenders.
/// A contender without samples is not chosen.
std::optional<Selection> choose(llvm::ArrayRef<Contender> contenders);

/// "512 ns", "102.1 us", "3.25 ms", "1.70 s".
std::string durationText(double ns);

double median(std::vector<double> values);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_SELECT_H
