// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schema and its migrations: `PRAGMA user_version` counts the migrations that a file has seen. A migration is never
// edited after a release; a change of the schema is a new one.
//
#include "Statement.h"

#include <iterator>

using namespace tegula::tuner;

/// "Tgul", so that a database of another program is never taken for ours.
static constexpr int64_t applicationId = 0x5467756c;

static const char *const migrations[] = {
    R"sql(
CREATE TABLE device(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  class TEXT NOT NULL,
  description TEXT NOT NULL
) STRICT;
CREATE TABLE toolchain(
  id INTEGER PRIMARY KEY,
  version TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE space(
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL
) STRICT;
CREATE TABLE workload(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  family TEXT NOT NULL,
  signature TEXT NOT NULL
) STRICT;
CREATE TABLE trial(
  id INTEGER PRIMARY KEY,
  workload INTEGER NOT NULL REFERENCES workload(id),
  device INTEGER NOT NULL REFERENCES device(id),
  toolchain INTEGER NOT NULL REFERENCES toolchain(id),
  space INTEGER NOT NULL REFERENCES space(id),
  target TEXT NOT NULL,
  threads INTEGER NOT NULL CHECK(threads > 0),
  sizes TEXT NOT NULL,
  configuration TEXT NOT NULL,
  schedule TEXT NOT NULL CHECK(schedule <> ''),
  status TEXT NOT NULL,
  median_ns REAL CHECK((median_ns IS NOT NULL) = (status = 'ok')),
  samples BLOB CHECK((samples IS NOT NULL) = (status = 'ok')),
  detail TEXT NOT NULL,
  seed INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX trial_by_conditions ON trial(workload, target, threads, device, status, median_ns);
CREATE TABLE selection(
  id INTEGER PRIMARY KEY,
  trial INTEGER NOT NULL REFERENCES trial(id),
  reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX selection_by_trial ON selection(trial);
CREATE TRIGGER trial_is_never_changed BEFORE UPDATE ON trial BEGIN SELECT RAISE(ABORT, 'trials are append-only'); END;
CREATE TRIGGER trial_is_never_deleted BEFORE DELETE ON trial BEGIN SELECT RAISE(ABORT, 'trials are append-only'); END;
CREATE TRIGGER selection_is_never_changed BEFORE UPDATE ON selection
  BEGIN SELECT RAISE(ABORT, 'selections are append-only'); END;
CREATE TRIGGER selection_is_never_deleted BEFORE DELETE ON selection
  BEGIN SELECT RAISE(ABORT, 'selections are append-only'); END;
)sql",
    R"sql(
ALTER TABLE trial ADD COLUMN artifact TEXT NOT NULL DEFAULT '';
CREATE TABLE calibration(
  id INTEGER PRIMARY KEY,
  device INTEGER NOT NULL REFERENCES device(id),
  text TEXT NOT NULL CHECK(text <> ''),
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX calibration_by_device ON calibration(device);
CREATE TABLE learned_model(
  id INTEGER PRIMARY KEY,
  family TEXT NOT NULL,
  device_class TEXT NOT NULL,
  text TEXT NOT NULL CHECK(text <> ''),
  trials INTEGER NOT NULL CHECK(trials >= 0),
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX learned_model_by_family ON learned_model(family, device_class);
CREATE TRIGGER calibration_is_never_changed BEFORE UPDATE ON calibration
  BEGIN SELECT RAISE(ABORT, 'calibrations are append-only'); END;
CREATE TRIGGER calibration_is_never_deleted BEFORE DELETE ON calibration
  BEGIN SELECT RAISE(ABORT, 'calibrations are append-only'); END;
CREATE TRIGGER learned_model_is_never_changed BEFORE UPDATE ON learned_model
  BEGIN SELECT RAISE(ABORT, 'learned models are append-only'); END;
CREATE TRIGGER learned_model_is_never_deleted BEFORE DELETE ON learned_model
  BEGIN SELECT RAISE(ABORT, 'learned models are append-only'); END;
)sql",
    // A selection and a revalidation have conditions of their trial beside them, so that a lookup need not read trials.
    R"sql(
ALTER TABLE selection RENAME TO older_selection;
CREATE TABLE selection(
  id INTEGER PRIMARY KEY,
  trial INTEGER NOT NULL REFERENCES trial(id),
  workload INTEGER NOT NULL REFERENCES workload(id),
  device INTEGER NOT NULL REFERENCES device(id),
  target TEXT NOT NULL,
  threads INTEGER NOT NULL,
  reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
INSERT INTO selection SELECT older.id, older.trial, trial.workload, trial.device, trial.target, trial.threads,
  older.reason, older.created_ms FROM older_selection AS older JOIN trial ON trial.id = older.trial;
DROP TABLE older_selection;
CREATE INDEX selection_by_trial ON selection(trial);
CREATE INDEX selection_by_conditions ON selection(workload, target, threads, device);
CREATE TRIGGER selection_is_never_changed BEFORE UPDATE ON selection
  BEGIN SELECT RAISE(ABORT, 'selections are append-only'); END;
CREATE TRIGGER selection_is_never_deleted BEFORE DELETE ON selection
  BEGIN SELECT RAISE(ABORT, 'selections are append-only'); END;
DROP INDEX trial_by_conditions;
CREATE INDEX trial_by_conditions ON trial(workload, target, threads, device, status, toolchain, median_ns);
CREATE INDEX failure_by_schedule ON trial(workload, device, target, schedule) WHERE status <> 'ok';
CREATE INDEX device_by_class ON device(class);
CREATE TABLE revalidation(
  id INTEGER PRIMARY KEY,
  trial INTEGER NOT NULL REFERENCES trial(id),
  workload INTEGER NOT NULL REFERENCES workload(id),
  toolchain INTEGER NOT NULL REFERENCES toolchain(id),
  artifact TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX revalidation_by_trial ON revalidation(trial, toolchain);
CREATE INDEX revalidation_by_workload ON revalidation(workload, toolchain);
CREATE TRIGGER revalidation_is_never_changed BEFORE UPDATE ON revalidation
  BEGIN SELECT RAISE(ABORT, 'revalidations are append-only'); END;
CREATE TRIGGER revalidation_is_never_deleted BEFORE DELETE ON revalidation
  BEGIN SELECT RAISE(ABORT, 'revalidations are append-only'); END;
)sql"};

static llvm::Expected<int64_t> number(llvm::StringRef path, sqlite3 *connection, const char *sql) {
  Statement statement(path, connection, sql);
  llvm::Expected<bool> row = statement.step();
  if (!row)
    return row.takeError();
  return *row ? statement.integer(0) : 0;
}

static llvm::Error migrate(llvm::StringRef path, sqlite3 *connection, int64_t from) {
  for (int64_t version = from; version < static_cast<int64_t>(std::size(migrations)); ++version)
    if (llvm::Error error = execute(path, connection, migrations[version]))
      return error;
  std::string stamp = "PRAGMA user_version = " + std::to_string(std::size(migrations)) +
                      "; PRAGMA application_id = " + std::to_string(applicationId);
  return execute(path, connection, stamp.c_str());
}

llvm::Expected<bool> tegula::tuner::prepareSchema(llvm::StringRef path, sqlite3 *connection, bool write) {
  // The write lock is taken before the version is read: of two processes that create a file, one does and one waits.
  if (llvm::Error error = execute(path, connection, write ? "BEGIN IMMEDIATE" : "BEGIN"))
    return std::move(error);
  bool isCurrent = true;
  auto check = [&]() -> llvm::Error {
    const int64_t newest = std::size(migrations);
    llvm::Expected<int64_t> application = number(path, connection, "PRAGMA application_id");
    if (!application)
      return application.takeError();
    llvm::Expected<int64_t> version = number(path, connection, "PRAGMA user_version");
    if (!version)
      return version.takeError();
    llvm::Expected<int64_t> tables = number(path, connection, "SELECT count(*) FROM sqlite_schema");
    if (!tables)
      return tables.takeError();
    bool isEmpty = *tables == 0 && *version == 0 && *application == 0;
    if (!isEmpty && *application != applicationId)
      return llvm::createStringError(path +
                                     ": expected a Tegula tuning database, but got a database of another program");
    if (*version > newest)
      return llvm::createStringError(path + ": expected a database schema up to version " + llvm::Twine(newest) +
                                     ", but got version " + llvm::Twine(*version) + ", written by a newer Tegula");
    if (write)
      return *version < newest ? migrate(path, connection, *version) : llvm::Error::success();
    if (isEmpty)
      return llvm::createStringError(path + ": expected a Tegula tuning database, but got an empty file");
    isCurrent = *version == newest;
    return llvm::Error::success();
  };
  if (llvm::Error error = check()) {
    llvm::consumeError(execute(path, connection, "ROLLBACK"));
    return std::move(error);
  }
  if (llvm::Error error = execute(path, connection, "COMMIT"))
    return std::move(error);
  return isCurrent;
}
