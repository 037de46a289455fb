// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/DatabaseSchedules.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::tuner;

std::string tegula::tuner::targetText(ModuleOp module) {
  auto target = module->getAttrOfType<exec::CPUTargetAttr>("exec.target");
  return target ? target.getCpu().str() : "";
}

llvm::Expected<unsigned> tegula::tuner::applySchedules(const Database &database, const Device &device, unsigned threads,
                                                       ModuleOp module) {
  module.getContext()->loadDialect<sched::SchedDialect>();
  std::string target = targetText(module);
  unsigned applied = 0;
  for (auto kernel : module.getOps<exec::KernelOp>()) {
    if (kernel.getSchedule() || !kernel.getKey())
      continue;
    llvm::Expected<std::optional<Best>> best = database.best(*kernel.getKey(), device, target, threads);
    if (!best)
      return best.takeError();
    if (!*best)
      continue;
    const Trial &trial = (*best)->trial;
    // The parser's own words say less than the place does.
    ScopedDiagnosticHandler quiet(module.getContext(), [](Diagnostic &) { return success(); });
    Attribute schedule = parseAttribute(trial.schedule, module.getContext());
    if (!schedule)
      return llvm::createStringError(database.getPath() + ": trial " + llvm::Twine(trial.id) +
                                     ": expected a schedule of this compiler, but got '" + trial.schedule + "'");
    kernel.setScheduleAttr(schedule);
    kernel.setProvenance("database");
    ++applied;
  }
  return applied;
}
