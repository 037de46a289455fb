// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files that older versions of the program wrote.
//
#include "DatabaseFixtures.h"

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

/// A file of version 1, as `sqlite3 FILE .dump` prints it: two kernels, four trials of one, two failed, one selected.
const char *const versionOne = R"sql(
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE device(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  class TEXT NOT NULL,
  description TEXT NOT NULL
) STRICT;
INSERT INTO device VALUES(1,'cpu-a-8c16t','cpu-a','{"cpu":"a"}');
CREATE TABLE toolchain(
  id INTEGER PRIMARY KEY,
  version TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO toolchain VALUES(1,'tegula 0.1.0');
CREATE TABLE space(
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  text TEXT NOT NULL
) STRICT;
INSERT INTO space VALUES(1,'5bace',replace('space test 1\n','\n',char(10)));
CREATE TABLE workload(
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  family TEXT NOT NULL,
  signature TEXT NOT NULL
) STRICT;
INSERT INTO workload VALUES(1,'00aa','cpu_matmul','matmul 1 f32[64,64] f32[64,64]');
INSERT INTO workload VALUES(2,'00bb','cpu_map','map 1 f32[64]');
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
INSERT INTO trial VALUES(1,1,1,1,1,'x86-64-v3',1,'','#sched.test<tile = 8>','#sched.test<tile = 8>','ok',2000.0,X'0000000000409f400000000000449f4000000000003c9f400000000000489f400000000000389f40','',0,1700000000000);
INSERT INTO trial VALUES(2,1,1,1,1,'x86-64-v3',1,'','#sched.test<tile = 16>','#sched.test<tile = 16>','ok',1000.0,X'0000000000408f400000000000488f400000000000388f400000000000508f400000000000308f40','',0,1700000000000);
INSERT INTO trial VALUES(3,1,1,1,1,'x86-64-v3',1,'','#sched.test<tile = 32>','#sched.test<tile = 32>','wrong_result',NULL,NULL,'as planned',0,1700000000000);
INSERT INTO trial VALUES(4,1,1,1,1,'x86-64-v3',1,'','#sched.test<tile = 64>','#sched.test<tile = 64>','hang',NULL,NULL,'as planned',0,1700000000000);
CREATE TABLE selection(
  id INTEGER PRIMARY KEY,
  trial INTEGER NOT NULL REFERENCES trial(id),
  reason TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
INSERT INTO selection VALUES(1,2,'fastest of 2: 1 us, default 2 us',1795336951307);
CREATE INDEX trial_by_conditions ON trial(workload, target, threads, device, status, median_ns);
CREATE INDEX selection_by_trial ON selection(trial);
CREATE TRIGGER trial_is_never_changed BEFORE UPDATE ON trial BEGIN SELECT RAISE(ABORT, 'trials are append-only'); END;
CREATE TRIGGER trial_is_never_deleted BEFORE DELETE ON trial BEGIN SELECT RAISE(ABORT, 'trials are append-only'); END;
CREATE TRIGGER selection_is_never_changed BEFORE UPDATE ON selection
  BEGIN SELECT RAISE(ABORT, 'selections are append-only'); END;
CREATE TRIGGER selection_is_never_deleted BEFORE DELETE ON selection
  BEGIN SELECT RAISE(ABORT, 'selections are append-only'); END;
COMMIT;
PRAGMA user_version = 1;
PRAGMA application_id = 1416066412;
)sql";

const Device known{"cpu-a-8c16t", "cpu-a", ""};

/// What version 1 knew, in a file of any later version.
void expectContent(const Database &database) {
  EXPECT_TRUE(valueOf(database.verify()).empty());
  DatabaseStatistics statistics = valueOf(database.statistics());
  EXPECT_EQ(statistics.kernels, 2);
  EXPECT_EQ(statistics.trials, 4);
  EXPECT_EQ(statistics.failures, 2);
  EXPECT_EQ(statistics.selections, 1);
  std::optional<Best> best = valueOf(database.best({"00aa", known, "x86-64-v3"}));
  ASSERT_TRUE(best);
  EXPECT_EQ(best->trial.schedule, "#sched.test<tile = 16>");
  EXPECT_EQ(best->trial.samplesNs, (std::vector<double>{1000, 1001, 999, 1002, 998}));
  EXPECT_EQ(best->trial.artifactHash, "");
  EXPECT_EQ(best->reason, "fastest of 2: 1 us, default 2 us");
  EXPECT_EQ(valueOf(database.calibration(known.key)), std::nullopt);
  EXPECT_FALSE(valueOf(database.learnedModel("cpu_matmul", known.deviceClass)));
}

TEST(Migration, AWriterBringsTheFileUpToDate) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  tamper(path, versionOne);
  {
    std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::ReadWrite));
    ASSERT_TRUE(database);
    expectContent(*database);
    EXPECT_EQ(message(database->setCalibration(known.key, "{}")), "");
    Trial trial = valueOf(database->history({"00aa", known.key, "x86-64-v3", "5bace", 1, ""})).front();
    trial.artifactHash = "beef";
    EXPECT_EQ(valueOf(database->record(trial)), 5);
  }
  // It is a file of the newest version now.
  std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::Read));
  ASSERT_TRUE(database);
  EXPECT_EQ(valueOf(database->calibration(known.key)), "{}");
  EXPECT_EQ(valueOf(database->history({"00aa", known.key, "x86-64-v3", "5bace", 1, ""})).back().artifactHash, "beef");
}

TEST(Migration, AReaderLeavesTheFileAsItIs) {
  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  tamper(path, versionOne);
  std::string before = bytesOf(path);
  {
    std::unique_ptr<Database> database = valueOf(Database::open(path, Mode::Read));
    ASSERT_TRUE(database);
    expectContent(*database);
  }
  EXPECT_EQ(bytesOf(path), before);
}

TEST(Migration, AnOldFileMergesWithANewOne) {
  TemporaryFolder folder;
  std::string old = folder.file("old.db"), current = folder.file("new.db"), merged = folder.file("merged.db");
  tamper(old, versionOne);
  tamper(current, versionOne);
  valueOf(Database::open(current, Mode::ReadWrite));
  ASSERT_EQ(message(Database::merge({old, current}, merged)), "");
  std::unique_ptr<Database> database = valueOf(Database::open(merged, Mode::Read));
  ASSERT_TRUE(database);
  expectContent(*database);
}

} // namespace
