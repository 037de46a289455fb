// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels of a model, ready for tune(): each with its space, default schedule, sizes and a way to build it.
//
#ifndef TEGULA_TUNER_SESSION_MODELKERNELS_H
#define TEGULA_TUNER_SESSION_MODELKERNELS_H

#include "tegula/Driver/CompilerSession.h"
#include "tegula/Tuner/Session/Session.h"

#include <map>
#include <memory>
#include <optional>

namespace tegula::tuner {

struct ModelKernelsOptions {
  uint64_t seed = 0;
  unsigned threads = 1;
  /// Extents of symbolic dimensions; others are 1 in front (a batch) and 128 elsewhere.
  std::map<std::string, int64_t> dimensions;
  /// Of this machine: what the kernels' estimates need.
  std::optional<MachinePeaks> peaks;
  /// False when kernels are only built: dynamic extents are taken for 1, and nothing is run to learn them.
  bool isMeasured = true;
  /// Limits for compiling and running the whole model, which tells the sizes of kernels with dynamic shapes.
  BuildOptions build = {300, nullptr};
};

struct ModelKernels {
  std::vector<TunableKernel> kernels;
  /// Kernels that cannot be tuned: their names and why.
  std::vector<std::pair<std::string, std::string>> skipped;
  CompileFunction compile;
};

/// The kernels of the model of `session`, which is at stage `kernels` and outlives the result. Ends the threads of the
/// session's context: candidates are compiled in forked children. nullopt when stopped.
llvm::Expected<std::optional<ModelKernels>> findModelKernels(CompilerSession &session,
                                                             const ModelKernelsOptions &options);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SESSION_MODELKERNELS_H
