// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporting a database and importing it again.
//
#include "DatabaseFixtures.h"

#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <limits>

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

class ExchangeTest : public testing::Test {
protected:
  /// A row of each kind, with numbers and texts that are easily lost.
  void SetUp() override {
    std::unique_ptr<Database> database = openForWriting(path);
    ASSERT_TRUE(database);
    EXPECT_EQ(message(database->setCalibration(twin.key, "{\"peak\":1}\n")), "");
    EXPECT_EQ(message(database->setLearnedModel("matmul", "cpu-a", {"trees \t\"1\"", 1000000000000})), "");
    Trial good = goodTrial("#sched.a", 100);
    good.samplesNs = {0.1, 1e300, std::nextafter(1.0, 2.0), std::numeric_limits<double>::denorm_min(), 3};
    good.createdMs = std::numeric_limits<int64_t>::max();
    valueOf(database->record(failedTrial(TrialStatus::NonDeterministic)));
    int64_t chosen = valueOf(database->record(good));
    EXPECT_EQ(message(database->select(chosen, "a \"reason\"\n")), "");
    EXPECT_EQ(message(database->revalidate(chosen, "tegula 2", "c0de")), "");
    lines = exported(path);
  }

  std::string exported(const std::string &file) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    std::unique_ptr<Database> database = valueOf(Database::open(file, Mode::Read));
    if (database)
      EXPECT_EQ(message(database->exportJsonLines(stream)), "");
    return text;
  }

  /// The error of importing `text`, after which there must be no file.
  std::string refused(const std::string &text) {
    writeFile(folder.file("bad.jsonl"), text);
    std::string error = message(Database::importJsonLines(folder.file("bad.jsonl"), folder.file("bad.db")));
    EXPECT_FALSE(llvm::sys::fs::exists(folder.file("bad.db"))) << text;
    EXPECT_EQ(error.find(folder.file("bad.jsonl") + ":"), 0u) << error;
    return error.substr(error.find(".jsonl:") + 7);
  }

  TemporaryFolder folder;
  std::string path = folder.file("lab.db"), lines;
};

TEST_F(ExchangeTest, TheRoundTripIsTheIdentity) {
  writeFile(folder.file("lab.jsonl"), lines);
  std::string imported = folder.file("imported.db");
  ASSERT_EQ(message(Database::importJsonLines(folder.file("lab.jsonl"), imported)), "");
  EXPECT_EQ(exported(imported), lines);
  std::unique_ptr<Database> database = valueOf(Database::open(imported, Mode::Read));
  ASSERT_TRUE(database);
  EXPECT_TRUE(valueOf(database->verify()).empty());
  // Merging either gives the same bytes: nothing was lost.
  std::string one = folder.file("one.db"), other = folder.file("other.db");
  ASSERT_EQ(message(Database::merge({path}, one)), "");
  ASSERT_EQ(message(Database::merge({imported}, other)), "");
  EXPECT_EQ(bytesOf(one), bytesOf(other));
}

TEST_F(ExchangeTest, NothingMakesAnEmptyDatabase) {
  writeFile(folder.file("empty.jsonl"), "");
  ASSERT_EQ(message(Database::importJsonLines(folder.file("empty.jsonl"), folder.file("empty.db"))), "");
  EXPECT_EQ(exported(folder.file("empty.db")), "");
}

TEST_F(ExchangeTest, WhatIsNoExportIsRefusedAtItsLine) {
  EXPECT_NE(refused("nonsense\n").find("1: "), std::string::npos);
  EXPECT_EQ(refused("[]\n"), "1: expected an object");
  EXPECT_EQ(refused("{}\n"), "1: expected a record of a known kind, but got ''");
  EXPECT_EQ(refused("{\"record\":\"device\",\"key\":\"a\",\"class\":1,\"description\":\"\"}"),
            "1: expected 'class' to be a text");
  std::string trial = lines.substr(lines.find("{\"schema\":1,\"record\":\"trial\""));
  EXPECT_EQ(refused(trial), "1: expected what the trial refers to in a line before it");
  // The second trial alone, a status of a newer program, and a good trial without samples.
  std::string before = lines.substr(0, lines.size() - trial.size());
  size_t second = trial.find('\n') + 1;
  EXPECT_NE(refused(before + trial.substr(second)).find("expected 'trial' to be the number behind that of the trial"),
            std::string::npos);
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string text = lines;
    text.replace(text.find(from), from.size(), to);
    return refused(text);
  };
  EXPECT_NE(replaced("non_deterministic", "haunted").find("expected 'status' to be a known status"), std::string::npos);
  EXPECT_NE(replaced("non_deterministic", "ok").find("expected 'samples_ns' to be given for a good trial"),
            std::string::npos);
}

} // namespace
