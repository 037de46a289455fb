// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Tuner/CostModel/CostModel.h"

#include "tegula/Tuner/CostModel/Duration.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <cmath>

using namespace tegula;
using namespace tegula::tuner;

/// Cycles that a branch at the end of an unrolled round costs, and beginning a loop; how many times as long storing a
/// vector takes as loading one.
static constexpr double branchCycles = 0.5, beginCycles = 8, storeFactor = 2;
/// How much of the shorter ones of arithmetic and traffic is not hidden behind the longest.
static constexpr double exposed = 0.25;

/// Streams that the hardware fetches ahead of; the caches serve more of them more slowly.
static constexpr double foreseenStreams = 8;

namespace {
struct LoopCost {
  double computeNs, overheadNs;
};
} // namespace

static LoopCost estimateLoop(const RegisterLoop &loop, const MachinePeaks::Rate &rate, double vectorLoadNs,
                             const MachinePeaks &peaks) {
  double loads = loop.vectorLoads * vectorLoadNs + loop.elementLoads * peaks.elementLoadNs;
  double chain = loop.instructions / std::max(loop.chains, 1.0) * rate.latencyNs;
  double round = std::max({loop.instructions * rate.throughputNs, loads, chain});
  double branches = branchCycles / std::max(loop.unroll, 1.0) * peaks.cycleNs;
  double begin = beginCycles * peaks.cycleNs + (loop.before + storeFactor * loop.after) * vectorLoadNs;
  return {loop.runs * loop.rounds * round, loop.runs * (begin + loop.rounds * branches)};
}

CostBreakdown tuner::estimateCost(const KernelFeatures &features, const MachinePeaks &peaks, unsigned workers) {
  CostBreakdown cost;
  double hidden = 0;
  for (const KernelPart &part : features.parts) {
    MachinePeaks::Rate rate = peaks.rate(part.instruction, part.vectorBits);
    double vectorLoadNs = double(part.vectorBits) / 8 / peaks.readBytesPerNs[0];
    double crowding = std::max(part.streams / foreseenStreams, 1.0);
    double compute = 0, all = 0, longest = 0;
    for (const RegisterLoop &loop : part.loops) {
      LoopCost own = estimateLoop(loop, rate, vectorLoadNs, peaks);
      compute += own.computeNs;
      cost.overheadNs += own.overheadNs;
    }
    (part.isPacking ? cost.packingNs : cost.computeNs) += compute;
    all = longest = compute;
    for (unsigned level = 0; level < cacheLevels; ++level) {
      double traffic = part.traffic[level] / peaks.readBytesPerNs[level + 1] * crowding;
      cost.trafficNs[level] += traffic;
      all += traffic;
      longest = std::max(longest, traffic);
    }
    hidden += (1 - exposed) * (all - longest);
  }
  double bounds[] = {cost.computeNs,    cost.trafficNs[0], cost.trafficNs[1],
                     cost.trafficNs[2], cost.packingNs,    cost.overheadNs};
  cost.bound = CostBreakdown::Bound(std::max_element(std::begin(bounds), std::end(bounds)) - std::begin(bounds));

  // Shares are even to one item; memory and the third cache serve all workers.
  double items = std::max(std::round(features.items), 1.0), count = std::max(workers, 1u);
  double largest = std::ceil(items / count) / items;
  double work = -hidden;
  for (double bound : bounds)
    work += bound;
  for (double *part :
       {&cost.computeNs, &cost.packingNs, &cost.overheadNs, &cost.trafficNs[0], &cost.trafficNs[1], &cost.trafficNs[2]})
    *part /= count;
  cost.imbalanceNs = work * (largest - 1 / count);
  double calls = peaks.callNs + (workers > 1 ? peaks.handOverNs : 0);
  cost.overheadNs += calls;
  cost.totalNs = work * largest + calls;
  return cost;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral boundTexts[] = {"compute", "l2", "l3", "memory", "packing", "overhead"};

llvm::StringRef tuner::boundText(CostBreakdown::Bound bound) { return boundTexts[unsigned(bound)]; }

/// What the total is made of, by name.
static llvm::SmallVector<std::pair<llvm::StringRef, double>, 7> partsOf(const CostBreakdown &cost) {
  return {{boundTexts[0], cost.computeNs},    {boundTexts[1], cost.trafficNs[0]}, {boundTexts[2], cost.trafficNs[1]},
          {boundTexts[3], cost.trafficNs[2]}, {boundTexts[4], cost.packingNs},    {boundTexts[5], cost.overheadNs},
          {"imbalance", cost.imbalanceNs}};
}

std::string tuner::costText(const CostBreakdown &cost) {
  std::string text = durationText(cost.totalNs) + ", bound by " + boundText(cost.bound).str();
  llvm::StringRef separator = ": ";
  for (auto [name, ns] : partsOf(cost)) {
    if (ns < cost.totalNs / 1000)
      continue;
    text += (separator + name + " " + durationText(ns)).str();
    separator = ", ";
  }
  return text;
}

llvm::json::Object tuner::costJSON(const CostBreakdown &cost) {
  llvm::json::Object object{{"total_ns", cost.totalNs}, {"bound", boundText(cost.bound)}};
  for (auto [name, ns] : partsOf(cost))
    object[(name + "_ns").str()] = ns;
  return object;
}
