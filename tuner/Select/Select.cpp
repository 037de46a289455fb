// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/Select.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace tegula::tuner;

double tegula::tuner::median(std::vector<double> values) {
  if (values.empty())
    return 0;
  llvm::sort(values);
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string tegula::tuner::durationText(double ns) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (ns < 1e3)
    stream << llvm::format("%.0f ns", ns);
  else if (ns < 1e6)
    stream << llvm::format("%.4g us", ns / 1e3);
  else if (ns < 1e9)
    stream << llvm::format("%.4g ms", ns / 1e6);
  else
    stream << llvm::format("%.4g s", ns / 1e9);
  return text;
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
  std::string times = ": " + durationText(time(*fastest));
  if (byDefault && byDefault != fastest)
    times += ", default " + durationText(time(*byDefault));
  if (byDefault && byDefault != fastest && time(*byDefault) <= time(*fastest) * (1 + tieBand))
    return Selection{*byDefault, "default within the noise of the fastest of " + std::to_string(measured) + times};
  return Selection{*fastest, (byDefault == fastest ? "default is the fastest of " : "fastest of ") +
                                 std::to_string(measured) + times};
}
