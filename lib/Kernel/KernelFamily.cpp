// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tegula/Kernel/KernelFamily.h"

using namespace tegula;

KernelFamily::~KernelFamily() = default;

llvm::LogicalResult KernelFamily::lower(mlir::func::FuncOp kernel, mlir::Attribute schedule,
                                        const MachineModel &machine) const {
  if (failed(verify(kernel, schedule, machine, [&] { return kernel.emitError(); })))
    return llvm::failure();
  return lowerVerified(kernel, schedule, machine);
}

void KernelFamilies::add(std::unique_ptr<KernelFamily> family) {
  assert(!find(family->name()) && "a family is added once");
  families.push_back(std::move(family));
}

const KernelFamily *KernelFamilies::findFor(mlir::func::FuncOp kernel) const {
  for (const auto &family : families)
    if (family->match(kernel))
      return family.get();
  return nullptr;
}

const KernelFamily *KernelFamilies::findFor(mlir::Attribute schedule) const {
  for (const auto &family : families)
    if (family->owns(schedule))
      return family.get();
  return nullptr;
}

const KernelFamily *KernelFamilies::find(llvm::StringRef name) const {
  for (const auto &family : families)
    if (family->name() == name)
      return family.get();
  return nullptr;
}
