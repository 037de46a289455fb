// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a bufferized kernel with a schedule.
// Out: loops, as the schedule's family writes them.
#include "tegula/Codegen/CPU/CPUKernels.h"
#include "tegula/Codegen/Passes.h"

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
    auto target = kernel->getParentOfType<ModuleOp>()->getAttrOfType<exec::CPUTargetAttr>("exec.target");
    MachineModel machine = target ? getMachineModel(target) : MachineModel();
    if (!kernel.getSchedule()) {
      kernel.emitError("expected a schedule");
      return signalPassFailure();
    }
    const KernelFamily *family = getCPUFamilies().findFor(*kernel.getSchedule());
    if (!family) {
      kernel.emitError("no family owns schedule ") << *kernel.getSchedule();
      return signalPassFailure();
    }
    if (failed(family->lower(kernel.getFunction(), *kernel.getSchedule(), machine)))
      signalPassFailure();
  }
};
} // namespace
