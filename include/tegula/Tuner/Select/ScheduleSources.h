// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the schedules of a compilation come from: what the IR says stays, then the lock file, then the database; the
// compiler gives the rest their analytic defaults.
//
#ifndef TEGULA_TUNER_SELECT_SCHEDULESOURCES_H
#define TEGULA_TUNER_SELECT_SCHEDULESOURCES_H

#include "tegula/Tuner/Database/Database.h"
#include "tegula/Tuner/Select/LockFile.h"

namespace tegula::tuner {

class ScheduleSources {
public:
  /// Either path may be empty; "strict:" before that of the lock file makes what it does not match an error. Fails when
  /// a file is not there or is something else.
  static llvm::Expected<ScheduleSources> open(llvm::StringRef lockPath, llvm::StringRef databasePath);

  /// True when there is neither.
  bool empty() const { return !lock && !database; }
  /// Sets schedule and provenance of the kernels of `module` (at stage `kernels`) that the sources know. `here` need
  /// not name a workload or target.
  llvm::Error apply(mlir::ModuleOp module, const Lookup &here) const;

private:
  std::optional<LockFile> lock;
  bool isStrict = false;
  std::unique_ptr<Database> database;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_SCHEDULESOURCES_H
