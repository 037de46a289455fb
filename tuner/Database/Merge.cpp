// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One database from many, or from what is worth keeping of one. Rows are ordered by what they say, never by where they
// come from.
//
#include "Implementation.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SHA256.h"

#include <array>
#include <map>
#include <set>
#include <tuple>

using namespace tegula::tuner;

namespace {
using Hash = std::array<uint8_t, 32>;

/// A trial and where it is.
struct TrialRow {
  int64_t createdMs;
  Hash hash;
  size_t input;
  int64_t id;
  bool operator<(const TrialRow &other) const {
    return std::tie(createdMs, hash, input, id) < std::tie(other.createdMs, other.hash, other.input, other.id);
  }
};

/// A table of what was later said of a trial: what reads its rows (trial, time, texts), and what writes one (trial,
/// texts, time). The newest row stands.
struct NoteTable {
  const char *read, *write;
  std::set<std::tuple<int64_t, Hash, std::vector<std::string>>> rows = {};
};

/// A table of things with a key. `meaning` is what a key stands for in every database; `remark` only describes it and
/// may differ between versions of the program: the smallest is kept. Null where the table has no such column.
struct KeyedTable {
  const char *name, *key, *meaning, *remark;
  std::map<std::string, std::pair<std::string, std::string>> rows = {};

  std::string columns() const {
    std::string text = key;
    for (const char *column : {meaning, remark})
      if (column)
        text += std::string(", ") + column;
    return text;
  }
};

/// A table to which rows are only appended and to which no other refers: what reads its rows, the time first, and what
/// writes one. The newest row of a subject stands, so rows are kept in the order of their time, then of what they say.
struct LogTable {
  const char *read, *write;
  std::set<std::pair<int64_t, std::vector<std::string>>> rows = {};
};

/// An open file.
struct File {
  std::string path;
  sqlite3 *connection;
};

class Merger {
public:
  /// The connection stays open until all is written, within one transaction, in which `narrowing` is executed first.
  llvm::Error read(const File &input, const std::string &narrowing);
  llvm::Error write(const File &output);

private:
  llvm::Error readTable(const File &input, KeyedTable &table);
  llvm::Error readLog(const File &input, LogTable &log);
  llvm::Error readTrials(const File &input);
  llvm::Error writeTable(const File &output, const KeyedTable &table);
  llvm::Error writeLog(const File &output, const LogTable &log);
  llvm::Error writeTrials(const File &output);
  llvm::Error writeNotes(const File &output, const NoteTable &notes);

  std::vector<File> inputs;
  KeyedTable tables[4] = {{"device", "key", "class", "description"},
                          {"toolchain", "version", nullptr, nullptr},
                          {"space", "hash", "text", nullptr},
                          {"workload", "key", "signature", "family"}};
  LogTable logs[2] = {{"SELECT calibration.created_ms, device.key, calibration.text FROM calibration"
                       " JOIN device ON device.id = calibration.device",
                       insertCalibration},
                      {"SELECT created_ms, family, device_class, text, trials FROM learned_model", insertLearnedModel}};
  std::vector<TrialRow> trials;
  NoteTable notes[2] = {
      {"SELECT trial, created_ms, reason FROM selection", insertSelection},
      {"SELECT revalidation.trial, revalidation.created_ms, toolchain.version, revalidation.artifact FROM revalidation"
       " JOIN toolchain ON toolchain.id = revalidation.toolchain",
       insertRevalidation}};
  /// The trials of which something was said, and their numbers in the output.
  std::map<Hash, int64_t> noted;
};
} // namespace

/// Of everything that the trial says; lengths keep neighboring texts apart.
static Hash hashTrial(const Trial &trial) {
  llvm::SHA256 hasher;
  auto addNumber = [&](uint64_t number) {
    std::array<uint8_t, 8> bytes;
    llvm::support::endian::write64le(bytes.data(), number);
    hasher.update(bytes);
  };
  auto addText = [&](llvm::StringRef text) {
    addNumber(text.size());
    hasher.update(text);
  };
  const Conditions &conditions = trial.conditions;
  for (llvm::StringRef text :
       {llvm::StringRef(conditions.workload), llvm::StringRef(conditions.device), llvm::StringRef(conditions.target),
        llvm::StringRef(conditions.space), llvm::StringRef(conditions.sizes), llvm::StringRef(trial.toolchain),
        llvm::StringRef(trial.configuration), llvm::StringRef(trial.schedule), statusText(trial.status),
        llvm::StringRef(trial.detail), llvm::StringRef(trial.artifactHash)})
    addText(text);
  addNumber(conditions.threads);
  addNumber(trial.seed);
  addNumber(uint64_t(trial.createdMs));
  addNumber(trial.samplesNs.size());
  for (double sample : trial.samplesNs)
    addNumber(llvm::bit_cast<uint64_t>(sample));
  return hasher.final();
}

