// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What kernel families have in common whose schedules are one attribute, and which work on a description of the kernel
// that they find in its function.
//
#ifndef TEGULA_CODEGEN_COMMON_DESCRIBEDFAMILY_H
#define TEGULA_CODEGEN_COMMON_DESCRIBEDFAMILY_H

#include "tegula/Kernel/KernelFamily.h"

namespace tegula {

/// The namespace of `Description` has the family's makeSpace, chooseDefault, verifySchedule and computeFeatures.
template <typename Description, typename Schedule> class DescribedFamily : public KernelFamily {
public:
  llvm::StringRef name() const override { return Schedule::getMnemonic(); }
  bool owns(mlir::Attribute schedule) const override { return mlir::isa<Schedule>(schedule); }

  bool match(mlir::func::FuncOp kernel) const override {
    Description description;
    return find(kernel, description, /*whole=*/true);
  }

  mlir::Attribute defaultSchedule(mlir::func::FuncOp kernel, const MachineModel &machine) const override {
    Description description = describe(kernel);
    SearchSpace space = makeSpace(description, machine);
    return schedule(kernel, space, chooseDefault(space, description, machine));
  }

  SearchSpace space(mlir::func::FuncOp kernel, const MachineModel &machine) const override {
    return makeSpace(describe(kernel), machine);
  }

  mlir::LogicalResult verify(mlir::func::FuncOp kernel, mlir::Attribute schedule, const MachineModel &machine,
                             EmitError emitError) const override {
    auto own = mlir::dyn_cast<Schedule>(schedule);
    if (!own)
      return emitError() << "expected a schedule of the family " << name() << ", but got " << schedule;
    Description description;
    if (!find(kernel, description, /*whole=*/false))
      return emitError() << "expected a kernel with " << subject() << ", but it has none";
    return verifySchedule(own, description, machine, emitError);
  }

  KernelFeatures features(mlir::func::FuncOp kernel, mlir::Attribute schedule,
                          const MachineModel &machine) const override {
    return computeFeatures(mlir::cast<Schedule>(schedule), describe(kernel), machine);
  }

protected:
  /// Finds what the family computes in `kernel`; with `whole`, only if the rest of it can be lowered too.
  virtual bool find(mlir::func::FuncOp kernel, Description &description, bool whole) const = 0;
  /// What that is, for messages: "one convolution on blocked channels".
  virtual llvm::StringRef subject() const = 0;

private:
  Description describe(mlir::func::FuncOp kernel) const {
    Description description;
    [[maybe_unused]] bool found = find(kernel, description, /*whole=*/false);
    assert(found && "asked about a kernel that does not match");
    return description;
  }
};

} // namespace tegula

#endif
