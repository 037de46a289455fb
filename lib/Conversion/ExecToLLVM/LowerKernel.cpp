// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  an exec.kernel whose function works on memrefs with plain control flow (cf).
// Out: the function with the runtime's kernel signature, `(grid_id, grid_size, buffers, dims, workspace) -> i32`.
//      Static temporaries live in the worker's slice of the workspace (`workspace` on the kernel says how many bytes);
//      a failed exec.check leaves its status in a stack slot that every return reads.
#include "tegula/Conversion/ExecToLLVM/MemRefs.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/abi.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECLOWERKERNELPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

namespace {
struct ExecLowerKernelPass : tegula::impl::ExecLowerKernelPassBase<ExecLowerKernelPass> {
  void runOnOperation() override {
    exec::KernelOp kernel = getOperation();
    func::FuncOp function = kernel.getFunction();
    if (!function)
      return;
    OpBuilder builder(&getContext());
    Location loc = function.getLoc();
    auto pointerType = LLVM::LLVMPointerType::get(&getContext());
    Type i64 = builder.getI64Type(), i32 = builder.getI32Type();
    Block &entry = function.getBody().front();
    unsigned count = entry.getNumArguments();
    SmallVector<Type> types{i64, i64, pointerType, pointerType, pointerType};
    auto added = entry.addArguments(types, SmallVector<Location>(types.size(), loc));
    SmallVector<Value> arguments(added.begin(), added.end());

    builder.setInsertionPointToStart(&entry);
    auto load = [&](Type type, Value base, int64_t index) -> Value {
      Value slot = LLVM::GEPOp::create(builder, loc, pointerType, type, base, ArrayRef<LLVM::GEPArg>{int32_t(index)});
      return LLVM::LoadOp::create(builder, loc, type, slot);
    };
    int64_t buffer = 0, dim = 0;
    for (unsigned i = 0; i < count; ++i) {
      BlockArgument argument = entry.getArgument(i);
      if (auto type = dyn_cast<MemRefType>(argument.getType())) {
        SmallVector<Value> sizes;
        for (int64_t k = 0; k < type.getNumDynamicDims(); ++k)
          sizes.push_back(load(i64, arguments[3], dim++));
        argument.replaceAllUsesWith(makeMemRef(builder, loc, type, load(pointerType, arguments[2], buffer++), sizes));
      } else {
        Value scalar = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), load(i64, arguments[3], dim++));
        argument.replaceAllUsesWith(scalar);
      }
    }
    Value gridId = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), arguments[0]);
    Value gridSize = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), arguments[1]);
    Value status = LLVM::AllocaOp::create(builder, loc, pointerType, i32, constantI32(builder, loc, 1), 4);
    LLVM::StoreOp::create(builder, loc, constantI32(builder, loc, TEGULA_OK), status);

    int64_t workspace = 0;
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) {
      if (isa<exec::GridIdOp, exec::GridSizeOp, exec::CheckOp, func::ReturnOp, memref::AllocOp, memref::DeallocOp>(op))
        operations.push_back(op);
    });
    for (Operation *op : operations) {
      builder.setInsertionPoint(op);
      if (isa<exec::GridIdOp>(op)) {
        op->getResult(0).replaceAllUsesWith(gridId);
      } else if (isa<exec::GridSizeOp>(op)) {
        op->getResult(0).replaceAllUsesWith(gridSize);
      } else if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
        auto type = alloc.getType();
        if (!type.hasStaticShape() || !type.getLayout().isIdentity())
          continue; // sizes that depend on the data: malloc, freed by a dealloc in the function
        int64_t bytes =
            type.getNumElements() *
            int64_t(llvm::divideCeil(type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth(), 8));
        Value pointer = LLVM::GEPOp::create(builder, loc, pointerType, builder.getI8Type(), arguments[4],
                                            ValueRange{constantI64(builder, loc, workspace)});
        workspace = llvm::alignTo(workspace + bytes, TEGULA_ALIGNMENT);
        alloc.replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, {}));
      } else if (auto check = dyn_cast<exec::CheckOp>(op)) {
        Block *current = op->getBlock();
        Block *rest = current->splitBlock(std::next(op->getIterator()));
        Block *failed = builder.createBlock(rest);
        LLVM::StoreOp::create(builder, loc, constantI32(builder, loc, check.getStatus()), status);
        cf::BranchOp::create(builder, loc, rest);
        builder.setInsertionPointToEnd(current);
        cf::CondBranchOp::create(builder, op->getLoc(), check.getCondition(), rest, ValueRange(), failed, ValueRange());
      } else if (isa<func::ReturnOp>(op)) {
        func::ReturnOp::create(builder, loc, LLVM::LoadOp::create(builder, loc, i32, status).getResult());
      } else {
        continue;
      }
      op->erase();
    }
    entry.eraseArguments(0, count);
    function.setFunctionType(builder.getFunctionType(types, {i32}));
    kernel.setWorkspace(workspace);
  }
};
} // namespace
