// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef TEGULA_TUNER_SELECT_KERNELSHAPE_H
#define TEGULA_TUNER_SELECT_KERNELSHAPE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tegula::tuner {

/// A kernel's signature, taken apart: what it computes, and how large.
struct KernelShape {
  /// The signature with "#" for each static extent, and for each static stride other than 1.
  std::string pattern;
  /// The static extents in order.
  std::vector<int64_t> extents;
};

KernelShape shapeOf(llvm::StringRef signature);

/// The sum over all extents of the magnitude of the logarithm of their ratio; 0 for equal ones. The patterns are equal.
double distance(const KernelShape &a, const KernelShape &b);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_KERNELSHAPE_H
