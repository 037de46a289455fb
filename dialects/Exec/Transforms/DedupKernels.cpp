// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  one exec.kernel per group.
// Out: one exec.kernel per distinct body; dispatches of merged kernels point to the survivor, whose `nodes` name all.
//      `key` is a hash of the kernel's text without names and locations.
#include "tegula/Dialect/Exec/Transforms/Passes.h"

#include "mlir/IR/AsmState.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECDEDUPKERNELSPASS
#include "tegula/Dialect/Exec/Transforms/Passes.h.inc"
} // namespace tegula

static std::string getText(exec::KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  func::FuncOp function = kernel.getFunction();
  stream << function.getFunctionType() << " " << kernel.getResultCount() << "\n";
  OpPrintingFlags flags;
  flags.useLocalScope().printGenericOpForm().elideLargeElementsAttrs(64);
  for (Operation &op : function.getBody().front())
    op.print(stream, flags);
  return text;
}

namespace {
struct ExecDedupKernelsPass : tegula::impl::ExecDedupKernelsPassBase<ExecDedupKernelsPass> {
  void runOnOperation() override {
    llvm::StringMap<exec::KernelOp> seen;
    DenseMap<StringRef, exec::KernelOp> survivors;
    SmallVector<exec::KernelOp> merged;
    for (auto kernel : getOperation().getOps<exec::KernelOp>()) {
      std::string text = getText(kernel);
      auto [entry, isNew] = seen.try_emplace(text, kernel);
      kernel.setKey(llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true, 16));
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
