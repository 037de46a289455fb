// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Database/Database.h"

#include "DatabaseFixtures.h"

#include "tegula/Kernel/KernelSignature.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <thread>

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

TEST(Database, KeepsTrialsAcrossProcessesAndReadsThemBack) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  {
    std::unique_ptr<Database> database = openForWriting(path);
    ASSERT_TRUE(database);
    EXPECT_EQ(valueOf(database->record(goodTrial("#sched.a", 100))), 1);
    EXPECT_EQ(valueOf(database->record(failedTrial(TrialStatus::Crash))), 2);
  }
  std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::Read));
  ASSERT_TRUE(database);
  std::vector<Trial> trials = valueOf(database->history({"k1", here.key, "x86-64-v4", "s1", 1, ""}));
  ASSERT_EQ(trials.size(), 2u);
  EXPECT_EQ(trials[0].id, 1);
  EXPECT_EQ(trials[0].schedule, "#sched.a");
  EXPECT_EQ(trials[0].status, TrialStatus::Ok);
  EXPECT_EQ(trials[0].samplesNs, (std::vector<double>{102, 99, 100, 101, 98}));
  EXPECT_EQ(trials[0].medianNs(), 100);
  EXPECT_EQ(trials[0].seed, 0xffffffffffffffffull);
  EXPECT_EQ(trials[0].toolchain, "tegula 0.1.0");
  EXPECT_EQ(trials[0].artifactHash, "c0de");
  EXPECT_GT(trials[0].createdMs, 1600000000000);
  EXPECT_EQ(trials[1].status, TrialStatus::Crash);
  EXPECT_EQ(trials[1].detail, "signal 11");
  EXPECT_TRUE(trials[1].samplesNs.empty());
  // Other conditions are other experiments.
  EXPECT_TRUE(valueOf(database->history({"k1", here.key, "x86-64-v4", "s1", 2, ""})).empty());
  EXPECT_TRUE(valueOf(database->history({"k1", here.key, "x86-64-v4", "s1", 1, "[[8,8]]"})).empty());
  EXPECT_TRUE(valueOf(database->history({"k1", other.key, "x86-64-v4", "s1", 1, ""})).empty());
}

TEST(Database, EveryStatusRoundTrips) {
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("lab.db"));
  ASSERT_TRUE(database);
  std::vector<TrialStatus> statuses = {
      TrialStatus::CompileError, TrialStatus::LoadError,   TrialStatus::Crash,       TrialStatus::Hang,
      TrialStatus::RuntimeError, TrialStatus::WrongResult, TrialStatus::OutOfBounds, TrialStatus::NonDeterministic};
  for (TrialStatus status : statuses)
    valueOf(database->record(failedTrial(status)));
  std::vector<Trial> trials = valueOf(database->history(failedTrial(TrialStatus::Hang).conditions));
  ASSERT_EQ(trials.size(), statuses.size());
  for (size_t index = 0; index < statuses.size(); ++index)
    EXPECT_EQ(trials[index].status, statuses[index]);
  EXPECT_EQ(statusText(TrialStatus::WrongResult), "wrong_result");
  EXPECT_EQ(parseStatus("fine"), std::nullopt);
}

TEST(Database, TheNewestCalibrationOfADeviceStands) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database = openForWriting(path);
  ASSERT_TRUE(database);
  EXPECT_EQ(valueOf(database->calibration(here.key)), std::nullopt);
  EXPECT_EQ(message(database->setCalibration(here.key, "{\"peak\":1}")), "");
  EXPECT_EQ(message(database->setCalibration(twin.key, "{\"peak\":2}")), "");
  EXPECT_EQ(message(database->setCalibration(here.key, "{\"peak\":3}")), "");
  EXPECT_EQ(valueOf(database->calibration(here.key)), "{\"peak\":3}");
  EXPECT_EQ(valueOf(database->calibration(twin.key)), "{\"peak\":2}");
  EXPECT_EQ(valueOf(database->calibration(other.key)), std::nullopt);
  EXPECT_EQ(message(database->setCalibration("nobody", "{}")),
            path + ": expected device 'nobody' to be added before its calibration, but it is unknown");
}

