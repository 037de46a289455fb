// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A duration as people read it.
//
#ifndef TEGULA_TUNER_COSTMODEL_DURATION_H
#define TEGULA_TUNER_COSTMODEL_DURATION_H

#include <string>

namespace tegula::tuner {

/// "512 ns", "102.1 us", "3.25 ms", "1.70 s".
std::string durationText(double ns);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_COSTMODEL_DURATION_H
