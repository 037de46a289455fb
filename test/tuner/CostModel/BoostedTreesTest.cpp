// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/CostModel/BoostedTrees.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace tegula::tuner;

namespace {

/// Two columns, the second without influence: y = |x - 0.3|.
TrainingSet makeSet(size_t examples, double scale = 1) {
  TrainingSet set;
  set.columns = 2;
  for (size_t i = 0; i < examples; ++i) {
    float x = float(i) / float(examples);
    set.rows.insert(set.rows.end(), {x, float(i * 7 % 11)});
    set.targets.push_back(float(scale * std::abs(x - 0.3)));
  }
  return set;
}

double worstError(const BoostedTrees &trees, const TrainingSet &set) {
  std::vector<float> values = llvm::cantFail(trees.predict(set.rows, set.columns));
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i)
    worst = std::max<double>(worst, std::abs(values[i] - set.targets[i]));
  return worst;
}

class BoostedTreesTest : public testing::Test {
protected:
  void SetUp() override {
    if (!BoostedTrees::isAvailable())
      GTEST_SKIP() << "built without XGBoost";
  }
};

TEST_F(BoostedTreesTest, LearnsAFunctionAndIsDeterministic) {
  TrainingSet set = makeSet(200);
  BoostedTrees trees = llvm::cantFail(BoostedTrees::fit(set, BoostedTrees::Objective::Regression, 60));
  EXPECT_LT(worstError(trees, set), 0.05);
  BoostedTrees again = llvm::cantFail(BoostedTrees::fit(set, BoostedTrees::Objective::Regression, 60));
  EXPECT_EQ(llvm::cantFail(trees.text()), llvm::cantFail(again.text()));
}

TEST_F(BoostedTreesTest, TextIsTheWholeModel) {
  TrainingSet set = makeSet(50);
  BoostedTrees trees = llvm::cantFail(BoostedTrees::fit(set, BoostedTrees::Objective::Regression, 10));
  BoostedTrees read = llvm::cantFail(BoostedTrees::parse(llvm::cantFail(trees.text())));
  EXPECT_EQ(llvm::cantFail(trees.predict(set.rows, 2)), llvm::cantFail(read.predict(set.rows, 2)));
}

TEST_F(BoostedTreesTest, AnotherModelIsAStart) {
  // What was learned of one kernel is nearly right for the next; few examples correct it.
  BoostedTrees start = llvm::cantFail(BoostedTrees::fit(makeSet(200), BoostedTrees::Objective::Regression, 60));
  TrainingSet few = makeSet(8, 1.1), all = makeSet(200, 1.1);
  BoostedTrees cold = llvm::cantFail(BoostedTrees::fit(few, BoostedTrees::Objective::Regression, 10));
  BoostedTrees warm = llvm::cantFail(BoostedTrees::fit(few, BoostedTrees::Objective::Regression, 10, &start));
  EXPECT_LT(worstError(warm, all), worstError(cold, all) / 2);
}

TEST_F(BoostedTreesTest, ClassifiesAndWeighs) {
  TrainingSet set = makeSet(100);
  for (float &target : set.targets)
    target = target < 0.1;
  BoostedTrees trees = llvm::cantFail(BoostedTrees::fit(set, BoostedTrees::Objective::Classification, 40));
  std::vector<float> chances = llvm::cantFail(trees.predict({0.3f, 0, 0.9f, 0}, 2));
  EXPECT_GT(chances[0], 0.9);
  EXPECT_LT(chances[1], 0.1);
  // Examples without weight tell nothing.
  set.weights.assign(100, 1);
  for (size_t i = 0; i < 50; ++i)
    set.weights[i] = 0;
  BoostedTrees half = llvm::cantFail(BoostedTrees::fit(set, BoostedTrees::Objective::Classification, 40));
  EXPECT_LT(llvm::cantFail(half.predict({0.3f, 0}, 2)).front(), 0.6);
}

TEST_F(BoostedTreesTest, RefusesWhatIsNoModel) {
  for (const char *text : {"", "{}", "not a model"}) {
    llvm::Expected<BoostedTrees> trees = BoostedTrees::parse(text);
    EXPECT_FALSE(bool(trees)) << text;
    llvm::consumeError(trees.takeError());
  }
}

} // namespace