TEST(Database, TheNewestLearnedModelOfAFamilyAndClassStands) {
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("lab.db"));
  ASSERT_TRUE(database);
  EXPECT_FALSE(valueOf(database->learnedModel("matmul", "cpu-a")));
  for (int64_t trials : {10, 20})
    EXPECT_EQ(message(database->setLearnedModel("matmul", "cpu-a", {"trees " + std::to_string(trials), trials})), "");
  EXPECT_EQ(message(database->setLearnedModel("map", "cpu-a", {"others", 30})), "");
  std::optional<LearnedModel> model = valueOf(database->learnedModel("matmul", "cpu-a"));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->text, "trees 20");
  EXPECT_EQ(model->trials, 20);
  EXPECT_FALSE(valueOf(database->learnedModel("matmul", "cpu-b")));
}

TEST(Database, BestPrefersTheSelectionThenThisDeviceThenItsClass) {
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("lab.db"));
  ASSERT_TRUE(database);
  auto best = [&](const Device &device) { return valueOf(database->best({"k1", device, "x86-64-v4"})); };
  EXPECT_FALSE(best(here));
  valueOf(database->record(failedTrial(TrialStatus::WrongResult)));
  EXPECT_FALSE(best(here));

  valueOf(database->record(goodTrial("#sched.twin", 50, twin)));
  ASSERT_TRUE(best(here));
  EXPECT_EQ(best(here)->trial.schedule, "#sched.twin");
  EXPECT_EQ(best(here)->rung, Rung::SameClass);
  EXPECT_FALSE(best(other));

  valueOf(database->record(goodTrial("#sched.slow", 90)));
  int64_t slower = valueOf(database->record(goodTrial("#sched.slower", 91)));
  EXPECT_EQ(best(here)->trial.schedule, "#sched.slow");
  EXPECT_EQ(best(here)->rung, Rung::Exact);
  EXPECT_EQ(best(here)->reason, "");

  EXPECT_EQ(message(database->select(slower, "default within the noise")), "");
  EXPECT_EQ(best(here)->trial.schedule, "#sched.slower");
  EXPECT_EQ(best(here)->reason, "default within the noise");
  EXPECT_FALSE(valueOf(database->best({"k1", here, "x86-64-v3"})));
  EXPECT_FALSE(valueOf(database->best({"k1", here, "x86-64-v4", 2})));
}

TEST(Database, AScheduleThatEverFailedIsNotTheFastest) {
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("lab.db"));
  ASSERT_TRUE(database);
  valueOf(database->record(goodTrial("#sched.bad", 10)));
  valueOf(database->record(goodTrial("#sched.good", 20)));
  EXPECT_EQ(valueOf(database->best({"k1", here, "x86-64-v4"}))->trial.schedule, "#sched.bad");
  valueOf(database->record(failedTrial(TrialStatus::WrongResult)));
  EXPECT_EQ(valueOf(database->best({"k1", here, "x86-64-v4"}))->trial.schedule, "#sched.good");
}

TEST(Database, RefusesTrialsThatCannotBeTrue) {
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("lab.db"));
  ASSERT_TRUE(database);
  Trial noSamples = goodTrial("#sched.a", 1);
  noSamples.samplesNs.clear();
  EXPECT_NE(message(database->record(noSamples)).find("expected samples of a good trial"), std::string::npos);
  Trial timedFailure = goodTrial("#sched.a", 1);
  timedFailure.status = TrialStatus::WrongResult;
  EXPECT_NE(message(database->record(timedFailure)).find("with status wrong_result"), std::string::npos);
  Trial unknown = goodTrial("#sched.a", 1);
  unknown.conditions.workload = "nowhere";
  EXPECT_NE(message(database->record(unknown)).find("workload 'nowhere'"), std::string::npos);
  int64_t failed = valueOf(database->record(failedTrial(TrialStatus::Crash)));
  EXPECT_NE(message(database->select(failed, "")).find("expected a good trial to select, but got trial 1"),
            std::string::npos);
  EXPECT_EQ(valueOf(database->statistics()).trials, 1);
}

