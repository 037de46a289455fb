// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Seeded inputs and the comparison of outputs.
//
#ifndef TEGULA_TUNER_MEASURE_COMPARISON_H
#define TEGULA_TUNER_MEASURE_COMPARISON_H

#include "Execution.h"

#include "tegula/Tuner/Measure/Measure.h"

namespace tegula::tuner {

/// What integers wider than 8 bits hold: they may be indices, divisors or shifts.
enum class WideIntegers { ZeroToThree, One, Zero };

/// Random inputs for `artifact`, nothing for those with a default; `shapes` may be empty when all its shapes are
/// static.
llvm::Expected<std::vector<Tensor>> makeInputs(const tegula_artifact &artifact,
                                               llvm::ArrayRef<std::vector<int64_t>> shapes, uint64_t seed,
                                               WideIntegers wideIntegers);

/// Nothing when `actual` agrees with `expected`, else the first difference. NaN agrees with NaN.
std::optional<std::string> compare(llvm::ArrayRef<Tensor> expected, llvm::ArrayRef<Tensor> actual, Tolerance tolerance);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_MEASURE_COMPARISON_H
