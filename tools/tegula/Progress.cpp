// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

using namespace tegula::tool;

std::string tegula::tool::progressLine(double fraction, llvm::StringRef text, unsigned width) {
  constexpr unsigned cells = 24;
  fraction = std::clamp(fraction, 0.0, 1.0);
  auto filled = static_cast<unsigned>(fraction * cells);
  std::string line = "[" + std::string(filled, '#') + std::string(cells - filled, '-') + "] ";
  llvm::raw_string_ostream(line) << llvm::format("%3d %%  ", static_cast<int>(fraction * 100)) << text;
  if (line.size() > width)
    line.resize(width);
  return line;
}

ProgressBar::ProgressBar(bool wanted) : shown(wanted && llvm::sys::Process::StandardErrIsDisplayed()) {}

void ProgressBar::update(double fraction, llvm::StringRef text) {
  auto now = std::chrono::steady_clock::now();
  if (!shown || (drawn && now - last < std::chrono::milliseconds(50)))
    return;
  last = now;
  drawn = true;
  unsigned columns = llvm::sys::Process::StandardErrColumns();
  // Back to the first column, and what is left of a longer line erased.
  llvm::errs() << "\r" << progressLine(fraction, text, columns ? columns - 1 : 79) << "\x1b[K";
}

void ProgressBar::clear() {
  if (drawn)
    llvm::errs() << "\r\x1b[K";
  drawn = false;
}