llvm::Error Merger::read(const File &input, const std::string &narrowing) {
  // All that follows sees the file as it is now, whoever writes to it.
  if (llvm::Error error = execute(input.path, input.connection, ("BEGIN;" + narrowing).c_str()))
    return error;
  inputs.push_back(input);
  for (KeyedTable &table : tables)
    if (llvm::Error error = readTable(input, table))
      return error;
  for (LogTable &log : logs)
    if (llvm::Error error = readLog(input, log))
      return error;
  return readTrials(input);
}

llvm::Error Merger::readTable(const File &input, KeyedTable &table) {
  Statement statement(input.path, input.connection, "SELECT " + table.columns() + " FROM " + table.name);
  return statement.forEachRow([&]() -> llvm::Error {
    std::string given = table.meaning ? statement.text(1) : "", described = table.remark ? statement.text(2) : "";
    auto [row, isNew] = table.rows.try_emplace(statement.text(0), given, described);
    auto &[meaning, remark] = row->second;
    if (meaning != given)
      return llvm::createStringError(llvm::Twine(input.path) + ": expected the " + table.meaning + " of " + table.name +
                                     " '" + row->first + "' to be '" + meaning + "' as in another database, but got '" +
                                     given + "'");
    remark = std::min(remark, described);
    return llvm::Error::success();
  });
}

llvm::Error Merger::readLog(const File &input, LogTable &log) {
  Statement statement(input.path, input.connection, log.read);
  return statement.forEachRow([&] {
    log.rows.insert({statement.integer(0), statement.texts(1)});
    return llvm::Error::success();
  });
}

