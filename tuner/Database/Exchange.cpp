// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A database as lines of JSON and back. Tables stand in an order in which a row refers only to rows before it; trials
// are numbered from 1 without gaps, so that inserting them in order gives them their numbers back.
//
#include "Implementation.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace tegula::tuner;

namespace {
/// A table whose rows are texts and numbers: what reads a row, and what writes one, its parameters the columns in
/// order.
struct PlainTable {
  const char *record, *read, *write;
  /// The columns; a number's name ends with "#", which is no part of it.
  std::vector<llvm::StringRef> columns;
};
} // namespace

/// What stands before the trials, and behind them.
static std::vector<PlainTable> tablesBefore() {
  return {{"device",
           "SELECT key, class, description FROM device ORDER BY id",
           "INSERT INTO device(key, class, description) VALUES(?, ?, ?)",
           {"key", "class", "description"}},
          {"toolchain",
           "SELECT version FROM toolchain ORDER BY id",
           "INSERT INTO toolchain(version) VALUES(?)",
           {"version"}},
          {"space",
           "SELECT hash, text FROM space ORDER BY id",
           "INSERT INTO space(hash, text) VALUES(?, ?)",
           {"hash", "text"}},
          {"workload",
           "SELECT key, family, signature FROM workload ORDER BY id",
           "INSERT INTO workload(key, family, signature) VALUES(?, ?, ?)",
           {"key", "family", "signature"}},
          {"calibration",
           "SELECT calibration.created_ms, device.key, calibration.text FROM calibration"
           " JOIN device ON device.id = calibration.device ORDER BY calibration.id",
           insertCalibration,
           {"created_ms#", "device", "text"}},
          {"learned_model",
           "SELECT created_ms, family, device_class, text, trials FROM learned_model ORDER BY id",
           insertLearnedModel,
           {"created_ms#", "family", "device_class", "text", "trials#"}}};
}

static std::vector<PlainTable> tablesBehind() {
  return {{"selection",
           "SELECT trial, reason, created_ms FROM selection ORDER BY id",
           insertSelection,
           {"trial#", "reason", "created_ms#"}},
          {"revalidation",
           "SELECT revalidation.trial, toolchain.version, revalidation.artifact,"
           " revalidation.created_ms FROM revalidation JOIN toolchain ON toolchain.id ="
           " revalidation.toolchain ORDER BY revalidation.id",
           insertRevalidation,
           {"trial#", "toolchain", "artifact", "created_ms#"}}};
}

static void exportTrial(llvm::raw_ostream &stream, const Statement &statement) {
  Trial trial = readTrial(statement);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("schema", 1);
    json.attribute("record", "trial");
    json.attribute("trial", trial.id);
    json.attribute("key", trial.conditions.workload);
    json.attribute("family", statement.text(16));
    json.attribute("signature", statement.text(17));
    json.attribute("device", trial.conditions.device);
    json.attribute("device_class", statement.text(18));
    json.attribute("toolchain", trial.toolchain);
    json.attribute("target", trial.conditions.target);
    json.attribute("threads", trial.conditions.threads);
    json.attribute("sizes", trial.conditions.sizes);
    json.attribute("space", trial.conditions.space);
    json.attribute("configuration", trial.configuration);
    json.attribute("schedule", trial.schedule);
    json.attribute("status", statement.text(10));
    if (trial.status == TrialStatus::Ok)
      json.attribute("median_ns", trial.medianNs());
    else
      json.attribute("median_ns", nullptr);
    json.attributeArray("samples_ns", [&] {
      for (double sample : trial.samplesNs)
        json.value(sample);
    });
    json.attribute("detail", llvm::json::fixUTF8(trial.detail));
    json.attribute("artifact", trial.artifactHash);
    json.attribute("seed", std::to_string(trial.seed));
    json.attribute("created_ms", trial.createdMs);
  });
  stream << "\n";
}

