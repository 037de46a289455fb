// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a collection of garbage leaves of a database.
//
#include "DatabaseFixtures.h"

#include "llvm/Support/FileSystem.h"

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

class GarbageTest : public testing::Test {
protected:
  void SetUp() override {
    database = openForWriting(path);
    ASSERT_TRUE(database);
  }

  /// With its own schedule, so that failures of others do not concern it, each a millisecond after the one before.
  Trial trial(const std::string &schedule, double ns) {
    Trial made = goodTrial("#sched." + schedule, ns);
    made.configuration = schedule;
    made.createdMs = ++clock;
    return made;
  }

  int64_t record(const Trial &trial) { return valueOf(database->record(trial)); }

  /// Opens what is left of the database, which must be intact.
  std::unique_ptr<Database> collect(std::optional<uint64_t> best = std::nullopt) {
    std::string bytes = bytesOf(path), output = folder.file("kept-" + std::to_string(++collections));
    EXPECT_EQ(message(Database::collectGarbage(path, best, output)), "");
    EXPECT_EQ(bytesOf(path), bytes);
    std::unique_ptr<Database> kept = valueOf(Database::open(output, Mode::Read));
    EXPECT_TRUE(valueOf(kept->verify()).empty());
    // Collecting again finds nothing more.
    EXPECT_EQ(message(Database::collectGarbage(output, best, output + "-again")), "");
    EXPECT_EQ(bytesOf(output + "-again"), bytesOf(output));
    return kept;
  }

  /// The configurations of all trials of the fixtures' kernel on a device, in their order.
  static std::vector<std::string> configurations(const Database &database, const std::string &device = here.key) {
    std::vector<std::string> texts;
    for (const Trial &trial : valueOf(database.history({"k1", device, "x86-64-v4", "s1", 1, ""})))
      texts.push_back(trial.configuration);
    return texts;
  }

  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database;
  int collections = 0;
  int64_t clock = 1000;
};

using Texts = std::vector<std::string>;

TEST_F(GarbageTest, WhatNothingRefersToGoes) {
  record(trial("a", 100));
  EXPECT_EQ(message(database->addSpace("s2", "space test 2\n")), "");
  EXPECT_EQ(message(database->setCalibration(twin.key, "{\"peak\":1}")), "");
  EXPECT_EQ(message(database->setCalibration(twin.key, "{\"peak\":2}")), "");
  for (int64_t trials : {20, 10})
    EXPECT_EQ(message(database->setLearnedModel("map", "cpu-a", {"trees", trials})), "");
  EXPECT_EQ(message(database->setLearnedModel("map", "cpu-b", {"trees", 1})), "");
  std::unique_ptr<Database> kept = collect();
  EXPECT_EQ(configurations(*kept), Texts{"a"});
  // The calibrated device stays, the one of nothing and the kernel without a trial go.
  EXPECT_EQ(valueOf(kept->statistics()).devices, 2);
  EXPECT_EQ(valueOf(kept->statistics()).kernels, 1);
  EXPECT_EQ(valueOf(kept->calibration(twin.key)), "{\"peak\":2}");
  EXPECT_EQ(valueOf(kept->learnedModel("map", "cpu-a"))->trials, 10);
  EXPECT_EQ(valueOf(kept->learnedModel("map", "cpu-b"))->trials, 1);
  std::string text;
  llvm::raw_string_ostream stream(text);
  EXPECT_EQ(message(kept->exportJsonLines(stream)), "");
  EXPECT_EQ(text.find("space test 2"), std::string::npos);
  EXPECT_EQ(text.find("\"peak\\\":1"), std::string::npos);
}

TEST_F(GarbageTest, ADatabaseWithoutGarbageIsMergedAlone) {
  for (const Device &device : {here, twin, other})
    record(goodTrial("#sched.a", 100, device));
  Trial second = trial("b", 90);
  second.conditions.workload = "k2";
  EXPECT_EQ(message(database->select(record(second), "the only one")), "");
  std::string merged = folder.file("merged.db"), collected = folder.file("collected.db");
  ASSERT_EQ(message(Database::merge({path}, merged)), "");
  ASSERT_EQ(message(Database::collectGarbage(path, std::nullopt, collected)), "");
  EXPECT_EQ(bytesOf(collected), bytesOf(merged));
  ASSERT_EQ(message(Database::collectGarbage(path, 1, collected + "1")), "");
  EXPECT_EQ(bytesOf(collected + "1"), bytesOf(merged));
}

