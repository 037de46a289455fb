// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// JSON reports: snake_case keys with the unit as suffix, and a `schema` version that rises when a key changes meaning.
#ifndef TEGULA_TOOLS_TEGULA_REPORT_H
#define TEGULA_TOOLS_TEGULA_REPORT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/JSON.h"
#include <cmath>
#include <vector>

namespace tegula::tool {

constexpr int reportSchema = 1;

/// JSON has no infinity and no NaN: those become null.
inline llvm::json::Value jsonNumber(double value) {
  return std::isfinite(value) ? llvm::json::Value(value) : llvm::json::Value(nullptr);
}

/// Prints a report as indented JSON, with `schema` and `command` in front.
void printReport(llvm::StringRef command, llvm::function_ref<void(llvm::json::OStream &)> fill);

/// Times of repeated runs.
struct Statistics {
  size_t n = 0;
  double min = 0, mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0;
};
/// Percentiles by the nearest rank: the smallest sample that at least that share of samples does not exceed.
Statistics summarize(std::vector<double> samples);

} // namespace tegula::tool

#endif
