// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  kernels, some with a schedule (from the IR, a lock file or the database).
// Out: every kernel with one: what was missing is the analytic default of the first family that matches. `provenance`
//      says where each came from; a schedule that its family rejects is an error.
#include "tegula/Codegen/Passes.h"
#include "tegula/Kernel/TargetKernels.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_CODEGENASSIGNSCHEDULESPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
struct CodegenAssignSchedulesPass : tegula::impl::CodegenAssignSchedulesPassBase<CodegenAssignSchedulesPass> {
  void runOnOperation() override {
    Attribute targetAttribute = getOperation()->getAttr("exec.target");
    const TargetKernels *target = findTargetKernels(targetAttribute);
    if (!target) {
      getOperation().emitError("expected a known exec.target, but got ") << targetAttribute;
      return signalPassFailure();
    }
    const KernelFamilies &families = target->families();
    MachineModel machine = target->machine(targetAttribute);
    for (auto kernel : getOperation().getOps<exec::KernelOp>()) {
      func::FuncOp function = kernel.getFunction();
      if (!kernel.getSchedule()) {
        kernel.setScheduleAttr(families.findFor(function)->defaultSchedule(function, machine));
        kernel.setProvenance("default");
        continue;
      }
      if (!kernel.getProvenance())
        kernel.setProvenance("ir");
      const KernelFamily *family = families.findFor(*kernel.getSchedule());
      if (!family || !family->match(function)) {
        kernel.emitError("expected a schedule of a family that takes this kernel, but got ") << *kernel.getSchedule();
        return signalPassFailure();
      }
      if (failed(family->verify(function, *kernel.getSchedule(), machine, [&] { return kernel.emitError(); })))
        return signalPassFailure();
    }
  }
};
} // namespace
