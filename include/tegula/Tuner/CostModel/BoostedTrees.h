// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gradient-boosted trees by XGBoost: a function of a row of numbers, learned from examples. Deterministic: equal
// examples give equal trees. A build without XGBoost (the static one) has none, which isAvailable tells.
//
#ifndef TEGULA_TUNER_COSTMODEL_BOOSTEDTREES_H
#define TEGULA_TUNER_COSTMODEL_BOOSTEDTREES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace tegula::tuner {

/// Rows of numbers, one for each example, and what is to be learned of each.
struct TrainingSet {
  size_t columns = 0;
  /// Row by row.
  std::vector<float> rows;
  std::vector<float> targets;
  /// How much an example counts; empty: all alike.
  std::vector<float> weights;
};

class BoostedTrees {
public:
  enum class Objective {
    /// The smallest squared error.
    Regression,
    /// The probability that the target is 1; targets are 0 and 1.
    Classification,
  };

  static bool isAvailable();
  /// Learns from `set`, which is not empty. With `start`, the new trees correct those of another model of the same
  /// objective and number of columns. Fails without XGBoost, or with its message.
  static llvm::Expected<BoostedTrees> fit(const TrainingSet &set, Objective objective, unsigned rounds,
                                          const BoostedTrees *start = nullptr);
  /// The inverse of text(); fails when it is no model of ours.
  static llvm::Expected<BoostedTrees> parse(llvm::StringRef text);

  BoostedTrees(BoostedTrees &&) noexcept;
  BoostedTrees &operator=(BoostedTrees &&) noexcept;
  ~BoostedTrees();

  /// One number for each row of `columns` numbers, the number of columns it was trained with.
  llvm::Expected<std::vector<float>> predict(llvm::ArrayRef<float> rows, size_t columns) const;
  /// JSON of XGBoost.
  llvm::Expected<std::string> text() const;

private:
  struct Implementation;
  explicit BoostedTrees(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_COSTMODEL_BOOSTEDTREES_H
