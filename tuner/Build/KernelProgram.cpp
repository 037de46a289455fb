// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In:  exec.kernel @k with `func.func @k(%a: memref<?x8xf32>, %y: memref<?x8xf32>, %offset: index)`
// Out: func.func @main(%a: tensor<?x8xf32>, %n: tensor<?xi8>, %o: tensor<?xi8>) -> tensor<?x8xf32> {
//        %extent = tensor.dim %n, 0
//        %offset = tensor.dim %o, 0
//        %init = tensor.empty(%extent) : tensor<?x8xf32>
//        %y = exec.dispatch @k ins(%a) outs(%init) scalars(%offset)
//        return %y
//      }
//
#include "tegula/Tuner/Build/KernelProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::tuner;

int64_t tegula::tuner::countDims(exec::KernelOp kernel) {
  int64_t count = 0;
  for (Type type : kernel.getFunction().getArgumentTypes()) {
    auto memref = dyn_cast<MemRefType>(type);
    count += memref ? memref.getNumDynamicDims() : 1;
  }
  return count;
}

static RankedTensorType tensorOf(Type type) {
  auto memref = cast<MemRefType>(type);
  return RankedTensorType::get(memref.getShape(), memref.getElementType());
}

llvm::Expected<KernelProgram> tegula::tuner::makeKernelProgram(exec::KernelOp kernel, llvm::ArrayRef<int64_t> dims) {
  std::string name = kernel.getSymName().str();
  if (static_cast<int64_t>(dims.size()) != countDims(kernel))
    return llvm::createStringError("kernel " + name + ": expected " + llvm::Twine(countDims(kernel)) +
                                   " extents and scalars, but got " + llvm::Twine(dims.size()));
  for (int64_t dim : dims)
    if (dim < 0)
      return llvm::createStringError("kernel " + name + ": expected extents and scalars of at least 0, but got " +
                                     llvm::Twine(dim));

  kernel.getContext()->loadDialect<arith::ArithDialect, func::FuncDialect, tensor::TensorDialect>();
  Location loc = kernel.getLoc();
  OpBuilder builder(kernel.getContext());
  KernelProgram program;
  program.module = ModuleOp::create(loc);
  auto source = kernel->getParentOfType<ModuleOp>();
  for (NamedAttribute attribute : source->getDiscardableAttrs())
    if (attribute.getName() != "exec.inputs" && attribute.getName() != "exec.outputs")
      (*program.module)->setDiscardableAttr(attribute.getName(), attribute.getValue());
  builder.setInsertionPointToEnd(program.module->getBody());

  ArrayRef<Type> types = kernel.getFunction().getArgumentTypes();
  size_t tensors = llvm::count_if(types, llvm::IsaPred<MemRefType>);
  size_t operands = tensors - kernel.getResultCount();
  auto lengthType = RankedTensorType::get({ShapedType::kDynamic}, builder.getI8Type());
  SmallVector<Type> inputs, outputs;
  const int64_t *dim = dims.begin();
  for (Type type : types.take_front(operands)) {
    inputs.push_back(tensorOf(type));
    std::vector<int64_t> &shape = program.inputShapes.emplace_back();
    for (int64_t extent : cast<MemRefType>(type).getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? *dim++ : extent);
  }
  for (Type type : types.slice(operands, kernel.getResultCount()))
    outputs.push_back(tensorOf(type));
  for (; dim != dims.end(); ++dim) {
    inputs.push_back(lengthType);
    program.inputShapes.push_back({*dim});
  }
  if (dims.empty())
    program.inputShapes.clear();

  auto main = func::FuncOp::create(builder, loc, "main", builder.getFunctionType(inputs, outputs));
  Block *entry = main.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  size_t nextLength = operands;
  auto length = [&]() -> Value {
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    return tensor::DimOp::create(builder, loc, entry->getArgument(nextLength++), zero);
  };
  SmallVector<Value> inits, scalars;
  for (Type output : outputs) {
    auto type = cast<RankedTensorType>(output);
    SmallVector<Value> extents;
    for (int64_t axis = 0; axis < type.getNumDynamicDims(); ++axis)
      extents.push_back(length());
    inits.push_back(tensor::EmptyOp::create(builder, loc, type, extents));
  }
  for (size_t scalar = tensors; scalar < types.size(); ++scalar)
    scalars.push_back(length());
  auto dispatch = exec::DispatchOp::create(builder, loc, outputs, kernel.getSymName(),
                                           ValueRange(entry->getArguments().take_front(operands)), inits, scalars);
  func::ReturnOp::create(builder, loc, dispatch.getOutputs());

  // What the artifact says about inputs and outputs.
  auto describe = [&](ArrayRef<Type> list, StringRef prefix) {
    SmallVector<Attribute> rows;
    for (auto [index, type] : llvm::enumerate(list))
      rows.push_back(
          builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(prefix + llvm::Twine(index))),
                                     builder.getNamedAttr("type", TypeAttr::get(type))}));
    return builder.getArrayAttr(rows);
  };
  (*program.module)->setDiscardableAttr("exec.inputs", describe(inputs, "operand_"));
  (*program.module)->setDiscardableAttr("exec.outputs", describe(outputs, "result_"));
  program.module->push_back(kernel->clone());
  return program;
}
