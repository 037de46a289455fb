// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  a kernel's function in the LLVM dialect with the runtime's signature.
// Out: the same; every memory access whose address is traced to one buffer, the extents or the workspace says so by
// alias
//      scopes. Kernels' buffers do not overlap (exec.kernel's contract), but their addresses come out of an array,
//      where LLVM cannot know that: without scopes its vectorizer guards each loop by run-time checks, or gives up on
//      short ones.
//
//   %p = llvm.load %buffers[1]; llvm.store %v, %p[%i]
//   =>  llvm.store %v, %p[%i] {alias_scopes = [buffer 1], noalias_scopes = [buffer 0, extents, workspace]}
#include "tegula/Conversion/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECSEPARATEBUFFERSPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

/// Arguments of the runtime's kernel signature.
enum Argument : unsigned { buffersArgument = 2, dimsArgument = 3, workspaceArgument = 4, argumentCount = 5 };

/// What `value`, a field of a memref descriptor, was inserted as; null where that is not seen.
static Value findInserted(LLVM::ExtractValueOp extract) {
  Value container = extract.getContainer();
  while (auto insert = container.getDefiningOp<LLVM::InsertValueOp>()) {
    if (insert.getPosition() == extract.getPosition())
      return insert.getValue();
    container = insert.getContainer();
  }
  return nullptr;
}

/// The memory that an address is in: -2 the extents, -1 the workspace, k >= 0 buffer k; nothing when it is not traced.
static std::optional<int64_t> findMemory(Value address, Block &entry) {
  while (address) {
    if (address == entry.getArgument(dimsArgument))
      return -2;
    if (address == entry.getArgument(workspaceArgument))
      return -1;
    if (auto offset = address.getDefiningOp<LLVM::GEPOp>()) {
      address = offset.getBase();
    } else if (auto extract = address.getDefiningOp<LLVM::ExtractValueOp>()) {
      address = findInserted(extract);
    } else if (auto load = address.getDefiningOp<LLVM::LoadOp>()) {
      if (load.getAddr() == entry.getArgument(buffersArgument))
        return 0;
      auto slot = load.getAddr().getDefiningOp<LLVM::GEPOp>();
      if (!slot || slot.getBase() != entry.getArgument(buffersArgument) || slot.getRawConstantIndices().size() != 1 ||
          !isa<LLVM::LLVMPointerType>(slot.getElemType()) || !slot.getDynamicIndices().empty())
        return std::nullopt;
      return slot.getRawConstantIndices()[0];
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

namespace {
struct ExecSeparateBuffersPass : tegula::impl::ExecSeparateBuffersPassBase<ExecSeparateBuffersPass> {
  void runOnOperation() override {
    getOperation()->walk([&](LLVM::LLVMFuncOp function) { separate(function); });
  }

  void separate(LLVM::LLVMFuncOp function) {
    if (function.isExternal() || function.getNumArguments() != argumentCount)
      return;
    Block &entry = function.getBody().front();
    // An access in two places (a copy) is in neither alone.
    SmallVector<std::pair<LLVM::AliasAnalysisOpInterface, int64_t>> accesses;
    llvm::MapVector<int64_t, Attribute> scopes;
    function.walk([&](LLVM::AliasAnalysisOpInterface access) {
      std::optional<int64_t> memory;
      for (Value address : access.getAccessedOperands()) {
        std::optional<int64_t> found = findMemory(address, entry);
        if (!found || (memory && memory != found))
          return;
        memory = found;
      }
      if (!memory)
        return;
      accesses.emplace_back(access, *memory);
      scopes[*memory] = nullptr;
    });
    if (scopes.size() < 2)
      return;
    auto domain = LLVM::AliasScopeDomainAttr::get(&getContext(), StringAttr::get(&getContext(), function.getName()));
    for (auto &[memory, scope] : scopes)
      scope = LLVM::AliasScopeAttr::get(domain);
    for (auto [access, memory] : accesses) {
      SmallVector<Attribute> others;
      for (auto [other, scope] : scopes)
        if (other != memory)
          others.push_back(scope);
      access.setAliasScopes(ArrayAttr::get(&getContext(), scopes[memory]));
      access.setNoAliasScopes(ArrayAttr::get(&getContext(), others));
    }
  }
};
} // namespace
