// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  an exec.kernel of a GPU target: its phases (functions on memrefs with `exec.block`) and for each the host
// function
//      `<phase>_grid` with the same arguments that returns the blocks in x, y and z; plain control flow (cf).
// Out: phases `(buffers..., dims..., workspace, status)`, 64 bits each, as abi.h's tegula_device_phase says; grid
//      functions `(dims, blocks)`. exec.arena_view is a part of the workspace; a failed exec.check writes its
//      status where the last argument says. A worker is a thread: exec.grid_id counts threads over all blocks in x.
#include "tegula/Conversion/ExecToLLVM/MemRefs.h"
#include "tegula/Conversion/Passes.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECLOWERDEVICEKERNELPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

namespace {
struct ExecLowerDeviceKernelPass : tegula::impl::ExecLowerDeviceKernelPassBase<ExecLowerDeviceKernelPass> {
  void lowerGrid(func::FuncOp function) {
    OpBuilder builder(&getContext());
    Location loc = function.getLoc();
    auto pointerType = LLVM::LLVMPointerType::get(&getContext());
    Type i64 = builder.getI64Type();
    Block &entry = function.getBody().front();
    SmallVector<BlockArgument> old(entry.getArguments());
    Value dims = entry.addArgument(pointerType, loc), blocks = entry.addArgument(pointerType, loc);
    builder.setInsertionPointToStart(&entry);
    Value null = LLVM::ZeroOp::create(builder, loc, pointerType);
    int32_t dim = 0;
    auto slot = [&](Value base, int32_t index) -> Value {
      return LLVM::GEPOp::create(builder, loc, pointerType, i64, base, ArrayRef<LLVM::GEPArg>{index});
    };
    replaceKernelArguments(
        builder, old, [&] { return null; },
        [&]() -> Value { return LLVM::LoadOp::create(builder, loc, i64, slot(dims, dim++)); });
    entry.eraseArguments(0, old.size());
    function.walk([&](func::ReturnOp op) {
      builder.setInsertionPoint(op);
      for (auto [i, count] : llvm::enumerate(op.getOperands()))
        LLVM::StoreOp::create(builder, loc, arith::IndexCastOp::create(builder, loc, i64, count), slot(blocks, i));
      func::ReturnOp::create(builder, loc);
      op.erase();
    });
    function.setFunctionType(builder.getFunctionType({pointerType, pointerType}, {}));
  }

  LogicalResult lowerPhase(func::FuncOp function) {
    OpBuilder builder(&getContext());
    Location loc = function.getLoc();
    auto pointerType = LLVM::LLVMPointerType::get(&getContext());
    Type i64 = builder.getI64Type();
    Block &entry = function.getBody().front();
    SmallVector<BlockArgument> old(entry.getArguments());
    size_t buffers = 0, dims = 0;
    for (BlockArgument argument : old) {
      auto type = dyn_cast<MemRefType>(argument.getType());
      buffers += bool(type);
      dims += type ? type.getNumDynamicDims() : 1;
    }
    SmallVector<Type> types(buffers, pointerType);
    types.append(dims, i64);
    types.append(2, pointerType);
    SmallVector<BlockArgument> added(entry.addArguments(types, SmallVector<Location>(types.size(), loc)));
    Value workspace = added[buffers + dims], status = added[buffers + dims + 1];
    builder.setInsertionPointToStart(&entry);
    size_t buffer = 0, dim = buffers;
    replaceKernelArguments(
        builder, old, [&]() -> Value { return added[buffer++]; }, [&]() -> Value { return added[dim++]; });

    auto block = function->getAttrOfType<DenseI32ArrayAttr>("exec.block");
    auto wide = [&](Value number) -> Value {
      Value extended = LLVM::ZExtOp::create(builder, loc, i64, number);
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(), extended);
    };
    Type i32 = builder.getI32Type();
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) {
      if (isa<exec::GridIdOp, exec::GridSizeOp, exec::CheckOp, exec::ArenaViewOp, memref::AllocOp>(op))
        operations.push_back(op);
    });
    for (Operation *op : operations) {
      builder.setInsertionPoint(op);
      loc = op->getLoc();
      if (isa<exec::GridIdOp, exec::GridSizeOp>(op)) {
        Value threads = arith::ConstantIndexOp::create(builder, loc, block[0]);
        Value blocks = isa<exec::GridIdOp>(op) ? wide(NVVM::BlockIdXOp::create(builder, loc, i32))
                                               : wide(NVVM::GridDimXOp::create(builder, loc, i32));
        Value number = arith::MulIOp::create(builder, loc, blocks, threads);
        if (isa<exec::GridIdOp>(op))
          number = arith::AddIOp::create(builder, loc, number, wide(NVVM::ThreadIdXOp::create(builder, loc, i32)));
        op->getResult(0).replaceAllUsesWith(number);
      } else if (auto view = dyn_cast<exec::ArenaViewOp>(op)) {
        Value pointer = LLVM::GEPOp::create(builder, loc, pointerType, builder.getI8Type(), workspace,
                                            ValueRange{constantI64(builder, loc, view.getOffset())});
        view.replaceAllUsesWith(makeMemRef(builder, loc, cast<MemRefType>(view.getType()), pointer, {}));
      } else if (isa<memref::AllocOp>(op)) {
        return op->emitError("expected temporaries in the workspace, but got an allocation");
      } else if (auto check = dyn_cast<exec::CheckOp>(op)) {
        lowerKernelCheck(builder, check, status);
        continue;
      }
      op->erase();
    }
    entry.eraseArguments(0, old.size());
    function.setFunctionType(builder.getFunctionType(types, {}));
    return success();
  }

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getBody().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (function->hasAttr("exec.grid"))
        lowerGrid(function);
      else if (!function->hasAttr("exec.block")) {
        function.emitError("expected a phase with exec.block, but it has none");
        return signalPassFailure();
      } else if (failed(lowerPhase(function)))
        return signalPassFailure();
    }
  }
};
} // namespace