TEST(Database, StatisticsListAndExport) {
  TemporaryFolder folder;
  std::unique_ptr<Database> database = openForWriting(folder.file("lab.db"));
  ASSERT_TRUE(database);
  valueOf(database->record(goodTrial("#sched.a", 100)));
  int64_t chosen = valueOf(database->record(goodTrial("#sched.b<x = \"y\">", 101)));
  valueOf(database->record(goodTrial("#sched.c", 120)));
  valueOf(database->record(failedTrial(TrialStatus::Hang)));
  EXPECT_EQ(message(database->select(chosen, "tie")), "");

  DatabaseStatistics statistics = valueOf(database->statistics());
  EXPECT_EQ(statistics.kernels, 2);
  EXPECT_EQ(statistics.trials, 4);
  EXPECT_EQ(statistics.failures, 1);
  EXPECT_EQ(statistics.devices, 3);
  EXPECT_EQ(statistics.selections, 1);

  std::vector<WorkloadSummary> summaries = valueOf(database->list());
  ASSERT_EQ(summaries.size(), 2u);
  EXPECT_EQ(summaries[0].workload.key, "k2");
  EXPECT_EQ(summaries[0].trials, 0);
  EXPECT_EQ(summaries[0].bestNs, std::nullopt);
  EXPECT_EQ(summaries[1].trials, 4);
  EXPECT_EQ(summaries[1].failures, 1);
  EXPECT_EQ(summaries[1].bestNs, 100);
  EXPECT_EQ(summaries[1].bestSchedule, "#sched.a");

  std::string text;
  llvm::raw_string_ostream stream(text);
  EXPECT_EQ(message(database->exportJsonLines(stream)), "");
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
  llvm::erase_if(lines, [](llvm::StringRef line) { return !line.contains("\"record\":\"trial\""); });
  ASSERT_EQ(lines.size(), 4u);
  llvm::Expected<llvm::json::Value> last = llvm::json::parse(lines[3]);
  ASSERT_TRUE(static_cast<bool>(last));
  EXPECT_EQ(last->getAsObject()->getString("status"), "hang");
  EXPECT_EQ(last->getAsObject()->getInteger("schema"), 1);
  llvm::Expected<llvm::json::Value> second = llvm::json::parse(lines[1]);
  ASSERT_TRUE(static_cast<bool>(second));
  EXPECT_EQ(second->getAsObject()->getString("schedule"), "#sched.b<x = \"y\">");
  EXPECT_EQ(second->getAsObject()->getNumber("median_ns"), 101);
  EXPECT_EQ(second->getAsObject()->getArray("samples_ns")->size(), 5u);
  EXPECT_EQ(second->getAsObject()->getString("seed"), "18446744073709551615");

  text.clear();
  llvm::Expected<std::vector<LockRecord>> records = database->lockRecords();
  ASSERT_TRUE(static_cast<bool>(records));
  printLockFile(stream, *records);
  EXPECT_EQ(text, "// Schedules chosen by `tegula tune`; used by `tegula compile --lock`.\n"
                  "sched.record \"k1\" target \"x86-64-v4\" schedule #sched.b<x = \"y\"> {provenance = \"database\", "
                  "signature = \"matmul f32 [8,8]\"}\n");
}

TEST(Database, TrialsAndSelectionsAreAppendOnly) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database = openForWriting(path);
  ASSERT_TRUE(database);
  EXPECT_EQ(message(database->select(valueOf(database->record(goodTrial("#sched.a", 100))), "")), "");
  EXPECT_EQ(message(database->setCalibration(here.key, "{}")), "");
  EXPECT_EQ(message(database->setLearnedModel("matmul", "cpu-a", {"trees", 1})), "");
  sqlite3 *connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  for (const char *sql : {"UPDATE trial SET median_ns = 1", "DELETE FROM trial", "UPDATE selection SET reason = 'x'",
                          "DELETE FROM selection", "UPDATE calibration SET text = 'x'", "DELETE FROM calibration",
                          "UPDATE learned_model SET text = 'x'", "DELETE FROM learned_model"})
    EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_CONSTRAINT) << sql;
  sqlite3_close(connection);
}

