// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rungs of a lookup, and how SQLite goes about it.
//
#include "DatabaseFixtures.h"

#include "../../../tuner/Database/Implementation.h"

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

constexpr const char *thisToolchain = "tegula 2, LLVM 23", *otherToolchain = "tegula 1, LLVM 22";

class LookupTest : public testing::Test {
protected:
  void SetUp() override {
    database = openForWriting(path);
    ASSERT_TRUE(database);
  }

  int64_t record(const std::string &schedule, double ns, const std::string &toolchain, const Device &device = here) {
    Trial trial = goodTrial(schedule, ns, device);
    trial.toolchain = toolchain;
    return valueOf(database->record(trial));
  }

  std::string answer() {
    std::optional<Best> best = valueOf(database->best({"k1", here, "x86-64-v4", 1, thisToolchain}));
    return best ? (rungText(best->rung) + " " + best->trial.schedule).str() : "none";
  }

  TemporaryFolder folder;
  std::string path = folder.file("lab.db");
  std::unique_ptr<Database> database;
};

TEST_F(LookupTest, GoesFromTheClosestRungToTheFarthest) {
  EXPECT_EQ(answer(), "none");
  record("#sched.twin", 10, thisToolchain, twin);
  EXPECT_EQ(answer(), "same_class #sched.twin");
  int64_t old = record("#sched.old", 30, otherToolchain);
  record("#sched.older", 40, otherToolchain);
  EXPECT_EQ(answer(), "other_toolchain #sched.old");
  // The same code, even where another schedule of that toolchain was selected.
  EXPECT_EQ(message(database->select(valueOf(database->record(goodTrial("#sched.chosen", 50))), "")), "");
  EXPECT_EQ(answer(), "other_toolchain #sched.chosen");
  EXPECT_EQ(message(database->revalidate(old, thisToolchain, "c0de")), "");
  EXPECT_EQ(answer(), "same_artifact #sched.old");
  record("#sched.new", 90, thisToolchain);
  EXPECT_EQ(answer(), "exact #sched.new");
  EXPECT_EQ(valueOf(database->best({"k1", here, "x86-64-v4"}))->trial.schedule, "#sched.chosen");
}

TEST_F(LookupTest, TheNewestRevalidationByThisToolchainStands) {
  int64_t old = record("#sched.old", 30, otherToolchain);
  EXPECT_EQ(message(database->revalidate(old, thisToolchain, "c0de")), "");
  EXPECT_EQ(message(database->revalidate(old, "tegula 3", "other")), "");
  EXPECT_EQ(answer(), "same_artifact #sched.old");
  EXPECT_EQ(message(database->revalidate(old, thisToolchain, "other")), "");
  EXPECT_EQ(answer(), "other_toolchain #sched.old");
  EXPECT_EQ(message(database->revalidate(99, thisToolchain, "c0de")),
            path + ": expected a trial to revalidate, but got trial 99");
}

TEST_F(LookupTest, WhatFailedIsNoAnswerThoughItWasSelected) {
  EXPECT_EQ(message(database->select(record("#sched.chosen", 50, thisToolchain), "")), "");
  record("#sched.slow", 90, thisToolchain);
  EXPECT_EQ(answer(), "exact #sched.chosen");
  // After its selection, and at other sizes.
  Trial failure = goodTrial("#sched.chosen", 50);
  failure.status = TrialStatus::WrongResult;
  failure.samplesNs.clear();
  failure.conditions.sizes = "[[7,9]]";
  valueOf(database->record(failure));
  EXPECT_EQ(answer(), "exact #sched.slow");
}

TEST_F(LookupTest, RevalidationsAreMergedAndAppendOnly) {
  EXPECT_EQ(message(database->revalidate(record("#sched.old", 30, otherToolchain), thisToolchain, "c0de")), "");
  std::string merged = folder.file("merged.db");
  ASSERT_EQ(message(Database::merge({path, path}, merged)), "");
  database = valueOf(Database::open(merged, Mode::ReadWrite));
  ASSERT_TRUE(database);
  EXPECT_EQ(answer(), "same_artifact #sched.old");
  sqlite3 *connection = nullptr;
  ASSERT_EQ(sqlite3_open(merged.c_str(), &connection), SQLITE_OK);
  for (const char *sql : {"UPDATE revalidation SET artifact = 'x'", "DELETE FROM revalidation"})
    EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_CONSTRAINT) << sql;
  sqlite3_close(connection);
}

TEST_F(LookupTest, TunedWorkloadsHaveAGoodTrialForTheTarget) {
  EXPECT_TRUE(valueOf(database->tunedWorkloads("matmul", "x86-64-v4", 1)).empty());
  record("#sched.a", 30, thisToolchain);
  std::vector<Workload> tuned = valueOf(database->tunedWorkloads("matmul", "x86-64-v4", 1));
  ASSERT_EQ(tuned.size(), 1u);
  EXPECT_EQ(tuned.front().signature, "matmul f32 [8,8]");
  EXPECT_TRUE(valueOf(database->tunedWorkloads("map", "x86-64-v4", 1)).empty());
  EXPECT_TRUE(valueOf(database->tunedWorkloads("matmul", "x86-64-v3", 1)).empty());
  EXPECT_TRUE(valueOf(database->tunedWorkloads("matmul", "x86-64-v4", 2)).empty());
}

TEST_F(LookupTest, ScansNoTable) {
  sqlite3 *connection = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &connection), SQLITE_OK);
  Statement plan(path, connection, "EXPLAIN QUERY PLAN " + lookupText());
  unsigned searches = 0;
  EXPECT_EQ(message(plan.forEachRow([&] {
              // A rung's row is a table of its own.
              std::string text = plan.text(3);
              llvm::StringRef step = text;
              searches += step.contains("SEARCH");
              EXPECT_TRUE(!step.contains("SCAN") || step.starts_with("SCAN (subquery-")) << step.str();
              return llvm::Error::success();
            })),
            "");
  EXPECT_GT(searches, 8u);
  sqlite3_close(connection);
}

} // namespace