TEST_F(GarbageTest, TheBestOfEachConditionsTheFailuresAndTheChoicesAreKept) {
  record(trial("third", 300));
  record(trial("first", 100));
  record(trial("second", 200));
  int64_t chosen = record(trial("chosen", 400)), proven = record(trial("proven", 450));
  // Fast, but it failed later, twice; one failure is enough to know.
  record(trial("flaky", 50));
  Trial failure = trial("flaky", 1);
  failure.samplesNs.clear();
  failure.status = TrialStatus::Crash;
  record(failure);
  failure.status = TrialStatus::Hang;
  record(failure);
  // Other conditions, and another version of the compiler, have a best one of their own.
  record(goodTrial("#sched.elsewhere", 500, twin));
  Trial sized = trial("sized", 600), newer = trial("newer", 700);
  sized.conditions.sizes = "[[8,8]]";
  newer.toolchain = "tegula 2";
  record(sized);
  record(newer);
  EXPECT_EQ(message(database->select(chosen, "a tie")), "");
  EXPECT_EQ(message(database->revalidate(chosen, "tegula 3", "c0de")), "");
  EXPECT_EQ(message(database->revalidate(proven, "tegula 4", "c0de")), "");

  std::unique_ptr<Database> one = collect(1), two = collect(2), all = collect(1000);
  EXPECT_EQ(configurations(*one), (Texts{"first", "chosen", "proven", "flaky", "newer"}));
  EXPECT_EQ(configurations(*two), (Texts{"first", "second", "chosen", "proven", "flaky", "newer"}));
  EXPECT_EQ(configurations(*all), (Texts{"third", "first", "second", "chosen", "proven", "flaky", "newer"}));
  for (const std::unique_ptr<Database> &kept : {std::cref(one), std::cref(two), std::cref(all)}) {
    EXPECT_EQ(valueOf(kept->statistics()).failures, 1);
    EXPECT_EQ(configurations(*kept, twin.key), Texts{"tile = 1"});
    EXPECT_EQ(valueOf(kept->history(sized.conditions)).size(), 1u);
    // Every lookup has the answer that it had.
    for (const char *toolchain : {"", "tegula 0.1.0", "tegula 2", "tegula 3", "tegula 4", "tegula 5"})
      for (const Device &device : {here, twin, other}) {
        Lookup asked{"k1", device, "x86-64-v4", 1, toolchain};
        auto answers = [&](const Database &database) {
          Texts texts;
          EXPECT_EQ(message(database.forEachAnswer(asked,
                                                   [&](const Best &best) {
                                                     texts.push_back(rungText(best.rung).str() + " " +
                                                                     best.trial.schedule + " " + best.reason);
                                                     return false;
                                                   })),
                    "");
          return texts;
        };
        EXPECT_EQ(answers(*kept), answers(*database)) << toolchain << " " << device.key;
      }
  }
}

TEST_F(GarbageTest, AnEmptyDatabaseStaysOne) {
  std::unique_ptr<Database> kept = collect(3);
  EXPECT_EQ(valueOf(kept->statistics()).devices, 0);
  EXPECT_EQ(valueOf(kept->statistics()).kernels, 0);
}

TEST_F(GarbageTest, NothingIsOverwritten) {
  EXPECT_EQ(message(Database::collectGarbage(path, std::nullopt, path)),
            path + ": expected the name of a new file, but there is one");
  std::string output = folder.file("new.db");
  EXPECT_EQ(message(Database::collectGarbage(folder.file("absent"), std::nullopt, output)),
            folder.file("absent") + ": expected a database, but there is no such file");
  EXPECT_FALSE(llvm::sys::fs::exists(output));
}

} // namespace
