// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/ExecToLLVM/MemRefs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace tegula;

Value tegula::constantI64(OpBuilder &builder, Location loc, int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), value);
}
Value tegula::constantI32(OpBuilder &builder, Location loc, int32_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI32Type(), value);
}

Value tegula::makeMemRef(OpBuilder &builder, Location loc, MemRefType type, Value pointer, ValueRange dynamicSizes) {
  MLIRContext *context = builder.getContext();
  int64_t rank = type.getRank();
  auto pointerType = LLVM::LLVMPointerType::get(context);
  auto i64 = builder.getI64Type();
  SmallVector<Type> fields{pointerType, pointerType, i64};
  if (rank)
    fields.append(2, LLVM::LLVMArrayType::get(i64, rank));
  auto structType = LLVM::LLVMStructType::getLiteral(context, fields);
  Value descriptor = LLVM::PoisonOp::create(builder, loc, structType);
  auto insert = [&](Value value, ArrayRef<int64_t> position) {
    descriptor = LLVM::InsertValueOp::create(builder, loc, descriptor, value, position);
  };
  insert(pointer, {0});
  insert(pointer, {1});
  insert(constantI64(builder, loc, 0), {2});
  SmallVector<Value> sizes;
  size_t next = 0;
  for (int64_t i = 0; i < rank; ++i)
    sizes.push_back(type.isDynamicDim(i) ? dynamicSizes[next++] : constantI64(builder, loc, type.getDimSize(i)));
  Value stride = constantI64(builder, loc, 1);
  for (int64_t i = rank - 1; i >= 0; --i) {
    insert(sizes[i], {3, i});
    insert(stride, {4, i});
    if (i)
      stride = LLVM::MulOp::create(builder, loc, stride, sizes[i]);
  }
  return UnrealizedConversionCastOp::create(builder, loc, type, descriptor).getResult(0);
}

void tegula::replaceKernelArguments(OpBuilder &builder, ArrayRef<BlockArgument> arguments,
                                    function_ref<Value()> nextBuffer, function_ref<Value()> nextDim) {
  for (BlockArgument argument : arguments) {
    Location loc = argument.getLoc();
    if (auto type = dyn_cast<MemRefType>(argument.getType())) {
      Value pointer = nextBuffer();
      SmallVector<Value> sizes;
      for (int64_t k = 0; k < type.getNumDynamicDims(); ++k)
        sizes.push_back(nextDim());
      argument.replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, sizes));
    } else {
      argument.replaceAllUsesWith(
          arith::IndexCastOp::create(builder, loc, builder.getIndexType(), nextDim()).getResult());
    }
  }
}

void tegula::lowerKernelCheck(OpBuilder &builder, exec::CheckOp check, Value status) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = check.getLoc();
  Block *current = check->getBlock();
  Block *rest = current->splitBlock(std::next(check->getIterator()));
  Block *failed = builder.createBlock(rest);
  LLVM::StoreOp::create(builder, loc, constantI32(builder, loc, check.getStatus()), status);
  cf::BranchOp::create(builder, loc, rest);
  builder.setInsertionPointToEnd(current);
  cf::CondBranchOp::create(builder, loc, check.getCondition(), rest, ValueRange(), failed, ValueRange());
  check.erase();
}

Value tegula::getPointer(OpBuilder &builder, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, memref);
  if (!type.getLayout().isIdentity()) {
    auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, memref);
    Value bytes = arith::ConstantIndexOp::create(builder, loc, exec::getElementBytes(type.getElementType()));
    Value offset = arith::MulIOp::create(builder, loc, metadata.getOffset(), bytes);
    address = arith::AddIOp::create(builder, loc, address, offset);
  }
  Value integer = arith::IndexCastOp::create(builder, loc, builder.getI64Type(), address);
  return LLVM::IntToPtrOp::create(builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), integer);
}

SmallVector<Value> tegula::getDynamicExtents(OpBuilder &builder, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<Value> extents;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      extents.push_back(arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                                   memref::DimOp::create(builder, loc, memref, i).getResult()));
  return extents;
}

Value tegula::getByteSize(OpBuilder &builder, Location loc, MemRefType type, ValueRange dynamicSizes) {
  int64_t fixed = exec::getElementBytes(type.getElementType());
  for (int64_t extent : type.getShape())
    if (!ShapedType::isDynamic(extent))
      fixed *= extent;
  Value bytes = constantI64(builder, loc, fixed);
  for (Value size : dynamicSizes)
    bytes = LLVM::MulOp::create(builder, loc, bytes, size);
  return bytes;
}

Value tegula::makeStackArray(OpBuilder &builder, Location loc, Operation *function, ValueRange values, Type element) {
  auto pointerType = LLVM::LLVMPointerType::get(builder.getContext());
  Value array;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&function->getRegion(0).front());
    Value count = constantI64(builder, loc, std::max<size_t>(1, values.size()));
    array = LLVM::AllocaOp::create(builder, loc, pointerType, element, count, 8);
  }
  for (auto [i, value] : llvm::enumerate(values)) {
    Value slot = LLVM::GEPOp::create(builder, loc, pointerType, element, array, ArrayRef<LLVM::GEPArg>{int32_t(i)});
    LLVM::StoreOp::create(builder, loc, value, slot);
  }
  return array;
}
