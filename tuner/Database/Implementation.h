// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef TEGULA_TUNER_DATABASE_IMPLEMENTATION_H
#define TEGULA_TUNER_DATABASE_IMPLEMENTATION_H

#include "Statement.h"
#include "tegula/Tuner/Database/Database.h"

#include <chrono>

namespace tegula::tuner {

/// Waiting for a lock of another process.
struct LockWait {
  int timeoutMs;
  std::function<void()> onWait;
  std::chrono::steady_clock::time_point begin = {};
  bool isTold = false;
};

struct Database::Implementation {
  std::string path;
  LockWait wait;
  sqlite3 *connection = nullptr;
  /// Prepared by forEachAnswer(): which trials answer, and a trial by its number.
  std::unique_ptr<Statement> lookup, load;

  ~Implementation() {
    lookup.reset();
    load.reset();
    sqlite3_close(connection);
  }
};

/// `SELECT <the columns that readTrial expects> FROM trial JOIN ...`, to be followed by conditions.
extern const char *const selectTrials;
Trial readTrial(const Statement &statement);

/// Appends a trial whose workload, device, toolchain and space are known, and no row when one of them is not; its
/// parameters are bindTrial's, the last of which is the trial's time.
extern const char *const insertTrial;
Statement &bindTrial(Statement &statement, const Trial &trial, int64_t createdMs);

/// Parameters: number of the trial, reason, time. No row when it is no good trial.
extern const char *const insertSelection;
/// Parameters: number of the trial, version of the toolchain, hash, time. No row when one is not known.
extern const char *const insertRevalidation;
/// Parameters: time, key of the device, text. No row when the device is not known.
extern const char *const insertCalibration;
/// Parameters: time, family, class of devices, text, number of trials.
extern const char *const insertLearnedModel;

/// The SQL of forEachAnswer(): its parameters are the fields of Lookup in order, of the device its key and its class.
std::string lookupText();

} // namespace tegula::tuner

#endif // TEGULA_TUNER_DATABASE_IMPLEMENTATION_H
