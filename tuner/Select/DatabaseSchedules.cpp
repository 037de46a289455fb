// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/DatabaseSchedules.h"

#include "ScheduleCheck.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::tuner;

std::string tegula::tuner::targetText(ModuleOp module) {
  mlir::Attribute target = module->getAttr("exec.target");
  if (auto cpu = llvm::dyn_cast_or_null<exec::CPUTargetAttr>(target))
    return cpu.getCpu().str();
  if (auto gpu = llvm::dyn_cast_or_null<exec::NVPTXTargetAttr>(target))
    return ("nvptx:" + gpu.getChip()).str();
  return "";
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
    std::string place = (database.getPath() + ": trial " + llvm::Twine(trial.id) + ": ").str(), why;
    ScopedDiagnosticHandler quiet(module.getContext(), [&](Diagnostic &diagnostic) {
      why = diagnostic.str();
      return success();
    });
    // The parser's own words say less than the place does.
    Attribute schedule = parseAttribute(trial.schedule, module.getContext());
    if (!schedule)
      return llvm::createStringError(place + "expected a schedule of this compiler, but got '" + trial.schedule + "'");
    if (failed(checkSchedule(module, kernel, schedule, [&] { return kernel.emitError(); })))
      return llvm::createStringError(place + why);
    kernel.setScheduleAttr(schedule);
    kernel.setProvenance("database");
    ++applied;
  }
  return applied;
}