TEST(Database, VerifyFindsBrokenInvariants) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  {
    std::unique_ptr<Database> database = openForWriting(path);
    ASSERT_TRUE(database);
    valueOf(database->record(goodTrial("#sched.a", 100)));
    EXPECT_EQ(message(database->select(valueOf(database->record(goodTrial("#sched.b", 90))), "")), "");
    EXPECT_TRUE(valueOf(database->verify()).empty());
  }
  tamper(path, "DROP TRIGGER trial_is_never_changed; UPDATE trial SET median_ns = 7 WHERE id = 1;"
               "UPDATE trial SET status = 'lost', median_ns = NULL, samples = NULL, workload = 99 WHERE id = 2");
  std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::Read));
  ASSERT_TRUE(database);
  std::vector<std::string> expected = {
      "trial 2: expected a row of workload, but it refers to none",
      "trial 1: expected the median of its samples, 100.000000 ns, but got 7.000000 ns",
      "trial 2: expected a known status, but got 'lost'",
      "selection 1: expected a good trial, but trial 2 has status lost",
      "selection 1: expected the conditions of trial 2, but got others",
  };
  EXPECT_EQ(valueOf(database->verify()), expected);
}

TEST(Database, VerifyReadsCalibrationsAndLearnedModels) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database = openForWriting(path);
  ASSERT_TRUE(database);
  for (const char *text : {"{\"peak\":1}", "[1]", "{\"peak\":", " {} "})
    EXPECT_EQ(message(database->setCalibration(here.key, text)), "");
  EXPECT_EQ(message(database->setLearnedModel("map", "cpu-a", {"trees", 0})), "");
  EXPECT_EQ(message(database->setLearnedModel("", "cpu-a", {"trees", 1})), "");
  std::vector<std::string> expected = {"calibration 2: expected a JSON object", "calibration 3: expected a JSON object",
                                       "learned_model 2: expected a family, but got ''"};
  EXPECT_EQ(valueOf(database->verify()), expected);
  // What the schema does not let in, SQLite's own check finds where a file has it nevertheless.
  tamper(path, "DROP TRIGGER learned_model_is_never_changed; PRAGMA ignore_check_constraints = ON;"
               "UPDATE learned_model SET trials = -1 WHERE id = 1");
  EXPECT_EQ(valueOf(database->verify()),
            std::vector<std::string>{"integrity: CHECK constraint failed in learned_model"});
}

TEST(Database, VerifyComparesKeysWithSignatures) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::string signature = "tegula-kernel 1; precision f32", key = tegula::getSignatureKey(signature);
  std::unique_ptr<Database> database = openForWriting(path);
  ASSERT_TRUE(database);
  EXPECT_EQ(message(database->addWorkload({key, "map", signature})), "");
  EXPECT_TRUE(valueOf(database->verify()).empty());
  EXPECT_EQ(message(database->addWorkload({"00", "map", signature})), "");
  EXPECT_EQ(valueOf(database->verify()),
            std::vector<std::string>{"workload 00: expected the key of its signature, '" + key + "'"});
}