llvm::Error Merger::writeLog(const File &output, const LogTable &log) {
  Statement statement(output.path, output.connection, log.write);
  for (const auto &[createdMs, texts] : log.rows) {
    statement.reset().bind(createdMs);
    for (const std::string &text : texts)
      statement.bind(text);
    if (llvm::Error error = statement.run())
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Merger::readTrials(const File &input) {
  struct Note {
    NoteTable *table;
    int64_t createdMs;
    std::vector<std::string> texts;
  };
  std::multimap<int64_t, Note> said; // by trial
  for (NoteTable &table : notes) {
    Statement note(input.path, input.connection, table.read);
    if (llvm::Error error = note.forEachRow([&] {
          said.insert({note.integer(0), {&table, note.integer(1), note.texts(2)}});
          return llvm::Error::success();
        }))
      return error;
  }
  Statement trial(input.path, input.connection, selectTrials);
  return trial.forEachRow([&] {
    Trial row = readTrial(trial);
    Hash hash = hashTrial(row);
    trials.push_back({row.createdMs, hash, inputs.size() - 1, row.id});
    for (auto [own, end] = said.equal_range(row.id); own != end; ++own) {
      own->second.table->rows.insert({own->second.createdMs, hash, std::move(own->second.texts)});
      noted.try_emplace(hash);
    }
    return llvm::Error::success();
  });
}

llvm::Error Merger::write(const File &output) {
  if (llvm::Error error = execute(output.path, output.connection, "BEGIN"))
    return error;
  for (const KeyedTable &table : tables)
    if (llvm::Error error = writeTable(output, table))
      return error;
  for (const LogTable &log : logs)
    if (llvm::Error error = writeLog(output, log))
      return error;
  if (llvm::Error error = writeTrials(output))
    return error;
  for (const NoteTable &table : notes)
    if (llvm::Error error = writeNotes(output, table))
      return error;
  return execute(output.path, output.connection, "COMMIT");
}

llvm::Error Merger::writeTable(const File &output, const KeyedTable &table) {
  std::string places = std::string("?") + (table.meaning ? ", ?" : "") + (table.remark ? ", ?" : "");
  Statement statement(output.path, output.connection,
                      std::string("INSERT INTO ") + table.name + "(" + table.columns() + ") VALUES(" + places + ")");
  for (const auto &[key, texts] : table.rows) {
    statement.reset().bind(key);
    if (table.meaning)
      statement.bind(texts.first);
    if (table.remark)
      statement.bind(texts.second);
    if (llvm::Error error = statement.run())
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Merger::writeTrials(const File &output) {
  llvm::sort(trials);
  std::vector<std::unique_ptr<Statement>> sources;
  for (const File &input : inputs)
    sources.push_back(
        std::make_unique<Statement>(input.path, input.connection, std::string(selectTrials) + "WHERE trial.id = ?"));
  Statement statement(output.path, output.connection, insertTrial);
  const TrialRow *last = nullptr;
  for (const TrialRow &row : trials) {
    bool isKnown = last && last->hash == row.hash;
    last = &row;
    if (isKnown)
      continue;
    Statement &source = sources[row.input]->reset().bind(row.id);
    llvm::Expected<bool> found = source.step();
    if (!found)
      return found.takeError();
    if (llvm::Error error = bindTrial(statement.reset(), readTrial(source), row.createdMs).run())
      return error;
    if (auto own = noted.find(row.hash); own != noted.end())
      own->second = sqlite3_last_insert_rowid(output.connection);
  }
  return llvm::Error::success();
}

llvm::Error Merger::writeNotes(const File &output, const NoteTable &table) {
  Statement statement(output.path, output.connection, table.write);
  for (const auto &[createdMs, trial, texts] : table.rows) {
    statement.reset().bind(noted.at(trial));
    for (const std::string &text : texts)
      statement.bind(text);
    if (llvm::Error error = statement.bind(createdMs).run())
      return error;
  }
  return llvm::Error::success();
}

llvm::Error Database::writeNew(llvm::StringRef output, llvm::function_ref<llvm::Error(sqlite3 *)> fill) {
  if (llvm::sys::fs::exists(output))
    return llvm::createStringError(output + ": expected the name of a new file, but there is one");
  // By a temporary name, then renamed: a failure leaves nothing half-written.
  llvm::Expected<llvm::sys::fs::TempFile> file = llvm::sys::fs::TempFile::create(output + ".%%%%%%");
  if (!file)
    return llvm::createStringError(output + ": " + llvm::toString(file.takeError()));
  auto write = [&]() -> llvm::Error {
    Implementation written;
    int code = sqlite3_open_v2(file->TmpName.c_str(), &written.connection,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK)
      return sqliteError(output, written.connection, code);
    // The file is new and nobody else knows it: it needs no journal. Its layout is not left to the defaults of a build.
    if (llvm::Error error = execute(output, written.connection,
                                    "PRAGMA page_size = 4096; PRAGMA encoding = 'UTF-8'; PRAGMA auto_vacuum = NONE;"
                                    " PRAGMA journal_mode = OFF; PRAGMA foreign_keys = ON"))
      return error;
    if (llvm::Error error = prepareSchema(output, written.connection, /*write=*/true).takeError())
      return error;
    return fill(written.connection);
  };
  if (llvm::Error error = write()) {
    llvm::consumeError(file->discard());
    return error;
  }
  return file->keep(output);
}

/// Temporary views in the place of the tables, which hold what collectGarbage() keeps. The file itself is not written.
static std::string narrowingText(std::optional<uint64_t> best) {
  std::string conditions = "workload, device, space, target, threads, sizes";
  // A lookup takes no schedule that ever failed, and tells versions of the compiler apart.
  std::string trials = !best ? "SELECT id FROM main.trial"
                             : "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY toolchain, " + conditions +
                                   " ORDER BY median_ns, id) AS place FROM main.trial AS good WHERE status = 'ok'"
                                   " AND NOT EXISTS (SELECT 1 FROM main.trial AS bad WHERE bad.status <> 'ok'"
                                   " AND bad.workload = good.workload AND bad.device = good.device"
                                   " AND bad.target = good.target AND bad.schedule = good.schedule)) WHERE place <= " +
                                   std::to_string(*best) +
                                   " UNION SELECT min(id) FROM main.trial WHERE status <> 'ok' GROUP BY " + conditions +
                                   ", configuration, schedule UNION SELECT trial FROM main.selection UNION SELECT "
                                   "trial FROM main.revalidation";
  std::string text;
  // Tables of numbers first: a view that is asked for one row after another must not find out each time what it holds.
  auto narrow = [&](const std::string &table, const std::string &kept) {
    text += "CREATE TEMP TABLE kept_" + table + "(id INTEGER PRIMARY KEY); INSERT INTO kept_" + table + " " + kept +
            "; CREATE TEMP VIEW " + table + " AS SELECT * FROM main." + table + " WHERE id IN kept_" + table + ";";
  };
  narrow("trial", trials);
  narrow("calibration", "SELECT max(id) FROM main.calibration GROUP BY device");
  narrow("learned_model", "SELECT max(id) FROM main.learned_model GROUP BY family, device_class");
  narrow("workload", "SELECT DISTINCT workload FROM trial");
  narrow("space", "SELECT DISTINCT space FROM trial");
  narrow("device", "SELECT device FROM trial UNION SELECT device FROM calibration");
  narrow("toolchain", "SELECT toolchain FROM trial UNION SELECT toolchain FROM revalidation");
  return text;
}

llvm::Error Database::mergeNarrowed(llvm::ArrayRef<std::string> inputs, const std::string &narrowing,
                                    llvm::StringRef output) {
  return writeNew(output, [&](sqlite3 *connection) -> llvm::Error {
    std::vector<std::unique_ptr<Database>> databases;
    Merger merger;
    for (const std::string &path : inputs) {
      llvm::Expected<std::unique_ptr<Database>> database = open(path, Mode::Read);
      if (!database)
        return database.takeError();
      llvm::Expected<std::vector<std::string>> problems = (*database)->verify();
      if (!problems)
        return problems.takeError();
      if (!problems->empty())
        return llvm::createStringError(path + ": " + problems->front());
      if (llvm::Error error = merger.read({path, (*database)->implementation->connection}, narrowing))
        return error;
      databases.push_back(std::move(*database));
    }
    return merger.write({output.str(), connection});
  });
}

llvm::Error Database::merge(llvm::ArrayRef<std::string> inputs, llvm::StringRef output) {
  return mergeNarrowed(inputs, "", output);
}

llvm::Error Database::collectGarbage(const std::string &input, std::optional<uint64_t> best, llvm::StringRef output) {
  return mergeNarrowed(input, narrowingText(best), output);
}
