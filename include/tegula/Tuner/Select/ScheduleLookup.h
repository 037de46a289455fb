// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule of a kernel that a database knows, rung by rung: what was measured for this kernel here, then what was
// measured for the kernel nearest to it, then nothing, which leaves it to the family's default.
//
#ifndef TEGULA_TUNER_SELECT_SCHEDULELOOKUP_H
#define TEGULA_TUNER_SELECT_SCHEDULELOOKUP_H

#include "tegula/Tuner/Database/Database.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>

namespace tegula::tuner {

/// What one rung has to say.
struct RungAnswer {
  Rung rung;
  /// The trial that was found; nullopt when there is none, and on Rung::Analytic.
  std::optional<Best> best;
  /// Why its schedule cannot be used; empty when it can.
  std::string problem;

  /// Whether this is what to use, unless an earlier rung was.
  bool stands() const { return rung == Rung::Analytic || (best && problem.empty()); }
};

class ScheduleLookup {
public:
  /// Keeps a reference to the database. `here.workload` is ignored: one lookup serves all kernels. Kernels that others
  /// tune while it lives are not seen as neighbors.
  ScheduleLookup(const Database &database, Lookup here);
  ~ScheduleLookup();

  /// What is wrong with a schedule for the kernel asked for; "" for nothing.
  using LegalityCheck = llvm::function_ref<std::string(llvm::StringRef schedule)>;

  /// The rungs up to the first that stands, or all of them. `signature` is called only where the nearest shape is asked
  /// for.
  llvm::Expected<std::vector<RungAnswer>> ask(llvm::StringRef key, llvm::StringRef family,
                                              llvm::function_ref<std::string()> signature, LegalityCheck check,
                                              bool all = false);

  const Database &getDatabase() const { return database; }
  const Lookup &getConditions() const { return here; }

private:
  struct Neighbors;
  /// The nearest tuned kernel with a schedule that is legal here.
  llvm::Expected<RungAnswer> askNearest(llvm::StringRef key, llvm::StringRef family, llvm::StringRef signature,
                                        LegalityCheck check);

  const Database &database;
  Lookup here;
  /// The tuned kernels of each family that was asked for.
  std::map<std::string, std::unique_ptr<Neighbors>> neighbors;
};

} // namespace tegula::tuner

#endif // TEGULA_TUNER_SELECT_SCHEDULELOOKUP_H
