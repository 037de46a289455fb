// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Database/Database.h"

#include "Implementation.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <sys/vfs.h>
#include <thread>

using namespace tegula::tuner;

//===----------------------------------------------------------------------===//
// Records
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral statusTexts[] = {"ok",           "compile_error", "load_error",
                                                      "crash",        "hang",          "runtime_error",
                                                      "wrong_result", "out_of_bounds", "non_deterministic"};

llvm::StringRef tegula::tuner::statusText(TrialStatus status) { return statusTexts[static_cast<int>(status)]; }

std::optional<TrialStatus> tegula::tuner::parseStatus(llvm::StringRef text) {
  for (size_t index = 0; index < std::size(statusTexts); ++index)
    if (statusTexts[index] == text)
      return static_cast<TrialStatus>(index);
  return std::nullopt;
}

double Trial::medianNs() const {
  if (samplesNs.empty())
    return 0;
  std::vector<double> sorted = samplesNs;
  std::sort(sorted.begin(), sorted.end());
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const char *const tegula::tuner::selectTrials =
    "SELECT trial.id, workload.key, device.key, trial.target, space.hash, trial.threads, trial.sizes,"
    " toolchain.version, trial.configuration, trial.schedule, trial.status, trial.samples, trial.detail, trial.seed,"
    " trial.created_ms, trial.artifact, workload.family, workload.signature, device.class FROM trial"
    " JOIN workload ON workload.id = trial.workload JOIN device ON device.id = trial.device"
    " JOIN space ON space.id = trial.space JOIN toolchain ON toolchain.id = trial.toolchain ";

Trial tegula::tuner::readTrial(const Statement &statement) {
  Trial trial;
  trial.id = statement.integer(0);
  trial.conditions.workload = statement.text(1);
  trial.conditions.device = statement.text(2);
  trial.conditions.target = statement.text(3);
  trial.conditions.space = statement.text(4);
  trial.conditions.threads = static_cast<unsigned>(statement.integer(5));
  trial.conditions.sizes = statement.text(6);
  trial.toolchain = statement.text(7);
  trial.configuration = statement.text(8);
  trial.schedule = statement.text(9);
  // A status of a newer program counts as a failure here; verify() reports it.
  trial.status = parseStatus(statement.text(10)).value_or(TrialStatus::LoadError);
  trial.samplesNs = statement.doubles(11);
  trial.detail = statement.text(12);
  trial.seed = static_cast<uint64_t>(statement.integer(13));
  trial.createdMs = statement.integer(14);
  trial.artifactHash = statement.text(15);
  return trial;
}

// A key that is not known selects no row, so nothing is inserted.
const char *const tegula::tuner::insertTrial =
    "INSERT INTO trial(workload, device, toolchain, space, target, threads, sizes, configuration,"
    " schedule, status, median_ns, samples, detail, seed, artifact, created_ms)"
    " SELECT workload.id, device.id, toolchain.id, space.id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
    " FROM workload, device, toolchain, space"
    " WHERE workload.key = ? AND device.key = ? AND toolchain.version = ? AND space.hash = ?";

const char *const tegula::tuner::insertSelection =
    "INSERT INTO selection(trial, workload, device, target, threads, reason, created_ms)"
    " SELECT id, workload, device, target, threads, ?2, ?3 FROM trial WHERE id = ?1 AND status = 'ok'";

const char *const tegula::tuner::insertRevalidation =
    "INSERT INTO revalidation(trial, workload, toolchain, artifact, created_ms)"
    " SELECT trial.id, trial.workload, toolchain.id, ?3, ?4 FROM trial, toolchain WHERE trial.id = ?1 AND "
    "toolchain.version = ?2";

const char *const tegula::tuner::insertCalibration =
    "INSERT INTO calibration(created_ms, device, text) SELECT ?1, device.id, ?3 FROM device WHERE device.key = ?2";

const char *const tegula::tuner::insertLearnedModel =
    "INSERT INTO learned_model(created_ms, family, device_class, text, trials) VALUES(?, ?, ?, ?, ?)";

static int64_t nowMs() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Statement &tegula::tuner::bindTrial(Statement &statement, const Trial &trial, int64_t createdMs) {
  std::optional<double> median;
  if (trial.status == TrialStatus::Ok)
    median = trial.medianNs();
  return statement.bind(trial.conditions.target)
      .bind(int64_t(trial.conditions.threads))
      .bind(trial.conditions.sizes)
      .bind(trial.configuration)
      .bind(trial.schedule)
      .bind(statusText(trial.status))
      .bind(median)
      .bind(llvm::ArrayRef<double>(trial.samplesNs))
      .bind(trial.detail)
      .bind(static_cast<int64_t>(trial.seed))
      .bind(trial.artifactHash)
      .bind(createdMs)
      .bind(trial.conditions.workload)
      .bind(trial.conditions.device)
      .bind(trial.toolchain)
      .bind(trial.conditions.space);
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

/// The write-ahead log needs shared memory between all processes that open the file: not so on a network file system.
static bool isOnLocalDisk(llvm::StringRef path) {
  struct statfs information;
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (statfs(folder.empty() ? "." : folder.str().c_str(), &information) != 0)
    return false;
  switch (static_cast<uint32_t>(information.f_type)) {
  case 0x6969:     // NFS
  case 0x517b:     // SMB
  case 0xff534d42: // CIFS
  case 0xfe534d42: // SMB2
  case 0x01021997: // 9P
  case 0x65735546: // FUSE
  case 0x0bd00bd0: // Lustre
  case 0x47504653: // GPFS
  case 0x00c36400: // Ceph
  case 0x19830326: // BeeGFS
    return false;
  default:
    return true;
  }
}

/// A process that was killed while it made the file, or wrote to one without a write-ahead log, leaves a journal of
/// what must be undone before anybody can read; a connection that may not write cannot do that.
static void undoInterruptedWrite(const std::string &path, sqlite3 *connection) {
  static constexpr const char *look = "SELECT count(*) FROM sqlite_schema";
  if (sqlite3_exec(connection, look, nullptr, nullptr, nullptr) != SQLITE_READONLY_ROLLBACK)
    return;
  sqlite3 *writer = nullptr;
  // When this fails, so does what the reader does next, which is reported.
  if (sqlite3_open_v2(path.c_str(), &writer, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK)
    sqlite3_exec(writer, look, nullptr, nullptr, nullptr);
  sqlite3_close(writer);
}

/// SQLite does not call its busy handler for a change of the journal mode, so wait here.
static llvm::Error setJournalMode(llvm::StringRef path, sqlite3 *connection, const char *sql, int timeoutMs) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeoutMs);
  while (true) {
    int code = sqlite3_exec(connection, sql, nullptr, nullptr, nullptr);
    if (code == SQLITE_OK)
      return llvm::Error::success();
    if ((code & 0xff) != SQLITE_BUSY || std::chrono::steady_clock::now() >= deadline)
      return sqliteError(path, connection, code);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// Takes the place of `opened`'s connection: a copy in memory, of the newest schema.
static llvm::Error migrateInMemory(llvm::StringRef path, sqlite3 *&connection) {
  sqlite3 *memory = nullptr;
  int code = sqlite3_open_v2(":memory:", &memory, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code == SQLITE_OK) {
    if (sqlite3_backup *backup = sqlite3_backup_init(memory, "main", connection, "main")) {
      sqlite3_backup_step(backup, /*nPage=*/-1);
      sqlite3_backup_finish(backup);
    }
    code = sqlite3_errcode(memory);
  }
  std::swap(connection, memory);
  llvm::Error error = code == SQLITE_OK ? llvm::Error::success() : sqliteError(path, connection, code);
  sqlite3_close(memory);
  return error ? std::move(error) : prepareSchema(path, connection, /*write=*/true).takeError();
}

/// SQLite's busy handler: 0 gives up.
static int waitForLock(void *data, int count) {
  auto &wait = *static_cast<LockWait *>(data);
  auto now = std::chrono::steady_clock::now();
  if (count == 0) {
    wait.begin = now;
    wait.isTold = false;
  }
  auto waited = now - wait.begin;
  if (waited >= std::chrono::milliseconds(wait.timeoutMs))
    return 0;
  if (waited >= std::chrono::seconds(1) && !wait.isTold && wait.onWait) {
    wait.isTold = true;
    wait.onWait();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(std::min(count + 1, 20)));
  return 1;
}

Database::Database(std::unique_ptr<Implementation> implementation) : implementation(std::move(implementation)) {}
Database::~Database() = default;

llvm::StringRef Database::getPath() const { return implementation->path; }

llvm::Expected<std::unique_ptr<Database>> Database::open(llvm::StringRef path, Mode mode, int busyTimeoutMs,
                                                         std::function<void()> onWait) {
  namespace fs = llvm::sys::fs;
  fs::file_status status;
  std::error_code statusError = fs::status(path, status);
  if (fs::is_directory(status))
    return llvm::createStringError(path + ": expected a database file, but got a folder");
  if (mode == Mode::Read && statusError == std::errc::no_such_file_or_directory)
    return llvm::createStringError(path + ": expected a database, but there is no such file");
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (!folder.empty() && !fs::is_directory(folder))
    return llvm::createStringError(path + ": expected the folder '" + folder + "' to exist, but it does not");

  auto opened = std::make_unique<Implementation>();
  opened->path = path.str();
  opened->wait = {busyTimeoutMs, std::move(onWait)};
  int flags = mode == Mode::Read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  int code = sqlite3_open_v2(opened->path.c_str(), &opened->connection, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK)
    return sqliteError(path, opened->connection, code);
  sqlite3_extended_result_codes(opened->connection, 1);
  sqlite3_busy_handler(opened->connection, waitForLock, &opened->wait);
  // A hostile file may carry schema text that calls functions; none of ours does.
  sqlite3_db_config(opened->connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(opened->connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (mode == Mode::Read)
    undoInterruptedWrite(opened->path, opened->connection);
  // Lookups of all kernels of a model read the same pages again: up to 64 MiB of them are kept.
  if (llvm::Error error = execute(path, opened->connection,
                                  "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536"))
    return std::move(error);
  if (mode == Mode::ReadWrite) {
    // Only a file that is ours or new may have its journal mode changed: a first look comes before.
    if (status.getSize() > 0 && !statusError)
      if (llvm::Error error = execute(path, opened->connection, "SELECT count(*) FROM sqlite_schema"))
        return std::move(error);
    if (sqlite3_db_readonly(opened->connection, "main") == 1)
      return sqliteError(path, opened->connection, SQLITE_READONLY);
  }
  llvm::Expected<bool> isCurrent = prepareSchema(path, opened->connection, mode == Mode::ReadWrite);
  if (!isCurrent)
    return isCurrent.takeError();
  if (!*isCurrent)
    if (llvm::Error error = migrateInMemory(path, opened->connection))
      return std::move(error);
  if (mode == Mode::ReadWrite) {
    const char *journal = isOnLocalDisk(path) ? "PRAGMA journal_mode = WAL" : "PRAGMA journal_mode = DELETE";
    if (llvm::Error error = setJournalMode(path, opened->connection, journal, busyTimeoutMs))
      return std::move(error);
  }
  return std::unique_ptr<Database>(new Database(std::move(opened)));
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

llvm::Error Database::addDevice(const Device &device) {
  return Statement(getPath(), implementation->connection,
                   "INSERT INTO device(key, class, description) VALUES(?, ?, ?) ON CONFLICT(key) DO NOTHING")
      .bind(device.key)
      .bind(device.deviceClass)
      .bind(device.description)
      .run();
}

llvm::Error Database::addWorkload(const Workload &workload) {
  return Statement(getPath(), implementation->connection,
                   "INSERT INTO workload(key, family, signature) VALUES(?, ?, ?) ON CONFLICT(key) DO NOTHING")
      .bind(workload.key)
      .bind(workload.family)
      .bind(workload.signature)
      .run();
}

llvm::Error Database::addSpace(llvm::StringRef hash, llvm::StringRef text) {
  return Statement(getPath(), implementation->connection,
                   "INSERT INTO space(hash, text) VALUES(?, ?) ON CONFLICT(hash) DO NOTHING")
      .bind(hash)
      .bind(text)
      .run();
}

static llvm::Error addToolchain(llvm::StringRef path, sqlite3 *connection, llvm::StringRef version) {
  return Statement(path, connection, "INSERT INTO toolchain(version) VALUES(?) ON CONFLICT(version) DO NOTHING")
      .bind(version)
      .run();
}

llvm::Expected<int64_t> Database::record(const Trial &trial) {
  if (trial.status == TrialStatus::Ok ? trial.samplesNs.empty() : !trial.samplesNs.empty())
    return llvm::createStringError(getPath() + ": expected samples of a good trial and none of a failed " +
                                   "one, but got " + llvm::Twine(trial.samplesNs.size()) + " with status " +
                                   statusText(trial.status));
  sqlite3 *connection = implementation->connection;
  if (llvm::Error error = execute(getPath(), connection, "BEGIN IMMEDIATE"))
    return std::move(error);
  auto append = [&]() -> llvm::Error {
    if (llvm::Error error = addToolchain(getPath(), connection, trial.toolchain))
      return error;
    Statement statement(getPath(), connection, insertTrial);
    return bindTrial(statement, trial, trial.createdMs ? trial.createdMs : nowMs()).run();
  };
  llvm::Error error = append();
  if (!error && sqlite3_changes(connection) != 1)
    error = llvm::createStringError(getPath() + ": expected workload '" + trial.conditions.workload + "', device '" +
                                    trial.conditions.device + "' and space '" + trial.conditions.space +
                                    "' to be added before their trial, but one is unknown");
  int64_t id = sqlite3_last_insert_rowid(connection);
  if (!error)
    error = execute(getPath(), connection, "COMMIT");
  if (error) {
    llvm::consumeError(execute(getPath(), connection, "ROLLBACK"));
    return std::move(error);
  }
  return id;
}

llvm::Error Database::select(int64_t trial, llvm::StringRef reason) {
  sqlite3 *connection = implementation->connection;
  if (llvm::Error error =
          Statement(getPath(), connection, insertSelection).bind(trial).bind(reason).bind(nowMs()).run())
    return error;
  if (sqlite3_changes(connection) != 1)
    return llvm::createStringError(getPath() + ": expected a good trial to select, but got trial " +
                                   llvm::Twine(trial));
  return llvm::Error::success();
}

llvm::Error Database::revalidate(int64_t trial, llvm::StringRef toolchain, llvm::StringRef artifactHash) {
  sqlite3 *connection = implementation->connection;
  if (llvm::Error error = addToolchain(getPath(), connection, toolchain))
    return error;
  if (llvm::Error error = Statement(getPath(), connection, insertRevalidation)
                              .bind(trial)
                              .bind(toolchain)
                              .bind(artifactHash)
                              .bind(nowMs())
                              .run())
    return error;
  if (sqlite3_changes(connection) != 1)
    return llvm::createStringError(getPath() + ": expected a trial to revalidate, but got trial " + llvm::Twine(trial));
  return llvm::Error::success();
}

llvm::Error Database::setCalibration(llvm::StringRef device, llvm::StringRef text) {
  sqlite3 *connection = implementation->connection;
  if (llvm::Error error =
          Statement(getPath(), connection, insertCalibration).bind(nowMs()).bind(device).bind(text).run())
    return error;
  if (sqlite3_changes(connection) != 1)
    return llvm::createStringError(getPath() + ": expected device '" + device +
                                   "' to be added before its calibration, but it is unknown");
  return llvm::Error::success();
}

llvm::Error Database::setLearnedModel(llvm::StringRef family, llvm::StringRef deviceClass, const LearnedModel &model) {
  return Statement(getPath(), implementation->connection, insertLearnedModel)
      .bind(nowMs())
      .bind(family)
      .bind(deviceClass)
      .bind(model.text)
      .bind(model.trials)
      .run();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral underConditions =
    "WHERE workload.key = ? AND device.key = ? AND trial.target = ? AND space.hash = ? AND trial.threads = ?"
    " AND trial.sizes = ? ";

static void bindConditions(Statement &statement, const Conditions &conditions) {
  statement.bind(conditions.workload)
      .bind(conditions.device)
      .bind(conditions.target)
      .bind(conditions.space)
      .bind(int64_t(conditions.threads))
      .bind(conditions.sizes);
}

llvm::Expected<std::vector<Trial>> Database::history(const Conditions &conditions) const {
  Statement statement(getPath(), implementation->connection,
                      (llvm::Twine(selectTrials) + underConditions + "ORDER BY trial.id").str());
  bindConditions(statement, conditions);
  std::vector<Trial> trials;
  if (llvm::Error error = statement.forEachRow([&] {
        trials.push_back(readTrial(statement));
        return llvm::Error::success();
      }))
    return std::move(error);
  return trials;
}

llvm::Expected<std::optional<Trial>> Database::selected(const Conditions &conditions) const {
  Statement statement(getPath(), implementation->connection,
                      (llvm::Twine(selectTrials) + "JOIN selection ON selection.trial = trial.id " + underConditions +
                       "ORDER BY selection.id DESC LIMIT 1")
                          .str());
  bindConditions(statement, conditions);
  llvm::Expected<bool> row = statement.step();
  if (!row)
    return row.takeError();
  return *row ? std::optional<Trial>(readTrial(statement)) : std::nullopt;
}

llvm::Expected<std::optional<std::string>> Database::calibration(llvm::StringRef device) const {
  Statement statement(getPath(), implementation->connection,
                      "SELECT calibration.text FROM calibration JOIN device ON device.id = calibration.device"
                      " WHERE device.key = ? ORDER BY calibration.id DESC LIMIT 1");
  llvm::Expected<bool> row = statement.bind(device).step();
  if (!row)
    return row.takeError();
  return *row ? std::optional<std::string>(statement.text(0)) : std::nullopt;
}

llvm::Expected<std::optional<LearnedModel>> Database::learnedModel(llvm::StringRef family,
                                                                   llvm::StringRef deviceClass) const {
  Statement statement(getPath(), implementation->connection,
                      "SELECT text, trials FROM learned_model WHERE family = ? AND device_class = ?"
                      " ORDER BY id DESC LIMIT 1");
  llvm::Expected<bool> row = statement.bind(family).bind(deviceClass).step();
  if (!row)
    return row.takeError();
  return *row ? std::optional<LearnedModel>({statement.text(0), statement.integer(1)}) : std::nullopt;
}