llvm::Error Database::exportJsonLines(llvm::raw_ostream &stream) const {
  auto exportTables = [&](llvm::ArrayRef<PlainTable> tables) -> llvm::Error {
    for (const PlainTable &table : tables) {
      Statement statement(getPath(), implementation->connection, table.read);
      if (llvm::Error error = statement.forEachRow([&] {
            llvm::json::OStream json(stream);
            json.object([&] {
              json.attribute("schema", 1);
              json.attribute("record", table.record);
              for (size_t column = 0; column < table.columns.size(); ++column)
                if (llvm::StringRef name = table.columns[column]; name.consume_back("#"))
                  json.attribute(name, statement.integer(column));
                else
                  json.attribute(name, llvm::json::fixUTF8(statement.text(column)));
            });
            stream << "\n";
            return llvm::Error::success();
          }))
        return error;
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = exportTables(tablesBefore()))
    return error;
  Statement statement(getPath(), implementation->connection, std::string(selectTrials) + "ORDER BY trial.id");
  if (llvm::Error error = statement.forEachRow([&] {
        exportTrial(stream, statement);
        return llvm::Error::success();
      }))
    return error;
  return exportTables(tablesBehind());
}

//===----------------------------------------------------------------------===//
// Import
//===----------------------------------------------------------------------===//

namespace {
/// Reads the members of one line; the first that is missing or of another type is kept.
class Line {
public:
  explicit Line(const llvm::json::Object &object) : object(object) {}

  std::string text(llvm::StringRef name) {
    std::optional<llvm::StringRef> value = object.getString(name);
    return value ? value->str() : (miss(name, "a text"), "");
  }
  int64_t number(llvm::StringRef name) {
    std::optional<int64_t> value = object.getInteger(name);
    return value ? *value : (miss(name, "a whole number"), 0);
  }
  std::vector<double> numbers(llvm::StringRef name) {
    std::vector<double> values;
    const llvm::json::Array *array = object.getArray(name);
    if (!array)
      miss(name, "a list of numbers");
    else
      for (const llvm::json::Value &element : *array)
        if (std::optional<double> value = element.getAsNumber())
          values.push_back(*value);
        else
          miss(name, "a list of numbers");
    return values;
  }
  void miss(llvm::StringRef name, llvm::StringRef expected) {
    if (problem.empty())
      problem = ("expected '" + name + "' to be " + expected).str();
  }

  std::string problem;

private:
  const llvm::json::Object &object;
};
} // namespace

static Trial readTrial(Line &line) {
  Trial trial;
  trial.id = line.number("trial");
  trial.conditions = {line.text("key"),  line.text("device"), line.text("target"), line.text("space"), 1,
                      line.text("sizes")};
  trial.conditions.threads = static_cast<unsigned>(line.number("threads"));
  trial.toolchain = line.text("toolchain");
  trial.configuration = line.text("configuration");
  trial.schedule = line.text("schedule");
  std::optional<TrialStatus> status = parseStatus(line.text("status"));
  trial.status = status.value_or(TrialStatus::LoadError);
  trial.samplesNs = line.numbers("samples_ns");
  trial.detail = line.text("detail");
  trial.artifactHash = line.text("artifact");
  if (llvm::StringRef(line.text("seed")).getAsInteger(10, trial.seed))
    line.miss("seed", "a whole number as text");
  trial.createdMs = line.number("created_ms");
  if (!status)
    line.miss("status", "a known status");
  else if (trial.samplesNs.empty() == (*status == TrialStatus::Ok))
    line.miss("samples_ns", "given for a good trial and for no other");
  return trial;
}

static llvm::Error insertLine(llvm::StringRef path, sqlite3 *connection, llvm::ArrayRef<PlainTable> tables,
                              const llvm::json::Object &object) {
  Line line(object);
  std::string record = line.text("record");
  if (record == "trial") {
    Trial trial = readTrial(line);
    if (line.problem.empty()) {
      Statement statement(path, connection, insertTrial);
      if (llvm::Error error = bindTrial(statement, trial, trial.createdMs).run())
        return error;
      if (sqlite3_changes(connection) == 1 && sqlite3_last_insert_rowid(connection) != trial.id)
        line.miss("trial", "the number behind that of the trial before");
    }
  } else {
    auto table = llvm::find_if(tables, [&](const PlainTable &table) { return record == table.record; });
    if (table == tables.end())
      return llvm::createStringError("expected a record of a known kind, but got '" + record + "'");
    Statement statement(path, connection, table->write);
    for (llvm::StringRef name : table->columns)
      if (name.consume_back("#"))
        statement.bind(line.number(name));
      else
        statement.bind(line.text(name));
    if (line.problem.empty())
      if (llvm::Error error = statement.run())
        return error;
  }
  if (line.problem.empty() && sqlite3_changes(connection) != 1)
    return llvm::createStringError("expected what the " + record + " refers to in a line before it");
  return line.problem.empty() ? llvm::Error::success() : llvm::createStringError(line.problem);
}

llvm::Error Database::importJsonLines(llvm::StringRef input, llvm::StringRef output) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer = llvm::MemoryBuffer::getFile(input);
  if (!buffer)
    return llvm::createStringError(input + ": " + buffer.getError().message());
  return writeNew(output, [&](sqlite3 *connection) -> llvm::Error {
    if (llvm::Error error = execute(output, connection, "BEGIN"))
      return error;
    std::vector<PlainTable> tables = tablesBefore();
    for (PlainTable &table : tablesBehind())
      tables.push_back(std::move(table));
    llvm::StringRef rest = (*buffer)->getBuffer();
    for (int64_t number = 1; !rest.empty(); ++number) {
      auto [text, behind] = rest.split('\n');
      rest = behind;
      llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
      llvm::Error error = value ? llvm::Error::success() : value.takeError();
      if (!error)
        error = value->getAsObject() ? insertLine(output, connection, tables, *value->getAsObject())
                                     : llvm::createStringError("expected an object");
      if (error)
        return llvm::createStringError(input + ":" + llvm::Twine(number) + ": " + llvm::toString(std::move(error)));
    }
    return execute(output, connection, "COMMIT");
  });
}
