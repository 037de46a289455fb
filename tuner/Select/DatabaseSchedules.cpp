// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Tuner/Select/DatabaseSchedules.h"

#include "ScheduleCheck.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/TargetKernels.h"

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

/// What is wrong with the schedule for the kernel; "" for nothing.
static std::string problemOf(ModuleOp module, exec::KernelOp kernel, llvm::StringRef text) {
  std::string why;
  ScopedDiagnosticHandler quiet(module.getContext(), [&](Diagnostic &diagnostic) {
    why = diagnostic.str();
    return success();
  });
  Attribute schedule = parseAttribute(text, module.getContext());
  // The parser's own words say less.
  if (!schedule)
    return ("expected a schedule of this compiler, but got '" + text + "'").str();
  return failed(checkSchedule(module, kernel, schedule, [&] { return kernel.emitError(); })) ? why : "";
}

llvm::Expected<std::vector<RungAnswer>> tegula::tuner::askForKernel(ScheduleLookup &lookup,
                                                                    const ConstantOperands &constants,
                                                                    exec::KernelOp kernel, bool all) {
  auto module = kernel->getParentOfType<ModuleOp>();
  const TargetKernels *target = findTargetKernels(module->getAttr("exec.target"));
  const KernelFamily *family = target ? target->families().findFor(kernel.getFunction()) : nullptr;
  auto signature = [&] {
    return getSignature(kernel, constants.of(kernel), graph::getPrecisionName(graph::getPrecision(module)));
  };
  return lookup.ask(
      *kernel.getKey(), family ? family->name() : "", signature,
      [&](llvm::StringRef schedule) { return problemOf(module, kernel, schedule); }, all);
}

llvm::Expected<unsigned> tegula::tuner::applySchedules(const Database &database, Lookup here, ModuleOp module) {
  module.getContext()->loadDialect<sched::SchedDialect>();
  here.target = targetText(module);
  ScheduleLookup lookup(database, here);
  ConstantOperands constants(module);
  unsigned applied = 0;
  for (auto kernel : module.getOps<exec::KernelOp>()) {
    if (kernel.getSchedule() || !kernel.getKey())
      continue;
    llvm::Expected<std::vector<RungAnswer>> answers = askForKernel(lookup, constants, kernel);
    if (!answers)
      return answers.takeError();
    // A schedule of another toolchain may mean nothing any more, and a neighbor's may not fit. This one's own must.
    for (const RungAnswer &answer : *answers)
      if (!answer.problem.empty() && answer.rung != Rung::NearestShape &&
          answer.best->trial.toolchain == here.toolchain)
        return llvm::createStringError(database.getPath() + ": trial " + llvm::Twine(answer.best->trial.id) + ": " +
                                       answer.problem);
    const RungAnswer &last = answers->back();
    if (last.rung == Rung::Analytic)
      continue;
    kernel.setScheduleAttr(parseAttribute(last.best->trial.schedule, module.getContext()));
    kernel.setProvenance(("database (" + rungText(last.rung) + ")").str());
    ++applied;
  }
  return applied;
}
