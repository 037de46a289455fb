// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A progress line on a terminal, rewritten in place; nothing anywhere else.
#ifndef TEGULA_TOOLS_TEGULA_PROGRESS_H
#define TEGULA_TOOLS_TEGULA_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>

namespace tegula::tool {

/// "[#####-----]  50 %  TEXT", at most `width` columns.
std::string progressLine(double fraction, llvm::StringRef text, unsigned width);

class ProgressBar {
public:
  /// Shows itself on stderr when that is a terminal and `wanted`.
  explicit ProgressBar(bool wanted);
  ~ProgressBar() { clear(); }

  /// Redraws, at most 20 times a second.
  void update(double fraction, llvm::StringRef text);
  /// Removes the line, so that other output starts on an empty one.
  void clear();

private:
  bool shown;
  bool drawn = false;
  std::chrono::steady_clock::time_point last;
};

} // namespace tegula::tool

#endif
