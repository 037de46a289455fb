// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the database says about itself: statistics, list, choices, verify.
//
#include "Implementation.h"

#include "tegula/Kernel/KernelSignature.h"

#include "llvm/Support/JSON.h"

using namespace tegula;
using namespace tegula::tuner;

llvm::Expected<std::optional<Device>> Database::findDevice(llvm::StringRef key) const {
  Statement statement(getPath(), implementation->connection,
                      "SELECT key, class, description FROM device WHERE key = ?");
  statement.bind(key);
  llvm::Expected<bool> row = statement.step();
  if (!row)
    return row.takeError();
  if (!*row)
    return std::nullopt;
  return Device{statement.text(0), statement.text(1), statement.text(2)};
}

llvm::Expected<std::vector<Device>> Database::devices() const {
  Statement statement(getPath(), implementation->connection, "SELECT key, class, description FROM device ORDER BY key");
  std::vector<Device> devices;
  while (true) {
    llvm::Expected<bool> row = statement.step();
    if (!row)
      return row.takeError();
    if (!*row)
      return devices;
    devices.push_back({statement.text(0), statement.text(1), statement.text(2)});
  }
}

llvm::Expected<DatabaseStatistics> Database::statistics() const {
  Statement statement(getPath(), implementation->connection,
                      "SELECT (SELECT count(*) FROM workload), (SELECT count(*) FROM trial),"
                      " (SELECT count(*) FROM trial WHERE status <> 'ok'), (SELECT count(*) FROM device),"
                      " (SELECT count(*) FROM selection)");
  llvm::Expected<bool> row = statement.step();
  if (!row)
    return row.takeError();
  DatabaseStatistics statistics;
  statistics.kernels = statement.integer(0);
  statistics.trials = statement.integer(1);
  statistics.failures = statement.integer(2);
  statistics.devices = statement.integer(3);
  statistics.selections = statement.integer(4);
  return statistics;
}

