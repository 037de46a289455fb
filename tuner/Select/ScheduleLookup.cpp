// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/ScheduleLookup.h"

#include "KernelShape.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace tegula::tuner;

/// The tuned kernels of one family, by the pattern of their signatures.
struct ScheduleLookup::Neighbors {
  struct Kernel {
    std::string key;
    KernelShape shape;
  };
  llvm::StringMap<std::vector<Kernel>> byPattern;
};

ScheduleLookup::ScheduleLookup(const Database &database, Lookup here) : database(database), here(std::move(here)) {}
ScheduleLookup::~ScheduleLookup() = default;

llvm::Expected<std::vector<RungAnswer>> ScheduleLookup::ask(llvm::StringRef key, llvm::StringRef family,
                                                            llvm::function_ref<std::string()> signature,
                                                            LegalityCheck check, bool all) {
  std::vector<RungAnswer> answers;
  here.workload = key.str();
  bool isAnswered = false;
  if (llvm::Error error = database.forEachAnswer(here, [&](Best best) {
        // Rungs that know nothing are passed over.
        while (answers.size() < static_cast<size_t>(best.rung))
          answers.push_back({static_cast<Rung>(answers.size()), std::nullopt, ""});
        std::string problem = check(best.trial.schedule);
        answers.push_back({best.rung, std::move(best), std::move(problem)});
        isAnswered |= answers.back().stands();
        return isAnswered && !all;
      }))
    return std::move(error);
  if (isAnswered && !all)
    return answers;
  while (answers.size() < static_cast<size_t>(Rung::NearestShape))
    answers.push_back({static_cast<Rung>(answers.size()), std::nullopt, ""});
  llvm::Expected<RungAnswer> nearest = askNearest(key, family, signature(), check);
  if (!nearest)
    return nearest.takeError();
  answers.push_back(std::move(*nearest));
  if (all || !answers.back().stands())
    answers.push_back({Rung::Analytic, std::nullopt, ""});
  return answers;
}

llvm::Expected<RungAnswer> ScheduleLookup::askNearest(llvm::StringRef key, llvm::StringRef family,
                                                      llvm::StringRef signature, LegalityCheck check) {
  std::unique_ptr<Neighbors> &known = neighbors[family.str()];
  if (!known) {
    llvm::Expected<std::vector<Workload>> tuned = database.tunedWorkloads(family, here.target, here.threads);
    if (!tuned)
      return tuned.takeError();
    known = std::make_unique<Neighbors>();
    for (const Workload &workload : *tuned) {
      KernelShape shape = shapeOf(workload.signature);
      known->byPattern[shape.pattern].push_back({workload.key, shape});
    }
  }
  RungAnswer answer{Rung::NearestShape, std::nullopt, ""};
  KernelShape shape = shapeOf(signature);
  auto alike = known->byPattern.find(shape.pattern);
  if (alike == known->byPattern.end())
    return answer;
  std::vector<std::pair<double, const Neighbors::Kernel *>> order;
  for (const Neighbors::Kernel &kernel : alike->second)
    if (kernel.key != key)
      order.push_back({distance(shape, kernel.shape), &kernel});
  // The kernels of a pattern are in the order of their keys.
  llvm::sort(order);
  for (auto [distance, kernel] : order) {
    Lookup there = here;
    there.workload = kernel->key;
    llvm::Expected<std::optional<Best>> best = database.best(there);
    if (!best)
      return best.takeError();
    // Tuned on no machine of this class.
    if (!*best)
      continue;
    std::string problem = check((*best)->trial.schedule);
    // Of several that are not legal, the nearest is told.
    if (!problem.empty() && answer.best)
      continue;
    answer.best = std::move(*best);
    answer.best->rung = Rung::NearestShape;
    answer.problem = problem;
    if (problem.empty())
      break;
  }
  return answer;
}
