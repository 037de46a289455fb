// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  one exec.kernel per group.
// Out: one exec.kernel per distinct signature; dispatches of merged kernels point to the survivor, whose `nodes` name
//      all. `key` is the hash of the signature (tegula/Kernel/KernelSignature.h).
#include "tegula/Dialect/Exec/Transforms/Passes.h"
#include "tegula/Dialect/Graph/IR/Precision.h"
#include "tegula/Kernel/KernelSignature.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECDEDUPKERNELSPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

namespace {
struct ExecDedupKernelsPass : tegula::impl::ExecDedupKernelsPassBase<ExecDedupKernelsPass> {
  void runOnOperation() override {
    ConstantOperands constants(getOperation());
    StringRef precision = graph::getPrecisionName(graph::getPrecision(getOperation()));
    llvm::StringMap<exec::KernelOp> seen;
    DenseMap<StringRef, exec::KernelOp> survivors;
    SmallVector<exec::KernelOp> merged;
    for (auto kernel : getOperation().getOps<exec::KernelOp>()) {
      std::string signature = getSignature(kernel, constants.of(kernel), precision);
      auto [entry, isNew] = seen.try_emplace(signature, kernel);
      kernel.setKey(getSignatureKey(signature));
      if (isNew)
        continue;
      exec::KernelOp survivor = entry->second;
      survivors[kernel.getSymName()] = survivor;
      llvm::SetVector<Attribute> nodes;
      nodes.insert_range(survivor.getNodesAttr());
      nodes.insert_range(kernel.getNodesAttr());
      survivor.setNodesAttr(ArrayAttr::get(&getContext(), nodes.getArrayRef()));
      merged.push_back(kernel);
    }
    getOperation().walk([&](exec::DispatchOp dispatch) {
      if (auto found = survivors.find(dispatch.getKernel()); found != survivors.end())
        dispatch.setKernel(found->second.getSymName());
    });
    for (exec::KernelOp kernel : merged)
      kernel.erase();
  }
};
} // namespace
