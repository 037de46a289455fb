// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which of the measured configurations is used. What cannot be told apart is a tie, which is decided by a fixed order
// instead of by noise: the analytic default, what was chosen before, what the cost model likes best. So tuning again
// does not flip the choice.
//
#ifndef TEGULA_TUNER_SELECT_SELECT_H
#define TEGULA_TUNER_SELECT_SELECT_H

#include "tegula/Tuner/CostModel/Duration.h"

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
  /// What an earlier session chose.
  bool isPrevious = false;
  /// It has failed and is not measured again.
  bool isOut = false;
  /// Nanoseconds that the cost model expects; 0 when it has no opinion.
  double estimateNs = 0;
};

struct Selection {
  size_t contender;
  /// "fastest of 4: 102.1 us, default 140.2 us".
  std::string reason;
  /// False when the noise is wider than widestBand, so that a contender that cannot be told from the fastest may be
  /// slower than that: more samples would help.
  bool isResolved = true;
};

/// A tie band is never wider than this fraction of the fastest time.
constexpr double widestBand = 0.01;

/// Half the width of the 95 % bootstrap interval of median(a) / median(b): how far apart their times may be by noise
/// alone. A pure function; neither is empty.
double ratioNoise(const std::vector<double> &a, const std::vector<double> &b);

/// The contender with the smallest median, or the first by the order above of those within the tie band, which is as
/// wide as the noise of their ratio and at most widestBand; nullopt without contenders. One without samples is not
/// chosen.
std::optional<Selection> choose(llvm::ArrayRef<Contender> contenders);

double median(std::vector<double> values);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_SELECT_H
