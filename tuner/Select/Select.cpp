// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/Select.h"

#include "llvm/ADT/STLExtras.h"

#include "tegula/Kernel/SearchSpace.h"

#include <algorithm>
#include <tuple>

using namespace tegula::tuner;

double tegula::tuner::median(std::vector<double> values) {
  if (values.empty())
    return 0;
  llvm::sort(values);
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double tegula::tuner::ratioNoise(const std::vector<double> &a, const std::vector<double> &b) {
  constexpr unsigned resamples = 400;
  uint64_t state = 0;
  auto resampledMedian = [&](const std::vector<double> &values) {
    std::vector<double> drawn;
    for (size_t i = 0; i < values.size(); ++i)
      drawn.push_back(values[(state = mixBits(state)) % values.size()]);
    return median(std::move(drawn));
  };
  std::vector<double> ratios;
  for (unsigned i = 0; i < resamples; ++i)
    ratios.push_back(resampledMedian(a) / resampledMedian(b));
  llvm::sort(ratios);
  return (ratios[resamples * 975 / 1000] - ratios[resamples * 25 / 1000]) / 2;
}

std::optional<Selection> tegula::tuner::choose(llvm::ArrayRef<Contender> contenders) {
  std::optional<size_t> fastest, byDefault;
  size_t measured = 0;
  auto time = [&](size_t index) { return median(contenders[index].samplesNs); };
  for (size_t index = 0; index < contenders.size(); ++index) {
    if (contenders[index].samplesNs.empty())
      continue;
    ++measured;
    if (contenders[index].isDefault)
      byDefault = index;
    if (!fastest || time(index) < time(*fastest))
      fastest = index;
  }
  if (!fastest)
    return std::nullopt;
  Selection selection{*fastest, {}, true};
  auto rank = [&](size_t index) {
    const Contender &contender = contenders[index];
    bool hasEstimate = contender.estimateNs > 0;
    return std::make_tuple(!contender.isDefault, !contender.isPrevious, !hasEstimate, contender.estimateNs, index);
  };
  for (size_t index = 0; index < contenders.size(); ++index) {
    if (index == *fastest || contenders[index].samplesNs.empty())
      continue;
    double distance = time(index) / time(*fastest) - 1;
    double noise = ratioNoise(contenders[index].samplesNs, contenders[*fastest].samplesNs);
    // One that is far behind is out, however noisy it is.
    if (noise > widestBand && distance < noise)
      selection.isResolved = false;
    if (distance <= std::min(noise, widestBand) && rank(index) < rank(selection.contender))
      selection.contender = index;
  }
  const Contender &chosen = contenders[selection.contender];
  std::string number = std::to_string(measured) + ": " + durationText(time(*fastest));
  if (selection.contender == *fastest)
    selection.reason = (chosen.isDefault ? "default is the fastest of " : "fastest of ") + number;
  else
    selection.reason = std::string(chosen.isDefault        ? "default"
                                   : chosen.isPrevious     ? "previous choice"
                                   : chosen.estimateNs > 0 ? "favourite of the cost model"
                                                           : "first measured") +
                       " within the noise of the fastest of " + number;
  if (selection.contender != *fastest && !chosen.isDefault)
    selection.reason += ", chosen " + durationText(time(selection.contender));
  if (byDefault && byDefault != fastest)
    selection.reason += ", default " + durationText(time(*byDefault));
  return selection;
}
