// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a schedule takes, by arithmetic alone: what it makes the kernel do (KernelFeatures) on a machine of these
// peaks. It ranks candidates before any is measured, and says what bounds one.
//
#ifndef TEGULA_TUNER_COSTMODEL_COSTMODEL_H
#define TEGULA_TUNER_COSTMODEL_COSTMODEL_H

#include "tegula/Tuner/CostModel/MachinePeaks.h"

#include "llvm/Support/JSON.h"

namespace tegula::tuner {

/// Nanoseconds of one execution.
struct CostBreakdown {
  /// What takes most of the time.
  enum class Bound { Compute, L2, L3, Memory, Packing, Overhead };

  /// Arithmetic and loads from the first cache.
  double computeNs = 0;
  /// What comes from the second and third cache and from memory, each by itself; it overlaps with the arithmetic.
  std::array<double, cacheLevels> trafficNs = {};
  double packingNs = 0;
  /// Beginning and ending loops, calls, giving work to other workers.
  double overheadNs = 0;
  /// Workers that wait for the one with the largest share.
  double imbalanceNs = 0;
  /// All together; not more than the sum of the others.
  double totalNs = 0;
  Bound bound = Bound::Compute;
};

/// "compute", "l2", "l3", "memory", "packing", "overhead".
llvm::StringRef boundText(CostBreakdown::Bound bound);
/// One line: "1.2 ms, bound by compute: compute 1.1 ms, l2 0.3 ms, ...".
std::string costText(const CostBreakdown &cost);
llvm::json::Object costJSON(const CostBreakdown &cost);

/// A pure function; `workers` share the kernel.
CostBreakdown estimateCost(const KernelFeatures &features, const MachinePeaks &peaks, unsigned workers);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_COSTMODEL_COSTMODEL_H