TEST(Database, OpeningSaysWhatIsWrongWithTheFile) {
  TemporaryFolder folder;
  auto failure = [&](const std::string &path, Mode mode) { return message(Database::open(path, mode, 50)); };
  std::string missing = folder.file("missing.db");
  EXPECT_EQ(failure(missing, Mode::Read), missing + ": expected a database, but there is no such file");
  EXPECT_FALSE(llvm::sys::fs::exists(missing));

  std::string nowhere = folder.file("nowhere/lab.db");
  EXPECT_EQ(failure(nowhere, Mode::ReadWrite),
            nowhere + ": expected the folder '" + folder.file("nowhere") + "' to exist, but it does not");
  EXPECT_EQ(failure(folder.file(""), Mode::ReadWrite),
            folder.file("") + ": expected a database file, but got a folder");

  std::string text = folder.file("text.db");
  writeFile(text,
            "this is a diary, not a database, and it is longer than a header of one hundred bytes, which is where "
            "SQLite would look for its own name\n");
  for (Mode mode : {Mode::Read, Mode::ReadWrite})
    EXPECT_EQ(failure(text, mode), text + ": expected an SQLite database, but got another kind of file");

  std::string foreign = folder.file("foreign.db");
  tamper(foreign, "CREATE TABLE song(title TEXT)");
  for (Mode mode : {Mode::Read, Mode::ReadWrite})
    EXPECT_EQ(failure(foreign, mode),
              foreign + ": expected a Tegula tuning database, but got a database of another program");

  std::string empty = folder.file("empty.db");
  writeFile(empty, "");
  EXPECT_EQ(failure(empty, Mode::Read), empty + ": expected a Tegula tuning database, but got an empty file");
  EXPECT_EQ(failure(empty, Mode::ReadWrite), "");

  std::string newer = folder.file("newer.db");
  openForWriting(newer);
  tamper(newer, "PRAGMA user_version = 1000");
  for (Mode mode : {Mode::Read, Mode::ReadWrite})
    EXPECT_EQ(failure(newer, mode),
              newer + ": expected a database schema up to version 3, but got version 1000, written by a newer Tegula");
}

TEST(Database, ACorruptFileIsReportedAndNeverCrashes) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  {
    std::unique_ptr<Database> database = openForWriting(path);
    ASSERT_TRUE(database);
    for (int trial = 0; trial < 200; ++trial)
      valueOf(database->record(goodTrial("#sched.a", 100 + trial)));
  }
  std::string content;
  {
    std::ifstream file(path, std::ios::binary);
    content.assign(std::istreambuf_iterator<char>(file), {});
  }
  ASSERT_GT(content.size(), 40000u);
  // Every page in turn is overwritten, and at last the file cut short: opening or verifying must say so.
  auto isReported = [&](const std::string &broken) {
    std::string brokenPath = folder.file("broken.db");
    writeFile(brokenPath, broken);
    llvm::Expected<std::unique_ptr<Database>> opened = Database::open(brokenPath, Mode::Read);
    if (!opened)
      return message(opened.takeError()).find(brokenPath + ": ") == 0;
    llvm::Expected<std::vector<std::string>> problems = (*opened)->verify();
    if (!problems)
      return message(problems.takeError()).find(brokenPath + ": ") == 0;
    return !problems->empty();
  };
  EXPECT_FALSE(isReported(content));
  for (size_t page = 0; page * 4096 < content.size(); ++page) {
    std::string broken = content;
    for (size_t byte = page ? 0 : 100; byte < 4096; ++byte)
      broken[page * 4096 + byte] = static_cast<char>(byte * 7 + page);
    EXPECT_TRUE(isReported(broken)) << "page " << page;
  }
  EXPECT_TRUE(isReported(content.substr(0, content.size() / 2)));
}

