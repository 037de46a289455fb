// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Report.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <numeric>

using namespace tegula::tool;

void tegula::tool::printReport(llvm::StringRef command, llvm::function_ref<void(llvm::json::OStream &)> fill) {
  llvm::json::OStream json(llvm::outs(), /*IndentSize=*/2);
  json.object([&] {
    json.attribute("schema", reportSchema);
    json.attribute("command", command);
    fill(json);
  });
  llvm::outs() << "\n";
}

Statistics tegula::tool::summarize(std::vector<double> samples) {
  Statistics result;
  result.n = samples.size();
  if (samples.empty())
    return result;
  std::sort(samples.begin(), samples.end());
  auto percentile = [&](double share) {
    auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(samples.size())));
    return samples[std::max<size_t>(rank, 1) - 1];
  };
  result.min = samples.front();
  result.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  result.p50 = percentile(0.50);
  result.p90 = percentile(0.90);
  result.p95 = percentile(0.95);
  result.p99 = percentile(0.99);
  return result;
}
