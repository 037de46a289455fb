// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which trial answers a question. A build asks once for each kernel, so the statements stay prepared, and each finds
// its row through indexes (LookupTest.cpp looks at SQLite's plans).
//
#include "Implementation.h"

#include "llvm/ADT/ScopeExit.h"

#include <iterator>

using namespace tegula::tuner;

static constexpr llvm::StringLiteral rungTexts[] = {"exact",      "same_artifact", "other_toolchain",
                                                    "same_class", "nearest_shape", "analytic"};

llvm::StringRef tegula::tuner::rungText(Rung rung) { return rungTexts[static_cast<int>(rung)]; }

/// What a trial `candidate` must be to stand on the rung, beside where it was measured.
static const char *conditionOf(Rung rung) {
  switch (rung) {
  case Rung::Exact:
    return " AND candidate.toolchain = (SELECT id FROM toolchain WHERE version = ?6)";
  case Rung::SameArtifact:
    return " AND candidate.artifact <> '' AND candidate.artifact ="
           " (SELECT artifact FROM revalidation WHERE revalidation.trial = candidate.id AND revalidation.toolchain ="
           " (SELECT id FROM toolchain WHERE version = ?6) ORDER BY revalidation.id DESC LIMIT 1)";
  default:
    return "";
  }
}

/// Numbers of rung and trial, and the reason of the selection or null. Without a trial there is no row, or nulls: with
/// a bare max() or min(), SQLite takes the other columns from that row, and needs no table to sort in.
static std::string answerText(Rung rung, bool selected) {
  std::string number = std::to_string(static_cast<int>(rung));
  bool isOfClass = rung == Rung::SameClass;
  auto conditions = [&](const std::string &table) {
    return " WHERE " + table + ".workload = (SELECT id FROM workload WHERE key = ?1) AND " + table +
           ".target = ?2 AND " + table + ".threads = ?3 AND " + table +
           ".device = " + (isOfClass ? "device.id AND device.class = ?5" : "(SELECT id FROM device WHERE key = ?4)") +
           conditionOf(rung);
  };
  std::string devices = isOfClass ? "device CROSS JOIN " : "";
  // At any sizes and in any space: a schedule that failed once is never the answer, also when that was after its
  // selection.
  const std::string neverFailed =
      " AND NOT EXISTS (SELECT 1 FROM trial AS failure WHERE failure.workload = candidate.workload"
      " AND failure.device = candidate.device AND failure.target = candidate.target"
      " AND failure.schedule = candidate.schedule AND failure.status <> 'ok')";
  if (selected)
    return "SELECT " + number + ", chosen.trial, chosen.reason, max(chosen.id) FROM " + devices +
           "selection AS chosen CROSS JOIN trial AS candidate ON candidate.id = chosen.trial" + conditions("chosen") +
           neverFailed;
  // Few trials were revalidated.
  std::string trials = rung == Rung::SameArtifact
                           ? "revalidation AS proof CROSS JOIN trial AS candidate ON candidate.id = proof.trial AND"
                             " proof.workload = (SELECT id FROM workload WHERE key = ?1) AND"
                             " proof.toolchain = (SELECT id FROM toolchain WHERE version = ?6)"
                           : "trial AS candidate";
  return "SELECT " + number + ", candidate.id, NULL, min(candidate.median_ns) FROM " + devices + trials +
         conditions("candidate") + " AND candidate.status = 'ok'" + neverFailed;
}

std::string tegula::tuner::lookupText() {
  std::string text;
  for (Rung rung : {Rung::Exact, Rung::SameArtifact, Rung::OtherToolchain, Rung::SameClass})
    for (bool selected : {true, false})
      text += (text.empty() ? "" : " UNION ALL ") + answerText(rung, selected);
  return text;
}

llvm::Error Database::forEachAnswer(const Lookup &asked, llvm::function_ref<bool(Best)> take) const {
  std::unique_ptr<Statement> &lookup = implementation->lookup, &load = implementation->load;
  if (!lookup)
    lookup = std::make_unique<Statement>(getPath(), implementation->connection, lookupText());
  if (!load)
    load = std::make_unique<Statement>(getPath(), implementation->connection,
                                       std::string(selectTrials) + "WHERE trial.id = ?");
  // A statement that is left within its rows would keep the log from being written back.
  llvm::scope_exit done([&] {
    load->reset();
    lookup->reset();
  });
  lookup->bind(asked.workload)
      .bind(asked.target)
      .bind(int64_t(asked.threads))
      .bind(asked.device.key)
      .bind(asked.device.deviceClass)
      .bind(asked.toolchain);
  std::optional<Rung> last;
  while (true) {
    llvm::Expected<bool> row = lookup->step();
    if (!row)
      return row.takeError();
    if (!*row)
      return llvm::Error::success();
    auto rung = static_cast<Rung>(lookup->integer(0));
    if (asked.toolchain.empty() && rung == Rung::OtherToolchain)
      rung = Rung::Exact;
    if (last == rung || lookup->integer(1) == 0)
      continue;
    last = rung;
    llvm::Expected<bool> found = load->reset().bind(lookup->integer(1)).step();
    if (!found)
      return found.takeError();
    if (take({readTrial(*load), rung, lookup->text(2)}))
      return llvm::Error::success();
  }
}

llvm::Expected<std::optional<Best>> Database::best(const Lookup &asked) const {
  std::optional<Best> first;
  if (llvm::Error error = forEachAnswer(asked, [&](Best best) {
        first = std::move(best);
        return true;
      }))
    return std::move(error);
  return first;
}

llvm::Expected<std::vector<Workload>> Database::tunedWorkloads(llvm::StringRef family, llvm::StringRef target,
                                                               unsigned threads) const {
  Statement statement(getPath(), implementation->connection,
                      "SELECT key, family, signature FROM workload WHERE family = ? AND EXISTS (SELECT 1 FROM trial"
                      " WHERE trial.workload = workload.id AND trial.target = ? AND trial.threads = ? AND"
                      " trial.status = 'ok') ORDER BY key");
  statement.bind(family).bind(target).bind(int64_t(threads));
  std::vector<Workload> workloads;
  if (llvm::Error error = statement.forEachRow([&] {
        workloads.push_back({statement.text(0), statement.text(1), statement.text(2)});
        return llvm::Error::success();
      }))
    return std::move(error);
  return workloads;
}