llvm::Expected<std::vector<WorkloadSummary>> Database::list() const {
  // With a bare min(), SQLite takes the other bare columns from the row of the minimum; a workload without a good trial
  // has no minimum, so its schedule is blanked.
  Statement statement(getPath(), implementation->connection,
                      "SELECT workload.key, workload.family, workload.signature, coalesce(trial.target, ''),"
                      " count(trial.id), coalesce(sum(trial.status <> 'ok'), 0), min(trial.median_ns), trial.schedule"
                      " FROM workload LEFT JOIN trial ON trial.workload = workload.id"
                      " GROUP BY workload.id, trial.target ORDER BY workload.family, workload.key, trial.target");
  std::vector<WorkloadSummary> summaries;
  llvm::Error error = statement.forEachRow([&] {
    WorkloadSummary summary;
    summary.workload = {statement.text(0), statement.text(1), statement.text(2)};
    summary.target = statement.text(3);
    summary.trials = statement.integer(4);
    summary.failures = statement.integer(5);
    summary.bestNs = statement.real(6);
    if (summary.bestNs)
      summary.bestSchedule = statement.text(7);
    summaries.push_back(std::move(summary));
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);
  return summaries;
}

llvm::Expected<std::vector<LockRecord>> Database::lockRecords() const {
  Statement statement(getPath(), implementation->connection,
                      "SELECT workload.key, workload.signature, ranked.target, ranked.schedule, ranked.threads"
                      " FROM workload JOIN (SELECT trial.*, row_number() OVER ("
                      "  PARTITION BY trial.workload, trial.target, trial.threads ORDER BY"
                      "  (SELECT max(selection.id) FROM selection WHERE selection.trial = trial.id) DESC NULLS LAST,"
                      "  trial.median_ns, trial.id) AS place FROM trial WHERE trial.status = 'ok'"
                      ") AS ranked ON ranked.workload = workload.id AND ranked.place = 1");
  std::vector<LockRecord> records;
  llvm::Error error = statement.forEachRow([&] {
    LockRecord record;
    record.key = statement.text(0);
    record.signature = statement.text(1);
    record.target = statement.text(2);
    record.schedule = statement.text(3);
    record.threads = static_cast<unsigned>(statement.integer(4));
    record.provenance = "database";
    records.push_back(std::move(record));
    return llvm::Error::success();
  });
  if (error)
    return std::move(error);
  return records;
}

llvm::Expected<std::vector<std::string>> Database::verify() const {
  std::vector<std::string> problems;
  sqlite3 *connection = implementation->connection;
  auto collect = [&](const char *sql, llvm::function_ref<void(const Statement &)> read) -> llvm::Error {
    Statement statement(getPath(), connection, sql);
    return statement.forEachRow([&] {
      read(statement);
      return llvm::Error::success();
    });
  };
  llvm::Error error = collect("PRAGMA integrity_check", [&](const Statement &row) {
    if (row.text(0) != "ok")
      problems.push_back("integrity: " + row.text(0));
  });
  // The content of a damaged file says nothing more.
  if (!error && !problems.empty())
    return problems;
  if (!error)
    error = collect("PRAGMA foreign_key_check", [&](const Statement &row) {
      problems.push_back(row.text(0) + " " + std::to_string(row.integer(1)) + ": expected a row of " + row.text(2) +
                         ", but it refers to none");
    });
  // Signatures of other programs and of tests are only text.
  if (!error)
    error = collect("SELECT key, signature FROM workload", [&](const Statement &row) {
      std::string signature = row.text(1), key = getSignatureKey(signature);
      if (isSignature(signature) && row.text(0) != key)
        problems.push_back("workload " + row.text(0) + ": expected the key of its signature, '" + key + "'");
    });
  if (!error)
    error = collect("SELECT id, status, median_ns, samples FROM trial", [&](const Statement &row) {
      std::string place = "trial " + std::to_string(row.integer(0)) + ": ";
      Trial trial;
      trial.samplesNs = row.doubles(3);
      std::optional<TrialStatus> status = parseStatus(row.text(1));
      if (!status)
        problems.push_back(place + "expected a known status, but got '" + row.text(1) + "'");
      else if (*status == TrialStatus::Ok && trial.samplesNs.empty())
        problems.push_back(place + "expected samples, but got none");
      else if (*status == TrialStatus::Ok && row.real(2) != trial.medianNs())
        problems.push_back(place + "expected the median of its samples, " + std::to_string(trial.medianNs()) +
                           " ns, but got " + std::to_string(row.real(2).value_or(0)) + " ns");
    });
  if (!error)
    error = collect("SELECT selection.id, trial.id, trial.status FROM selection JOIN trial ON trial.id ="
                    " selection.trial WHERE trial.status <> 'ok'",
                    [&](const Statement &row) {
                      problems.push_back("selection " + std::to_string(row.integer(0)) +
                                         ": expected a good trial, but trial " + std::to_string(row.integer(1)) +
                                         " has status " + row.text(2));
                    });
  if (!error)
    error = collect("SELECT selection.id, trial.id FROM selection JOIN trial ON trial.id = selection.trial"
                    " WHERE (selection.workload, selection.device, selection.target, selection.threads) <>"
                    " (trial.workload, trial.device, trial.target, trial.threads)",
                    [&](const Statement &row) {
                      problems.push_back("selection " + std::to_string(row.integer(0)) +
                                         ": expected the conditions of trial " + std::to_string(row.integer(1)) +
                                         ", but got others");
                    });
  if (!error)
    error = collect("SELECT id, text FROM calibration", [&](const Statement &row) {
      llvm::Expected<llvm::json::Value> value = llvm::json::parse(row.text(1));
      if (!value || !value->getAsObject())
        problems.push_back("calibration " + std::to_string(row.integer(0)) + ": expected a JSON object");
      if (!value)
        llvm::consumeError(value.takeError());
    });
  if (!error)
    error = collect("SELECT id FROM learned_model WHERE family = ''", [&](const Statement &row) {
      problems.push_back("learned_model " + std::to_string(row.integer(0)) + ": expected a family, but got ''");
    });
  if (error)
    return std::move(error);
  return problems;
}
