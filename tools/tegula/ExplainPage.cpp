// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ExplainPage.h"
#include "tegula/Tuner/Select/Select.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <algorithm>

using namespace tegula;
using namespace tegula::tool;
using namespace tegula::tuner;

std::optional<double> KernelExplanation::leftNs() const {
  if (!cost)
    return std::nullopt;
  double bound = cost->computeNs;
  for (double ns : cost->trafficNs)
    bound = std::max(bound, ns);
  return std::max(0.0, measuredNs.value_or(cost->totalNs) - bound) * static_cast<double>(dispatches);
}

static constexpr double width = 560, height = 120;

/// A step for each trial; the axis of time begins at 0.
static void writeCurve(llvm::raw_ostream &stream, const std::vector<double> &bestNs) {
  double slowest = *std::max_element(bestNs.begin(), bestNs.end());
  auto x = [&](size_t trial) { return width * static_cast<double>(trial) / static_cast<double>(bestNs.size()); };
  auto y = [&](double ns) { return height * (1 - ns / slowest); };
  stream << llvm::format("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><polyline points=\"", width, height);
  for (size_t trial = 0; trial < bestNs.size(); ++trial)
    if (bestNs[trial] > 0)
      stream << llvm::format("%.1f,%.1f %.1f,%.1f ", x(trial), y(bestNs[trial]), x(trial + 1), y(bestNs[trial]));
  stream << "\"/></svg>\n<p>Trial 1 to " << bestNs.size() << "; 0 to " << durationText(slowest) << "</p>\n";
}

void tegula::tool::writeExplainPage(llvm::raw_ostream &stream, llvm::StringRef model,
                                    llvm::ArrayRef<KernelExplanation> kernels) {
  auto escaped = [](llvm::StringRef text) {
    std::string result;
    llvm::raw_string_ostream out(result);
    llvm::printHTMLEscaped(text, out);
    return result;
  };
  stream << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" << escaped(model)
         << "</title>\n<style>body{font:16px sans-serif;max-width:60em;margin:2em auto}code{overflow-wrap:anywhere}"
            "svg{width:35em;border:1px solid #999}polyline{fill:none;stroke:#06c;stroke-width:2}</style></head>\n<body>"
            "<h1>"
         << escaped(model) << "</h1>\n<p>The best time so far, over the trials of each kernel.</p>\n";
  for (const KernelExplanation &kernel : kernels) {
    stream << "<h2>" << escaped(kernel.name) << "</h2>\n<p>" << escaped(kernel.family) << ", " << rungText(kernel.rung)
           << ": <code>" << escaped(kernel.schedule) << "</code></p>\n";
    if (!kernel.reason.empty())
      stream << "<p>" << escaped(kernel.reason) << "</p>\n";
    if (kernel.cost)
      stream << "<p>" << escaped(costText(*kernel.cost)) << "</p>\n";
    if (llvm::any_of(kernel.bestSoFarNs, [](double ns) { return ns > 0; }))
      writeCurve(stream, kernel.bestSoFarNs);
    else
      stream << "<p>No good trial.</p>\n";
  }
  stream << "</body></html>\n";
}
