// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "ScheduleCheck.h"

#include "tegula/Kernel/TargetKernels.h"

using namespace mlir;
using namespace tegula;

LogicalResult tegula::tuner::checkSchedule(ModuleOp module, exec::KernelOp kernel, Attribute schedule,
                                           KernelFamily::EmitError emitError) {
  Attribute targetAttribute = module->getAttr("exec.target");
  const TargetKernels *target = findTargetKernels(targetAttribute);
  if (!target)
    return emitError() << "expected a known exec.target, but got " << targetAttribute;
  func::FuncOp function = kernel.getFunction();
  const KernelFamily *family = target->families().findFor(schedule);
  if (!family || !family->match(function))
    return emitError() << "expected a schedule of a family that takes kernel " << kernel.getSymName() << ", but got "
                       << schedule;
  return family->verify(function, schedule, target->machine(targetAttribute), emitError);
}
