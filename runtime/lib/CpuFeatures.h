// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which instruction-set extensions this processor and operating system offer, by LLVM's names.
#ifndef TEGULA_RUNTIME_CPUFEATURES_H
#define TEGULA_RUNTIME_CPUFEATURES_H

#include "Error.h"

namespace tegula {

enum class FeatureState { Present, Absent, Unknown };

/// `name` need not end after `length` characters.
FeatureState cpuFeature(const char *name, size_t length);

/// Appends to `missing` every feature of the comma-separated list that this machine lacks; returns how many.
/// A name may start with '+'; one that starts with '-' says that the code does without.
int missingCpuFeatures(const char *list, Text &missing);

/// Asks the operating system for what it grants only on request (tile registers). False when it refuses.
bool requestCpuFeatures(const char *list);

} // namespace tegula
#endif
