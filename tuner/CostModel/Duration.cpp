// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/CostModel/Duration.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

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