TEST(Database, ReadingUndoesAWriteThatWasCutOff) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db"), killed = folder.file("killed.db");
  openForWriting(path);
  sqlite3 *writer = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &writer), SQLITE_OK);
  // More than the cache holds, so that pages of the open transaction are in the file.
  ASSERT_EQ(sqlite3_exec(writer,
                         "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN;"
                         "INSERT INTO device(key, class, description) SELECT value, 'c', hex(zeroblob(1000))"
                         " FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20]')",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  // What a killed process leaves: both files and no lock.
  ASSERT_FALSE(llvm::sys::fs::copy_file(path, killed));
  ASSERT_FALSE(llvm::sys::fs::copy_file(path + "-journal", killed + "-journal"));
  sqlite3_close(writer);
  std::unique_ptr<Database> database = valueOf(Database::open(killed, Mode::Read));
  ASSERT_TRUE(database);
  EXPECT_EQ(valueOf(database->statistics()).devices, 3);
  EXPECT_TRUE(valueOf(database->verify()).empty());
}

TEST(Database, ALockHeldForTooLongIsReportedAndAShortOneWaitedFor) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database = openForWriting(path);
  ASSERT_TRUE(database);
  unsigned waits = 0;
  std::unique_ptr<Database> impatient = valueOf(Database::open(path, Mode::ReadWrite, 1200, [&] { ++waits; }));
  ASSERT_TRUE(impatient);
  sqlite3 *holder = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &holder), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(holder, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  std::string expected = path + ": expected to lock the database, but another process holds its lock";
  EXPECT_EQ(message(impatient->record(goodTrial("#sched.a", 100))), expected);
  EXPECT_EQ(waits, 1u);
  EXPECT_EQ(message(Database::open(path, Mode::ReadWrite, 20)), expected);
  // A reader is not disturbed by a writer.
  EXPECT_EQ(message(Database::open(path, Mode::Read, 20)), "");

  std::thread release([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    sqlite3_exec(holder, "COMMIT", nullptr, nullptr, nullptr);
  });
  EXPECT_EQ(message(database->record(goodTrial("#sched.a", 100))), "");
  release.join();
  sqlite3_close(holder);
}

TEST(Database, ManyWritersCreateOneFileTogether) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 8; ++writer)
    writers.emplace_back([&] {
      std::unique_ptr<Database> database = openForWriting(path);
      ASSERT_TRUE(database);
      for (int trial = 0; trial < 10; ++trial)
        valueOf(database->record(goodTrial("#sched.a", 100 + trial)));
    });
  for (std::thread &writer : writers)
    writer.join();
  std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::Read));
  ASSERT_TRUE(database);
  EXPECT_EQ(valueOf(database->statistics()).trials, 80);
  EXPECT_TRUE(valueOf(database->verify()).empty());
}

