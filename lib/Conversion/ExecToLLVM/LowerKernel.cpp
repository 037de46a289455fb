// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  an exec.kernel whose function works on memrefs with plain control flow (cf).
// Out: the function with the runtime's kernel signature, `(grid_id, grid_size, buffers, dims, workspace) -> i32`. A
//      failed exec.check leaves its status in a stack slot that every return reads. The function that computes the
//      bytes of the workspace becomes `(dims) -> i64`.
#include "tegula/Conversion/ExecToLLVM/MemRefs.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/abi.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECLOWERKERNELPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

/// Replaces the arguments of `function` by what the runtime passes in `buffers` (null: no memory is accessed) and
/// `dims`, at the builder's place.
static void bindArguments(OpBuilder &builder, func::FuncOp function, Value buffers, Value dims) {
  Location loc = function.getLoc();
  auto pointerType = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto load = [&](Type type, Value base, int64_t index) -> Value {
    Value slot = LLVM::GEPOp::create(builder, loc, pointerType, type, base, ArrayRef<LLVM::GEPArg>{int32_t(index)});
    return LLVM::LoadOp::create(builder, loc, type, slot);
  };
  int64_t buffer = 0, dim = 0;
  unsigned count = function.getFunctionType().getNumInputs();
  Value null = buffers ? Value() : LLVM::ZeroOp::create(builder, loc, pointerType);
  replaceKernelArguments(
      builder, function.getArguments().take_front(count),
      [&] { return buffers ? load(pointerType, buffers, buffer++) : null; }, [&] { return load(i64, dims, dim++); });
  function.getBody().front().eraseArguments(0, count);
}

static void lowerWorkspaceFunction(OpBuilder &builder, func::FuncOp function) {
  Block &entry = function.getBody().front();
  auto pointerType = LLVM::LLVMPointerType::get(builder.getContext());
  Value dims = entry.addArgument(pointerType, function.getLoc());
  builder.setInsertionPointToStart(&entry);
  bindArguments(builder, function, /*buffers=*/nullptr, dims);
  function.walk([&](func::ReturnOp op) {
    builder.setInsertionPoint(op);
    op.setOperand(0, arith::IndexCastOp::create(builder, op.getLoc(), builder.getI64Type(), op.getOperand(0)));
  });
  function.setFunctionType(builder.getFunctionType(pointerType, builder.getI64Type()));
}

static void lowerFunction(OpBuilder &builder, func::FuncOp function) {
  Location loc = function.getLoc();
  auto pointerType = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type(), i32 = builder.getI32Type();
  Block &entry = function.getBody().front();
  SmallVector<Type> types{i64, i64, pointerType, pointerType, pointerType};
  auto added = entry.addArguments(types, SmallVector<Location>(types.size(), loc));
  SmallVector<Value> arguments(added.begin(), added.end());

  builder.setInsertionPointToStart(&entry);
  bindArguments(builder, function, /*buffers=*/arguments[2], /*dims=*/arguments[3]);
  Value gridId = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), arguments[0]);
  Value gridSize = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), arguments[1]);
  Value status = LLVM::AllocaOp::create(builder, loc, pointerType, i32, constantI32(builder, loc, 1), 4);
  LLVM::StoreOp::create(builder, loc, constantI32(builder, loc, TEGULA_OK), status);

  SmallVector<Operation *> operations;
  function.walk([&](Operation *op) {
    if (isa<exec::GridIdOp, exec::GridSizeOp, exec::TemporaryOp, exec::CheckOp, func::ReturnOp>(op))
      operations.push_back(op);
  });
  for (Operation *op : operations) {
    builder.setInsertionPoint(op);
    if (isa<exec::GridIdOp>(op)) {
      op->getResult(0).replaceAllUsesWith(gridId);
    } else if (isa<exec::GridSizeOp>(op)) {
      op->getResult(0).replaceAllUsesWith(gridSize);
    } else if (auto temporary = dyn_cast<exec::TemporaryOp>(op)) {
      auto toInteger = [&](Value index) -> Value { return arith::IndexCastOp::create(builder, loc, i64, index); };
      Value pointer = LLVM::GEPOp::create(builder, loc, pointerType, builder.getI8Type(), arguments[4],
                                          ValueRange{toInteger(temporary.getOffset())});
      SmallVector<Value> sizes(llvm::map_range(temporary.getSizes(), toInteger));
      auto type = cast<MemRefType>(temporary.getResult().getType());
      temporary.replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, sizes));
    } else if (auto check = dyn_cast<exec::CheckOp>(op)) {
      lowerKernelCheck(builder, check, status);
      continue;
    } else {
      func::ReturnOp::create(builder, loc, LLVM::LoadOp::create(builder, loc, i32, status).getResult());
    }
    op->erase();
  }
  function.setFunctionType(builder.getFunctionType(types, {i32}));
}

namespace {
struct ExecLowerKernelPass : tegula::impl::ExecLowerKernelPassBase<ExecLowerKernelPass> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    if (func::FuncOp function = getOperation().getFunction())
      lowerFunction(builder, function);
    if (func::FuncOp function = getOperation().getWorkspaceFunction())
      lowerWorkspaceFunction(builder, function);
  }
};
} // namespace
