// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/ScheduleLookup.h"

#include "../../../tuner/Select/KernelShape.h"
#include "../Database/DatabaseFixtures.h"

#include <cmath>

using namespace tegula::tuner;
using namespace tegula::tuner::test;

namespace {

std::string matmul(const std::string &m, const std::string &n, const std::string &strides = "48,1") {
  return "tegula-kernel 1; operands f32[" + m + ",48]{" + strides + "}, f32[48," + n + "]{" + n +
         ",1}; v4 = tensor.empty() -> tensor[" + m + "," + n +
         "]f32; linalg.generic(v0){operandSegmentSizes = [2,1], indexing_maps = [(3,0)->(d0,d2)]}";
}

TEST(KernelShape, PutsExtentsAndStridesAside) {
  KernelShape shape = shapeOf(matmul("16", "64"));
  EXPECT_EQ(shape.extents, (std::vector<int64_t>{16, 48, 48, 64, 16, 64}));
  EXPECT_EQ(shape.pattern,
            "tegula-kernel 1; operands f32[#,#,]{#,1,}, f32[#,#,]{#,1,}; v4 = tensor.empty() -> tensor[#,#,]f32; "
            "linalg.generic(v0){operandSegmentSizes = [2,1], indexing_maps = [(3,0)->(d0,d2)]}");
  EXPECT_EQ(shapeOf(matmul("1", "7")).pattern, shape.pattern);
  // Another layout, an extent of the run, and another rank are other kernels.
  EXPECT_NE(shapeOf(matmul("16", "64", "1,16")).pattern, shape.pattern);
  EXPECT_NE(shapeOf(matmul("?", "64")).pattern, shape.pattern);
  EXPECT_EQ(shapeOf(matmul("?", "64")).extents, (std::vector<int64_t>{48, 48, 64, 64}));
  EXPECT_NE(shapeOf(matmul("2,16", "64")).pattern, shape.pattern);
  for (const char *text : {"", "f32[", "f32[12", "f32[]", "f32[1]{", "f32[99999999999999999999]"})
    EXPECT_EQ(shapeOf(text).extents.size(), text == std::string("f32[1]{") ? 1u : 0u) << text;
}

TEST(KernelShape, DistanceIsOfRatios) {
  auto between = [](const std::string &a, const std::string &b) {
    return distance(shapeOf("f32[" + a + "]"), shapeOf("f32[" + b + "]"));
  };
  EXPECT_EQ(between("7,9", "7,9"), 0);
  EXPECT_NEAR(between("1023", "511"), std::log(2), 1e-12);
  EXPECT_NEAR(between("3,7", "1,3"), 2 * std::log(2), 1e-12);
  EXPECT_EQ(between("1,3", "3,7"), between("3,7", "1,3"));
  EXPECT_NEAR(between("0", "1"), std::log(2), 1e-12);
}

class ScheduleLookupTest : public testing::Test {
protected:
  void SetUp() override {
    database = openForWriting(folder.file("lab.db"));
    ASSERT_TRUE(database);
  }

  void tune(const std::string &key, const std::string &signature, const Device &device = here) {
    EXPECT_EQ(message(database->addWorkload({key, "matmul", signature})), "");
    Trial trial = goodTrial("#sched." + key, 100, device);
    trial.conditions.workload = key;
    valueOf(database->record(trial));
  }

  std::vector<RungAnswer> ask(const std::string &key, const std::string &signature, bool all = false,
                              const std::string &illegal = "") {
    ScheduleLookup lookup(*database, {"", here, "x86-64-v4"});
    return valueOf(lookup.ask(
        key, "matmul", [&] { return signature; },
        [&](llvm::StringRef schedule) { return schedule == illegal ? std::string("too large") : ""; }, all));
  }

  TemporaryFolder folder;
  std::unique_ptr<Database> database;
};

TEST_F(ScheduleLookupTest, StopsAtTheFirstRungThatStands) {
  tune("own", matmul("16", "64"));
  tune("near", matmul("16", "65"));
  std::vector<RungAnswer> answers = ask("own", matmul("16", "64"));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].rung, Rung::Exact);
  EXPECT_EQ(answers[0].best->trial.schedule, "#sched.own");

  answers = ask("own", matmul("16", "64"), /*all=*/true);
  ASSERT_EQ(answers.size(), 6u);
  for (size_t rung = 0; rung < answers.size(); ++rung)
    EXPECT_EQ(answers[rung].rung, static_cast<Rung>(rung));
  EXPECT_EQ(answers[4].best->trial.schedule, "#sched.near");
}

TEST_F(ScheduleLookupTest, WithoutARecordTheNearestShapeAnswers) {
  tune("far", matmul("1600", "64"));
  tune("near", matmul("20", "60"));
  tune("nearer", matmul("17", "64"), other);
  tune("transposed", matmul("16", "64", "1,16"));
  std::vector<RungAnswer> answers = ask("new", matmul("16", "64"));
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers.back().rung, Rung::NearestShape);
  EXPECT_TRUE(answers.back().stands());
  EXPECT_EQ(answers.back().best->trial.schedule, "#sched.near");
  EXPECT_EQ(answers.back().best->rung, Rung::NearestShape);
}

TEST_F(ScheduleLookupTest, AScheduleThatIsNotLegalHereIsPassedOver) {
  tune("far", matmul("1600", "64"));
  tune("near", matmul("20", "60"));
  EXPECT_EQ(ask("new", matmul("16", "64"), false, "#sched.near").back().best->trial.schedule, "#sched.far");
  tune("own", matmul("16", "64"));
  std::vector<RungAnswer> answers = ask("own", matmul("16", "64"), false, "#sched.own");
  EXPECT_EQ(answers.front().problem, "too large");
  EXPECT_EQ(answers.back().best->trial.schedule, "#sched.near");
}

TEST_F(ScheduleLookupTest, WithNothingAlikeTheDefaultStands) {
  tune("transposed", matmul("16", "64", "1,16"));
  std::vector<RungAnswer> answers = ask("new", matmul("16", "64"));
  EXPECT_EQ(answers.back().rung, Rung::Analytic);
  EXPECT_TRUE(answers.back().stands());
  EXPECT_FALSE(answers.back().best);
  // Kernels of other families are none of its neighbors.
  EXPECT_EQ(ask("new", "map \"sub\"").back().rung, Rung::Analytic);
}

} // namespace
