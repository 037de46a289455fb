// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel with a schedule.
// Out: loops, as the schedule's family writes them; an estimate of the kernel's work in `exec.work`.
#include "tegula/Codegen/Common/Work.h"
#include "tegula/Codegen/Passes.h"
#include "tegula/Kernel/TargetKernels.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_CODEGENLOWERFAMILYPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
struct CodegenLowerFamilyPass : tegula::impl::CodegenLowerFamilyPassBase<CodegenLowerFamilyPass> {
  void runOnOperation() override {
    exec::KernelOp kernel = getOperation();
    Attribute targetAttribute = kernel->getParentOfType<ModuleOp>()->getAttr("exec.target");
    const TargetKernels *target = findTargetKernels(targetAttribute);
    if (!target) {
      kernel.emitError("expected a known exec.target on the module, but got ") << targetAttribute;
      return signalPassFailure();
    }
    if (!kernel.getSchedule()) {
      kernel.emitError("expected a schedule");
      return signalPassFailure();
    }
    const KernelFamily *family = target->families().findFor(*kernel.getSchedule());
    if (!family) {
      kernel.emitError("no family owns schedule ") << *kernel.getSchedule();
      return signalPassFailure();
    }
    MachineModel machine = target->machine(targetAttribute);
    kernel->setAttr("exec.work", estimateWork(kernel.getFunction(), machine));
    if (failed(family->lower(kernel.getFunction(), *kernel.getSchedule(), machine)))
      signalPassFailure();
  }
};
} // namespace
