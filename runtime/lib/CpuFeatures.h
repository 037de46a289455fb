// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which instruction-set extensions this processor and operating system offer, by LLVM's names.
#ifndef TEGULA_RUNTIME_CPUFEATURES_H
#define TEGULA_RUNTIME_CPUFEATURES_H

#include "Error.h"

namespace tegula {

enum class FeatureState { Present, Absent, Unknown };

/// Where what a machine offers comes from: its processor and its operating system, or a test.
struct FeatureSource {
  /// `name` need not end after `length` characters.
  FeatureState (*look)(const char *name, size_t length);
  /// Asks for the tile registers, which the operating system grants a process on request only; returns 0 or an errno.
  int (*requestTiles)();
};
extern const FeatureSource thisMachine;

/// Appends to `missing` every feature of the comma-separated list that the machine lacks, and returns how many. Those
/// that need the tile registers are missing too when the operating system denies these; it is asked only when nothing
/// else is missing. A name may start with '+'; one that starts with '-' says that the code does without.
int missingCpuFeatures(const char *list, Text &missing, const FeatureSource &source = thisMachine);

} // namespace tegula
#endif
