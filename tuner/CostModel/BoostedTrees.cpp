// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/CostModel/BoostedTrees.h"

#include <cassert>
#include <limits>
#include <utility>

#if TEGULA_HAS_XGBOOST
#include <xgboost/c_api.h>
#endif

using namespace tegula::tuner;

BoostedTrees::BoostedTrees(std::unique_ptr<Implementation> implementation)
    : implementation(std::move(implementation)) {}
BoostedTrees::BoostedTrees(BoostedTrees &&) noexcept = default;
BoostedTrees &BoostedTrees::operator=(BoostedTrees &&) noexcept = default;
BoostedTrees::~BoostedTrees() = default;

#if TEGULA_HAS_XGBOOST

namespace {
/// Names and values of parameters. One thread and the exact method: the result must not depend on the machine, and the
/// compiler's children must not inherit threads.
constexpr std::pair<const char *, const char *> parameters[] = {
    {"nthread", "1"},          {"tree_method", "exact"}, {"max_depth", "5"}, {"eta", "0.15"},
    {"min_child_weight", "1"}, {"lambda", "1"},          {"seed", "0"},      {"verbosity", "0"},
};

llvm::Error check(int status) {
  // A message goes on with a stack trace.
  return status == 0 ? llvm::Error::success()
                     : llvm::createStringError(llvm::StringRef(XGBGetLastError()).trim().split('\n').first);
}

/// A matrix of XGBoost, freed at the end.
struct Matrix {
  DMatrixHandle handle = nullptr;
  ~Matrix() {
    if (handle)
      XGDMatrixFree(handle);
  }
  llvm::Error fill(llvm::ArrayRef<float> rows, size_t columns) {
    assert(columns > 0 && rows.size() % columns == 0 && "rows of equal length");
    return check(XGDMatrixCreateFromMat(rows.data(), rows.size() / columns, columns,
                                        std::numeric_limits<float>::quiet_NaN(), &handle));
  }
  llvm::Error set(const char *field, const std::vector<float> &values) {
    return check(XGDMatrixSetFloatInfo(handle, field, values.data(), values.size()));
  }
};
} // namespace

struct BoostedTrees::Implementation {
  BoosterHandle handle = nullptr;
  ~Implementation() {
    if (handle)
      XGBoosterFree(handle);
  }
  /// For the columns of `examples`, or for a model that is read.
  llvm::Error create(llvm::ArrayRef<DMatrixHandle> examples) {
    if (llvm::Error error = check(XGBoosterCreate(examples.data(), examples.size(), &handle)))
      return error;
    for (auto [name, value] : parameters)
      if (llvm::Error error = check(XGBoosterSetParam(handle, name, value)))
        return error;
    return llvm::Error::success();
  }
};

bool BoostedTrees::isAvailable() { return true; }

llvm::Expected<BoostedTrees> BoostedTrees::fit(const TrainingSet &set, Objective objective, unsigned rounds,
                                               const BoostedTrees *start) {
  assert(!set.targets.empty() && set.rows.size() == set.targets.size() * set.columns && "one target for each row");
  Matrix matrix;
  if (llvm::Error error = matrix.fill(set.rows, set.columns))
    return std::move(error);
  if (llvm::Error error = matrix.set("label", set.targets))
    return std::move(error);
  if (!set.weights.empty())
    if (llvm::Error error = matrix.set("weight", set.weights))
      return std::move(error);
  auto made = std::make_unique<Implementation>();
  int first = 0;
  if (start) {
    llvm::Expected<std::string> text = start->text();
    if (!text)
      return text.takeError();
    llvm::Expected<BoostedTrees> copy = parse(*text);
    if (!copy)
      return copy.takeError();
    made = std::move(copy->implementation);
    if (llvm::Error error = check(XGBoosterBoostedRounds(made->handle, &first)))
      return std::move(error);
  } else if (llvm::Error error = made->create(matrix.handle)) {
    return std::move(error);
  }
  const char *name = objective == Objective::Regression ? "reg:squarederror" : "binary:logistic";
  if (llvm::Error error = check(XGBoosterSetParam(made->handle, "objective", name)))
    return std::move(error);
  for (unsigned round = 0; round < rounds; ++round)
    if (llvm::Error error = check(XGBoosterUpdateOneIter(made->handle, first + int(round), matrix.handle)))
      return std::move(error);
  return BoostedTrees(std::move(made));
}

llvm::Expected<std::vector<float>> BoostedTrees::predict(llvm::ArrayRef<float> rows, size_t columns) const {
  if (rows.empty())
    return std::vector<float>();
  Matrix matrix;
  if (llvm::Error error = matrix.fill(rows, columns))
    return std::move(error);
  bst_ulong count = 0;
  const float *values = nullptr;
  if (llvm::Error error = check(XGBoosterPredict(implementation->handle, matrix.handle, /*option_mask=*/0,
                                                 /*ntree_limit=*/0, /*training=*/0, &count, &values)))
    return std::move(error);
  return std::vector<float>(values, values + count);
}

llvm::Expected<std::string> BoostedTrees::text() const {
  bst_ulong length = 0;
  const char *bytes = nullptr;
  if (llvm::Error error =
          check(XGBoosterSaveModelToBuffer(implementation->handle, R"({"format": "json"})", &length, &bytes)))
    return std::move(error);
  return std::string(bytes, length);
}

llvm::Expected<BoostedTrees> BoostedTrees::parse(llvm::StringRef text) {
  auto made = std::make_unique<Implementation>();
  if (llvm::Error error = made->create({}))
    return std::move(error);
  if (llvm::Error error = check(XGBoosterLoadModelFromBuffer(made->handle, text.data(), text.size())))
    return std::move(error);
  return BoostedTrees(std::move(made));
}

#else

struct BoostedTrees::Implementation {};

static llvm::Error absent() { return llvm::createStringError("expected a build with XGBoost, but this one has none"); }

bool BoostedTrees::isAvailable() { return false; }
llvm::Expected<BoostedTrees> BoostedTrees::fit(const TrainingSet &, Objective, unsigned, const BoostedTrees *) {
  return absent();
}
llvm::Expected<std::vector<float>> BoostedTrees::predict(llvm::ArrayRef<float>, size_t) const { return absent(); }
llvm::Expected<std::string> BoostedTrees::text() const { return absent(); }
llvm::Expected<BoostedTrees> BoostedTrees::parse(llvm::StringRef) { return absent(); }

#endif
