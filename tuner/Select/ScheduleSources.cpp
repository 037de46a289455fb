// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/ScheduleSources.h"

#include "tegula/Tuner/Select/DatabaseSchedules.h"

using namespace tegula::tuner;

llvm::Expected<ScheduleSources> ScheduleSources::open(llvm::StringRef lockPath, llvm::StringRef databasePath) {
  ScheduleSources sources;
  sources.isStrict = lockPath.consume_front("strict:");
  if (!lockPath.empty()) {
    llvm::Expected<LockFile> lock = LockFile::open(lockPath);
    if (!lock)
      return lock.takeError();
    sources.lock = std::move(*lock);
  }
  if (!databasePath.empty()) {
    llvm::Expected<std::unique_ptr<Database>> database = Database::open(databasePath, Database::Mode::Read);
    if (!database)
      return database.takeError();
    sources.database = std::move(*database);
  }
  return std::move(sources);
}

llvm::Error ScheduleSources::apply(mlir::ModuleOp module, const Lookup &here) const {
  if (lock)
    if (llvm::Error error = lock->apply(module, here.threads, isStrict))
      return error;
  return database ? applySchedules(*database, here, module).takeError() : llvm::Error::success();
}