/// Shards with trials of their own, one trial in common, and a choice each, the third's last.
std::vector<std::string> makeShards(const TemporaryFolder &folder) {
  std::vector<std::string> paths;
  for (int shard = 0; shard < 3; ++shard) {
    paths.push_back(folder.file("shard-" + std::to_string(shard)));
    std::unique_ptr<Database> database = openForWriting(paths.back());
    if (!database)
      return {};
    Trial common = goodTrial("#sched.common", 300);
    common.createdMs = 1000;
    valueOf(database->record(common));
    Trial failed = failedTrial(TrialStatus::Hang);
    failed.createdMs = 5000 - shard;
    valueOf(database->record(failed));
    Trial own = goodTrial("#sched.own" + std::to_string(shard), 100 + shard);
    own.createdMs = 2000 + shard % 2;
    EXPECT_EQ(message(database->select(valueOf(database->record(own)), "shard " + std::to_string(shard))), "");
    EXPECT_EQ(message(database->setCalibration(here.key, "{\"shard\":" + std::to_string(shard) + "}")), "");
    EXPECT_EQ(message(database->setLearnedModel("matmul", here.deviceClass, {"trees", shard})), "");
    // The next choice is of a later millisecond.
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return paths;
}

TEST(Merge, HoldsAllRowsOnceAndTheNewestSelectionStands) {
  TemporaryFolder folder;
  std::vector<std::string> shards = makeShards(folder);
  std::string path = folder.file("all.db");
  ASSERT_EQ(message(Database::merge(shards, path)), "");
  std::unique_ptr<Database> all = valueOf(Database::open(path, Mode::Read));
  ASSERT_TRUE(all);
  DatabaseStatistics statistics = valueOf(all->statistics());
  EXPECT_EQ(statistics.trials, 7);
  EXPECT_EQ(statistics.failures, 3);
  EXPECT_EQ(statistics.selections, 3);
  EXPECT_EQ(statistics.devices, 3);
  EXPECT_TRUE(valueOf(all->verify()).empty());
  std::optional<Best> best = valueOf(all->best({"k1", here, "x86-64-v4"}));
  ASSERT_TRUE(best);
  EXPECT_EQ(best->trial.schedule, "#sched.own2");
  EXPECT_EQ(best->reason, "shard 2");
  EXPECT_EQ(best->trial.samplesNs, goodTrial("", 102).samplesNs);
  EXPECT_EQ(best->trial.seed, 0xffffffffffffffffull);
  EXPECT_EQ(best->trial.artifactHash, "c0de");
  EXPECT_EQ(valueOf(all->calibration(here.key)), "{\"shard\":2}");
  EXPECT_EQ(valueOf(all->learnedModel("matmul", here.deviceClass))->trials, 2);
  // It can be written to like any other.
  all = valueOf(Database::open(path, Mode::ReadWrite));
  ASSERT_TRUE(all);
  EXPECT_EQ(valueOf(all->record(goodTrial("#sched.later", 90))), 8);
}

TEST(Merge, BytesDependOnContentAlone) {
  TemporaryFolder folder;
  std::vector<std::string> shards = makeShards(folder);
  std::sort(shards.begin(), shards.end());
  std::string expected;
  do {
    std::string path = folder.file("all.db");
    ASSERT_EQ(message(Database::merge(shards, path)), "");
    std::string bytes = bytesOf(path);
    ASSERT_FALSE(bytes.empty());
    if (expected.empty())
      expected = bytes;
    EXPECT_EQ(bytes, expected);
    llvm::sys::fs::remove(path);
  } while (std::next_permutation(shards.begin(), shards.end()));
  // Merging in two steps, or something twice, changes nothing.
  std::string part = folder.file("part.db"), path = folder.file("all.db");
  ASSERT_EQ(message(Database::merge({shards[1], shards[0]}, part)), "");
  ASSERT_EQ(message(Database::merge({shards[2], part, shards[2], part}, path)), "");
  EXPECT_EQ(bytesOf(path), expected);
}

TEST(Merge, LooksAtNoClock) {
  TemporaryFolder folder;
  std::vector<std::string> shards = makeShards(folder);
  tamper(shards[0], "DROP TRIGGER trial_is_never_changed; UPDATE trial SET created_ms = 0 WHERE id = 1");
  std::string first = folder.file("first.db"), second = folder.file("second.db");
  ASSERT_EQ(message(Database::merge(shards, first)), "");
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  ASSERT_EQ(message(Database::merge(shards, second)), "");
  EXPECT_EQ(bytesOf(first), bytesOf(second));
}

TEST(Merge, WhatCannotBeMergedLeavesNoFile) {
  TemporaryFolder folder;
  std::vector<std::string> shards = makeShards(folder);
  std::string path = folder.file("all.db");
  auto failure = [&](const std::string &shard) {
    std::string text = message(Database::merge({shards[0], shard}, path));
    EXPECT_FALSE(llvm::sys::fs::exists(path)) << text;
    return text;
  };
  EXPECT_EQ(failure(folder.file("absent")), folder.file("absent") + ": expected a database, but there is no such file");
  tamper(shards[1], "UPDATE workload SET signature = 'another' WHERE key = 'k1'");
  EXPECT_EQ(failure(shards[1]), shards[1] + ": expected the signature of workload 'k1' to be 'matmul f32 [8,8]' as in "
                                            "another database, but got 'another'");
  tamper(shards[2], "DROP TRIGGER trial_is_never_changed; UPDATE trial SET median_ns = 1 WHERE status = 'ok'");
  EXPECT_NE(failure(shards[2]).find(shards[2] + ": trial 1: expected the median of its samples"), std::string::npos);
  EXPECT_EQ(message(Database::merge({shards[0]}, shards[0])),
            shards[0] + ": expected the name of a new file, but there is one");
}

} // namespace
