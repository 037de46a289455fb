// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Conversion/GraphToLinalg/HostCall.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Graph/IR/Types.h"

using namespace mlir;
using namespace tegula;

Value tegula::toHandle(OpBuilder &b, Location loc, Value converted, Type graphType) {
  auto handle = exec::HandleType::get(b.getContext());
  if (!converted)
    return exec::NothingOp::create(b, loc, handle);
  auto tensor = dyn_cast<TensorType>(graphType);
  if (!tensor)
    return converted;
  return exec::BoxOp::create(b, loc, handle, graph::getOnnxElementType(tensor.getElementType()), converted);
}

Value tegula::fromHandle(OpBuilder &b, Location loc, Value handle, Type graphType) {
  auto tensor = dyn_cast<TensorType>(graphType);
  if (!tensor)
    return handle;
  return exec::UnboxOp::create(b, loc, getStorageTensor(graphType), graph::getOnnxElementType(tensor.getElementType()),
                               handle);
}

/// A one-dimensional constant, boxed as ONNX's element type `onnxType`.
static Value boxConstant(OpBuilder &b, Location loc, DenseElementsAttr value, int32_t onnxType) {
  Value constant = arith::ConstantOp::create(b, loc, value);
  return exec::BoxOp::create(b, loc, exec::HandleType::get(b.getContext()), onnxType, constant);
}

Value tegula::boxInteger(OpBuilder &b, Location loc, int64_t value) {
  auto type = RankedTensorType::get({1}, b.getI64Type());
  return boxConstant(b, loc, DenseElementsAttr::get(type, value), /*INT64*/ 7);
}

Value tegula::boxStrings(OpBuilder &b, Location loc, ArrayAttr strings, std::optional<ArrayRef<int64_t>> shape) {
  SmallVector<int64_t> sizes;
  SmallVector<uint8_t> bytes;
  for (auto text : strings.getAsValueRange<StringAttr>()) {
    sizes.push_back(text.size());
    bytes.append(text.bytes_begin(), text.bytes_end());
  }
  if (bytes.empty())
    bytes.push_back(0); // a constant of no bytes has no place
  int64_t count = sizes.size();
  auto sizeType = RankedTensorType::get(shape ? *shape : ArrayRef<int64_t>(count), b.getI64Type());
  auto byteType = RankedTensorType::get({int64_t(bytes.size())}, b.getI8Type());
  Value handles[] = {boxConstant(b, loc, DenseElementsAttr::get(sizeType, ArrayRef<int64_t>(sizes)), /*INT64*/ 7),
                     boxConstant(b, loc, DenseElementsAttr::get(byteType, ArrayRef<uint8_t>(bytes)), /*UINT8*/ 2)};
  return callHost(b, loc, "make_strings", handles).front();
}

SmallVector<Value> tegula::callHost(OpBuilder &b, Location loc, StringRef name, ValueRange handles,
                                    unsigned resultCount) {
  SmallVector<Type> types(resultCount, exec::HandleType::get(b.getContext()));
  auto call = exec::HostCallOp::create(b, loc, types, name, handles);
  return SmallVector<Value>(call.getResults());
}

bool tegula::canBox(TypeRange types) { return llvm::none_of(types, llvm::IsaPred<UnrankedTensorType>); }
