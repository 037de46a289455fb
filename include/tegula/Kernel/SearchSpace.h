// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The finite space of schedules of one kernel: ordered knobs and integer constraints between them. A kernel family
// describes its space once; the compiler checks schedules with it, the tuner counts, samples and walks it.
//
//   SearchSpace space("cpu_matmul");
//   space.addKnob("micro_m", {1, 2, 4, 6, 8}).addKnob("micro_n", {16, 32, 48, 64}).addNamedKnob("threads", {"m",
//   "mn"}); space.addConstraint("micro_m * micro_n <= 384", {"micro_m", "micro_n"},
//                       [](llvm::ArrayRef<int64_t> v) { return v[0] * v[1] <= 384; });
//   space.count();                    // 38
//   space.text(*space.at(0));         // "micro_m = 1, micro_n = 16, threads = m"
//
#ifndef TEGULA_KERNEL_SEARCHSPACE_H
#define TEGULA_KERNEL_SEARCHSPACE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace tegula {

/// One point of a space: a value for each knob, in knob order. The value of a named knob is the position of the name.
using Configuration = llvm::SmallVector<int64_t, 8>;

/// A named, finite, ordered choice. `values` has no duplicates; their order is the order of steps to a neighbour.
struct Knob {
  std::string name;
  llvm::SmallVector<int64_t, 8> values;
  /// One name for each value when the knob enumerates words instead of integers, else empty.
  llvm::SmallVector<std::string, 0> names;

  bool isNamed() const { return !names.empty(); }
};

/// Counting visits every reachable combination of the knobs that later constraints still look at, once, and remembers
/// it; knobs that no constraint ties together multiply. Not safe for concurrent use: counting fills a memo.
class SearchSpace {
public:
  /// True when the values of the knobs that the constraint names, in the order it names them, are legal together.
  using Predicate = std::function<bool(llvm::ArrayRef<int64_t>)>;

  /// `name` opens the canonical text; raise `version` when the meaning of a knob changes but its text does not.
  explicit SearchSpace(llvm::StringRef name, unsigned version = 1);

  /// Adds an integer knob. Names are unique, values are not empty and have no duplicates (asserted).
  SearchSpace &addKnob(llvm::StringRef name, llvm::ArrayRef<int64_t> values);
  /// Adds a knob whose values are words.
  SearchSpace &addNamedKnob(llvm::StringRef name, llvm::ArrayRef<llvm::StringRef> names);
  /// Adds a constraint over knobs added before. `text` states it in the canonical text, so that two spaces that differ
  /// only in a constraint have different hashes; it is tested as soon as the last of its knobs is assigned.
  SearchSpace &addConstraint(llvm::StringRef text, llvm::ArrayRef<llvm::StringRef> knobs, Predicate holds);

  llvm::StringRef getName() const { return name; }
  llvm::ArrayRef<Knob> getKnobs() const { return knobs; }
  std::optional<unsigned> findKnob(llvm::StringRef knob) const;
  /// The values of knob `knob` (which exists, asserted).
  llvm::ArrayRef<int64_t> values(llvm::StringRef knob) const;
  /// The point that gives each named knob (which exists, asserted) its value, and 0 to the others; it may lie outside
  /// the space.
  Configuration point(llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> values) const;
  /// The value of knob `knob` (which exists, asserted) in `configuration`.
  int64_t value(const Configuration &configuration, llvm::StringRef knob) const;
  /// The word that the named knob `knob` has in `configuration`.
  llvm::StringRef word(const Configuration &configuration, llvm::StringRef knob) const;

  /// Success when every knob has one of its values and all constraints hold; else an error that names the knob or the
  /// constraint.
  llvm::Error verify(const Configuration &configuration) const;
  bool contains(const Configuration &configuration) const;

  /// Number of legal points, saturating at 2^64 - 1.
  uint64_t count() const;
  /// Legal point number `index` in lexicographic order of the knobs' value positions; nullopt from count() on.
  std::optional<Configuration> at(uint64_t index) const;
  /// Inverse of at(); nullopt for a point outside the space.
  std::optional<uint64_t> indexOf(const Configuration &configuration) const;
  /// Calls `visit` for each legal point in order, until it returns false.
  void enumerate(llvm::function_ref<bool(const Configuration &)> visit) const;

  /// A uniformly distributed legal point, a pure function of the space and `seed`; nullopt for an empty space.
  std::optional<Configuration> sample(uint64_t seed) const;
  /// The legal points one step away: exactly one knob differs and, for an integer knob, no legal point lies between;
  /// for a named knob, any other word. In knob order, the smaller value first.
  llvm::SmallVector<Configuration, 16> neighbours(const Configuration &configuration) const;

  /// "tile_m = 96, threads = mn".
  std::string text(const Configuration &configuration) const;
  /// Inverse of text(), in any knob order; checks the point as verify() does.
  llvm::Expected<Configuration> parse(llvm::StringRef text) const;

  /// One line for the space, one for each knob and each constraint.
  std::string canonicalText() const;
  /// 16 hexadecimal digits: XXH3-64 of the canonical text.
  std::string hash() const;

private:
  struct Constraint {
    std::string text;
    llvm::SmallVector<unsigned, 4> knobs;
    Predicate holds;
  };

  bool holdsAt(unsigned knob, const Configuration &prefix) const;
  uint64_t countFrom(unsigned knob, Configuration &prefix) const;
  bool enumerateFrom(unsigned knob, Configuration &prefix, llvm::function_ref<bool(const Configuration &)> visit) const;
  bool violates(const Constraint &constraint, const Configuration &configuration) const;
  void invalidate();

  std::string name;
  unsigned version;
  llvm::SmallVector<Knob, 8> knobs;
  llvm::SmallVector<Constraint, 8> constraints;
  /// Per knob: the constraints whose last knob it is.
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>, 8> constraintsAt;
  /// Per knob: the earlier knobs that a constraint ending at this knob or later looks at. Two prefixes that agree on
  /// them have equally many completions.
  llvm::SmallVector<llvm::SmallVector<unsigned, 4>, 8> frontiers;
  mutable llvm::StringMap<uint64_t> completions;
};

/// A well-mixed function of `state`: the finalizer of SplitMix64. The tuner's only source of randomness, so that a seed
/// means the same on every standard library.
uint64_t mixBits(uint64_t state);

} // namespace tegula

#endif // TEGULA_KERNEL_SEARCHSPACE_H
