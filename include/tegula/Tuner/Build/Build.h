// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building candidates in a child process with a time limit, so that a schedule on which the compiler crashes, hangs or
// eats all memory is a failed trial and nothing else.
//
#ifndef TEGULA_TUNER_BUILD_BUILD_H
#define TEGULA_TUNER_BUILD_BUILD_H

#include "tegula/Tuner/Database/Database.h"

#include "llvm/Support/Error.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>

namespace tegula::tuner {

/// What a compile function made.
struct CompiledKernel {
  /// Path of the shared library.
  std::string path;
  /// Equal for equal code, without spaces; "" when it is not known.
  std::string codeHash;
};

/// Compiles one kernel with one schedule into a shared library. Called in a forked child: no other thread of the tuner
/// exists there, so it must not wait for one (an MLIR context has its threads disabled).
using CompileFunction =
    std::function<llvm::Expected<CompiledKernel>(const Workload &workload, llvm::StringRef schedule)>;

struct BuildOptions {
  /// Seconds until a build is given up.
  double limitSeconds = 60;
  /// When it becomes true the current build is abandoned.
  const std::atomic<bool> *stop = nullptr;
};

struct BuildResult {
  /// Whether `artifact` was built; else `detail` says why not.
  bool built = false;
  std::string artifact;
  std::string codeHash;
  std::string detail;
};

/// Runs `compile` in a child and moves the library to `artifact`, a path that must never have been used before (the
/// dynamic loader takes two files of one name for the same library). An error means that no child could be started;
/// nullopt that it was stopped.
llvm::Expected<std::optional<BuildResult>> build(const CompileFunction &compile, const Workload &workload,
                                                 llvm::StringRef schedule, llvm::StringRef artifact,
                                                 const BuildOptions &options);

} // namespace tegula::tuner

#endif // TEGULA_TUNER_BUILD_BUILD_H
