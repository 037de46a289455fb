// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lock files: an .mlir of `sched.record` operations, in version control, from which a build takes its schedules.
//
// Errors start with the place, "model.lock.mlir:3:1: expected ...".
//
#ifndef TEGULA_TUNER_SELECT_LOCKFILE_H
#define TEGULA_TUNER_SELECT_LOCKFILE_H

#include "tegula/Tuner/Database/LockRecord.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace tegula::tuner {

class LockFile {
public:
  /// Reads the file; what it means is looked at when it is used.
  static llvm::Expected<LockFile> open(llvm::StringRef path);

  /// Gives each kernel of `module` (at stage `kernels`) that has no schedule the one of the record with its key, the
  /// module's target and `threads`, with provenance "lock"; a kernel without a record stays as it is. Fails on text
  /// that is no lock file, two records for one kernel, a signature that has another key, or a schedule that the
  /// kernel's family rejects. A record of this target and thread count that no kernel needs is a warning; when
  /// `strict`, all such records, and all kernels without a record, are one error that lists them.
  llvm::Error apply(mlir::ModuleOp module, unsigned threads, bool strict = false) const;

  /// All records.
  llvm::Expected<std::vector<LockRecord>> records() const;

  /// Writes `chosen` into the lock file `path`, under a temporary name first: they replace the records of the same
  /// kernel, target and threads, all others stay. The file need not exist.
  static llvm::Error update(llvm::StringRef path, std::vector<LockRecord> chosen);

private:
  std::string path, text;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_LOCKFILE_H
