// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  the host function on memrefs with planned memory and plain control flow (cf), exec ops for everything that the
//      runtime does.
// Out: `tegula_program(context, services, arena, constants, inputs, dims) -> i32`, calls through the service table, and
//      early returns of any status that is not zero. Every loop asks the runtime in each round whether to go on.
//
//   exec.dispatch @k ins(%a) outs(%b)   =>   %s = call services->dispatch(context, 3, work, buffers, dims); if (%s)
//   return %s
#include "tegula/Conversion/ExecToLLVM/MemRefs.h"
#include "tegula/Conversion/Passes.h"
#include "tegula/abi.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/Dominance.h"

#include <cstddef>

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_EXECLOWERHOSTPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

namespace {
class HostLowering {
public:
  HostLowering(ModuleOp module, func::FuncOp function)
      : module(module), function(function), builder(module.getContext()),
        pointerType(LLVM::LLVMPointerType::get(module.getContext())), i32(builder.getI32Type()),
        i64(builder.getI64Type()) {}

  void run() {
    int64_t index = 0;
    for (auto kernel : module.getOps<exec::KernelOp>()) {
      kernelIndex[kernel.getSymName()] = index++;
      workOfKernel[kernel.getSymName()] = kernel->getAttrOfType<ArrayAttr>("exec.work");
    }
    SmallVector<Operation *> latches = findLatches();
    collectNodes(latches);
    rewriteSignature();
    lowerHandleTypes();
    // Collect first: lowering splits blocks. The last ones first, so that a split moves few operations.
    SmallVector<Operation *> operations;
    function.walk([&](Operation *op) {
      if (isa<exec::ExecDialect>(op->getDialect()) || isa<memref::CopyOp, memref::ReshapeOp>(op))
        operations.push_back(op);
    });
    for (Operation *op : llvm::reverse(operations)) {
      builder.setInsertionPoint(op);
      lower(op);
    }
    for (Operation *latch : latches) {
      builder.setInsertionPoint(latch);
      checkStatus(latch, call(latch->getLoc(), offsetof(tegula_services, poll), i32, context));
    }
    lowerReturns();
    function.setSymName("tegula_program");
  }

private:
  /// The branches that start another round of a loop.
  SmallVector<Operation *> findLatches() {
    DominanceInfo dominance(function);
    SmallVector<Operation *> latches;
    for (Block &block : function.getBody())
      if (llvm::any_of(block.getSuccessors(), [&](Block *next) { return dominance.dominates(next, &block); }))
        latches.push_back(block.getTerminator());
    return latches;
  }

  /// The table of ONNX node names that errors refer to.
  void collectNodes(ArrayRef<Operation *> latches) {
    SmallVector<Attribute> names;
    auto add = [&](Operation *op) {
      op->getLoc()->walk([&](Location loc) {
        if (auto name = dyn_cast<NameLoc>(loc)) {
          if (nodeIndex.try_emplace(name.getName(), int32_t(names.size())).second)
            names.push_back(name.getName());
          lastName[op] = name.getName();
        }
        return WalkResult::advance();
      });
    };
    function.walk([&](Operation *op) {
      if (isa<exec::DispatchOp, exec::CheckOp, exec::AllocateOp, exec::OutputOp, exec::BoxOp, exec::ExtentsOp,
              exec::ReadOp, exec::HostCallOp>(op))
        add(op);
    });
    llvm::for_each(latches, add);
    module->setAttr("exec.nodes", ArrayAttr::get(module.getContext(), names));
  }

  int32_t nodeOf(Operation *op) {
    auto found = lastName.find(op);
    return found == lastName.end() ? -1 : nodeIndex.lookup(found->second);
  }

  void rewriteSignature() {
    Block &entry = function.getBody().front();
    unsigned count = entry.getNumArguments();
    Location loc = function.getLoc();
    SmallVector<Type> types(6, pointerType);
    auto arguments = entry.addArguments(types, SmallVector<Location>(6, loc));
    SmallVector<Value> values(arguments.begin(), arguments.end());
    context = values[0];
    services = values[1];
    arena = values[2];
    constants = values[3];
    builder.setInsertionPointToStart(&entry);
    int64_t dim = 0;
    for (unsigned i = 0; i < count; ++i) {
      auto type = dyn_cast<MemRefType>(entry.getArgument(i).getType());
      if (!type) { // a value
        entry.getArgument(i).replaceAllUsesWith(load(pointerType, values[4], i, pointerType));
        continue;
      }
      SmallVector<Value> sizes;
      for (int64_t k = 0; k < type.getRank(); ++k, ++dim)
        if (type.isDynamicDim(k))
          sizes.push_back(load(i64, values[5], dim, i64));
      Value pointer = load(pointerType, values[4], i, pointerType);
      entry.getArgument(i).replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, sizes));
    }
    entry.eraseArguments(0, count);
    function.setFunctionType(builder.getFunctionType(types, {i32}));
    function.setAllArgAttrs(SmallVector<DictionaryAttr>(6, builder.getDictionaryAttr({})));
    function.setAllResultAttrs(ArrayRef<DictionaryAttr>{builder.getDictionaryAttr({})});
  }

  Value load(Type type, Value base, int64_t index, Type element) {
    Location loc = function.getLoc();
    Value slot = LLVM::GEPOp::create(builder, loc, pointerType, element, base, ArrayRef<LLVM::GEPArg>{int32_t(index)});
    return LLVM::LoadOp::create(builder, loc, type, slot);
  }

  /// Calls the service at byte `offset` of the table.
  Value call(Location loc, size_t offset, Type result, ValueRange arguments) {
    Value slot = LLVM::GEPOp::create(builder, loc, pointerType, builder.getI8Type(), services,
                                     ArrayRef<LLVM::GEPArg>{int32_t(offset)});
    Value callee = LLVM::LoadOp::create(builder, loc, pointerType, slot);
    SmallVector<Type> types(arguments.getTypes());
    auto functionType =
        LLVM::LLVMFunctionType::get(result ? result : Type(LLVM::LLVMVoidType::get(builder.getContext())), types);
    SmallVector<Value> operands{callee};
    llvm::append_range(operands, arguments);
    auto op = LLVM::CallOp::create(builder, loc, functionType, operands);
    return result ? op.getResult() : Value();
  }

  /// Returns `status` from the function when `failed`; code goes on after it.
  void returnIf(Location loc, Value failed, Value status, int32_t node) {
    Block *current = builder.getInsertionBlock();
    Block *rest = current->splitBlock(builder.getInsertionPoint());
    Block *leave = builder.createBlock(rest);
    Value code = call(loc, offsetof(tegula_services, fail), i32, {context, status, constantI32(builder, loc, node)});
    func::ReturnOp::create(builder, loc, code);
    builder.setInsertionPointToEnd(current);
    cf::CondBranchOp::create(builder, loc, failed, leave, ValueRange(), rest, ValueRange());
    builder.setInsertionPointToStart(rest);
  }

  /// Ends the run when `op` got no memory.
  void returnIfNull(Operation *op, Value pointer) {
    Location loc = op->getLoc();
    Value null = LLVM::ZeroOp::create(builder, loc, pointerType);
    Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq, pointer, null);
    returnIf(loc, failed, constantI32(builder, loc, TEGULA_OUT_OF_MEMORY), nodeOf(op));
  }

  SmallVector<Value> toI64(Location loc, ValueRange indices) {
    SmallVector<Value> values;
    for (Value index : indices)
      values.push_back(arith::IndexCastOp::create(builder, loc, i64, index));
    return values;
  }

  void lower(Operation *op) {
    Location loc = op->getLoc();
    if (auto view = dyn_cast<exec::ArenaViewOp>(op)) {
      Value pointer = LLVM::GEPOp::create(builder, loc, pointerType, builder.getI8Type(), arena,
                                          ValueRange{constantI64(builder, loc, view.getOffset())});
      view.replaceAllUsesWith(makeMemRef(builder, loc, cast<MemRefType>(view.getType()), pointer, {}));
    } else if (auto constant = dyn_cast<exec::ConstantOp>(op)) {
      Value pointer = LLVM::GEPOp::create(builder, loc, pointerType, builder.getI8Type(), constants,
                                          ValueRange{constantI64(builder, loc, *constant.getOffset())});
      constant.replaceAllUsesWith(makeMemRef(builder, loc, cast<MemRefType>(constant.getType()), pointer, {}));
    } else if (auto allocate = dyn_cast<exec::AllocateOp>(op)) {
      auto type = cast<MemRefType>(allocate.getType());
      SmallVector<Value> sizes = toI64(loc, allocate.getSizes());
      Value bytes = getByteSize(builder, loc, type, sizes);
      Value pointer = call(loc, offsetof(tegula_services, allocate), pointerType, {context, bytes});
      returnIfNull(op, pointer);
      allocate.replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, sizes));
    } else if (auto release = dyn_cast<exec::ReleaseOp>(op)) {
      call(loc, offsetof(tegula_services, release), nullptr, {context, getPointer(builder, loc, release.getMemory())});
    } else if (auto output = dyn_cast<exec::OutputOp>(op)) {
      lowerOutput(output);
    } else if (auto check = dyn_cast<exec::CheckOp>(op)) {
      Value failed = arith::XOrIOp::create(builder, loc, check.getCondition(),
                                           arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true)));
      returnIf(loc, failed, constantI32(builder, loc, check.getStatus()), nodeOf(op));
    } else if (auto dispatch = dyn_cast<exec::DispatchOp>(op)) {
      lowerDispatch(dispatch);
    } else if (auto reshape = dyn_cast<memref::ReshapeOp>(op)) {
      lowerReshape(reshape);
    } else if (auto copy = dyn_cast<memref::CopyOp>(op)) {
      Value target = copy.getTarget();
      auto type = cast<MemRefType>(target.getType());
      Value bytes = getByteSize(builder, loc, type, getDynamicExtents(builder, loc, target));
      LLVM::MemcpyOp::create(builder, loc, getPointer(builder, loc, target), getPointer(builder, loc, copy.getSource()),
                             bytes, /*isVolatile=*/false);
    } else if (!lowerValueOp(op)) {
      return;
    }
    op->erase();
  }

  /// Ops on handles, whose types are pointers by now (so that typed accessors do not fit); false for any other op.
  bool lowerValueOp(Operation *op) {
    Location loc = op->getLoc();
    if (auto box = dyn_cast<exec::BoxOp>(op)) {
      Value source = box.getSource();
      SmallVector<Value> shape = getShape(loc, source);
      Value array = makeStackArray(builder, loc, function, shape, i64);
      Value value = call(loc, offsetof(tegula_services, box), pointerType,
                         {context, constantI32(builder, loc, box.getElementType()),
                          constantI32(builder, loc, shape.size()), array, getPointer(builder, loc, source)});
      returnIfNull(op, value);
      box.replaceAllUsesWith(value);
    } else if (auto extents = dyn_cast<exec::ExtentsOp>(op)) {
      SmallVector<Value> shape, sizes;
      for (int64_t extent : extents.getShape())
        shape.push_back(constantI64(builder, loc, ShapedType::isDynamic(extent) ? -1 : extent));
      Value array = makeStackArray(builder, loc, function, shape, i64);
      checkStatus(op, call(loc, offsetof(tegula_services, extents), i32,
                           {context, op->getOperand(0), constantI32(builder, loc, extents.getElementType()),
                            constantI32(builder, loc, shape.size()), array}));
      for (auto [i, extent] : llvm::enumerate(extents.getShape()))
        if (ShapedType::isDynamic(extent))
          sizes.push_back(arith::IndexCastOp::create(builder, loc, builder.getIndexType(), load(i64, array, i, i64)));
      extents.replaceAllUsesWith(sizes);
    } else if (auto read = dyn_cast<exec::ReadOp>(op)) {
      // exec.extents goes where nobody needs an extent, so the shape is checked here.
      SmallVector<Value> shape = getShape(loc, read.getTarget());
      Value array = makeStackArray(builder, loc, function, shape, i64);
      Type element = cast<MemRefType>(read.getTarget().getType()).getElementType();
      int32_t bytes = getElementBytes(element);
      checkStatus(op,
                  call(loc, offsetof(tegula_services, read), i32,
                       {context, op->getOperand(0), constantI32(builder, loc, bytes),
                        constantI32(builder, loc, shape.size()), array, getPointer(builder, loc, read.getTarget())}));
    } else if (auto nothing = dyn_cast<exec::NothingOp>(op)) {
      nothing.replaceAllUsesWith(LLVM::ZeroOp::create(builder, loc, pointerType).getResult());
    } else if (auto hasValue = dyn_cast<exec::HasValueOp>(op)) {
      Value null = LLVM::ZeroOp::create(builder, loc, pointerType);
      hasValue.replaceAllUsesWith(
          LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, op->getOperand(0), null).getResult());
    } else if (auto hostCall = dyn_cast<exec::HostCallOp>(op)) {
      lowerHostCall(hostCall);
    } else if (isa<exec::RetainOp>(op)) {
      checkStatus(op, call(loc, offsetof(tegula_services, retain), i32, {context, op->getOperand(0)}));
    } else if (isa<exec::DropOp>(op)) {
      call(loc, offsetof(tegula_services, drop), nullptr, {context, op->getOperand(0)});
    } else if (auto output = dyn_cast<exec::OutputValueOp>(op)) {
      call(loc, offsetof(tegula_services, output_value), nullptr,
           {context, constantI32(builder, loc, output.getIndex()), op->getOperand(0)});
    } else {
      return false;
    }
    return true;
  }

  void lowerHostCall(exec::HostCallOp hostCall) {
    Location loc = hostCall.getLoc();
    Value name = textOf(loc, hostCall.getName());
    Value operands = makeStackArray(builder, loc, function, hostCall.getArguments(), pointerType);
    SmallVector<Value> empty(hostCall.getNumResults(), LLVM::ZeroOp::create(builder, loc, pointerType));
    Value results = makeStackArray(builder, loc, function, empty, pointerType);
    checkStatus(hostCall, call(loc, offsetof(tegula_services, host), i32,
                               {context, name, operands, constantI32(builder, loc, hostCall.getArguments().size()),
                                results, constantI32(builder, loc, hostCall.getNumResults())}));
    SmallVector<Value> values;
    for (unsigned i = 0; i < hostCall.getNumResults(); ++i)
      values.push_back(load(pointerType, results, i, pointerType));
    hostCall.replaceAllUsesWith(values);
  }

  /// The address of `text` as a C string, one global for each text.
  Value textOf(Location loc, StringRef text) {
    LLVM::GlobalOp &global = texts[text];
    if (!global) {
      OpBuilder atModule = OpBuilder::atBlockBegin(module.getBody());
      std::string content = (text + StringRef("\0", 1)).str();
      auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), content.size());
      global = LLVM::GlobalOp::create(atModule, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal,
                                      "tegula_host_" + text.str(), builder.getStringAttr(content));
    }
    return LLVM::AddressOfOp::create(builder, loc, global);
  }

  static int32_t getElementBytes(Type element) {
    auto complex = dyn_cast<ComplexType>(element);
    return complex ? complex.getElementType().getIntOrFloatBitWidth() / 4 : element.getIntOrFloatBitWidth() / 8;
  }

  /// Every extent of a memref as i64.
  SmallVector<Value> getShape(Location loc, Value memref) {
    auto type = cast<MemRefType>(memref.getType());
    SmallVector<Value> dynamic = getDynamicExtents(builder, loc, memref), shape;
    size_t next = 0;
    for (int64_t extent : type.getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? dynamic[next++] : constantI64(builder, loc, extent));
    return shape;
  }

  void checkStatus(Operation *op, Value status) {
    Location loc = op->getLoc();
    Value failed = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne, status, constantI32(builder, loc, 0));
    returnIf(loc, failed, status, nodeOf(op));
  }

  /// Handles are pointers from here on, also where branches and selects pass them on.
  void lowerHandleTypes() {
    auto lowerType = [&](Value value) {
      if (isa<exec::HandleType>(value.getType()))
        value.setType(pointerType);
    };
    for (Block &block : function.getBody()) {
      llvm::for_each(block.getArguments(), lowerType);
      for (Operation &op : block)
        llvm::for_each(op.getResults(), lowerType);
    }
  }

  void lowerOutput(exec::OutputOp output) {
    Location loc = output.getLoc();
    auto type = cast<MemRefType>(output.getType());
    SmallVector<Value> dynamic = toI64(loc, output.getSizes()), shape;
    size_t next = 0;
    for (int64_t extent : type.getShape())
      shape.push_back(ShapedType::isDynamic(extent) ? dynamic[next++] : constantI64(builder, loc, extent));
    Value array = makeStackArray(builder, loc, function, shape, i64);
    Value pointer =
        call(loc, offsetof(tegula_services, output), pointerType,
             {context, constantI32(builder, loc, output.getIndex()), constantI32(builder, loc, type.getRank()), array});
    returnIfNull(output, pointer);
    output.replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, dynamic));
  }

  /// The same dense memory under extents that are read from the shape operand.
  void lowerReshape(memref::ReshapeOp reshape) {
    Location loc = reshape.getLoc();
    auto type = cast<MemRefType>(reshape.getType());
    SmallVector<Value> sizes;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      if (!type.isDynamicDim(i))
        continue;
      Value position = arith::ConstantIndexOp::create(builder, loc, i);
      Value size = memref::LoadOp::create(builder, loc, reshape.getShape(), position);
      if (!size.getType().isIndex())
        size = arith::IndexCastOp::create(builder, loc, builder.getIndexType(), size);
      sizes.push_back(arith::IndexCastOp::create(builder, loc, i64, size));
    }
    Value pointer = getPointer(builder, loc, reshape.getSource());
    reshape.replaceAllUsesWith(makeMemRef(builder, loc, type, pointer, sizes));
  }

  /// The kernel's estimate for these extents; 0 where it has none.
  Value computeWork(Location loc, ArrayAttr terms, ArrayRef<Value> dims) {
    Value work = constantI64(builder, loc, 0);
    for (Attribute term : terms ? terms.getValue() : ArrayRef<Attribute>()) {
      ArrayRef<int64_t> numbers = cast<DenseI64ArrayAttr>(term).asArrayRef();
      Value product = constantI64(builder, loc, numbers.front());
      for (int64_t dim : numbers.drop_front())
        product = LLVM::MulOp::create(builder, loc, product, dims[dim]);
      work = LLVM::AddOp::create(builder, loc, work, product);
    }
    return work;
  }

  void lowerDispatch(exec::DispatchOp dispatch) {
    Location loc = dispatch.getLoc();
    SmallVector<Value> buffers, dims;
    auto pass = [&](Value memref) {
      buffers.push_back(getPointer(builder, loc, memref));
      llvm::append_range(dims, getDynamicExtents(builder, loc, memref));
    };
    llvm::for_each(dispatch.getIns(), pass);
    llvm::for_each(dispatch.getOuts(), pass);
    llvm::append_range(dims, toI64(loc, dispatch.getScalars()));
    Value work = computeWork(loc, workOfKernel.lookup(dispatch.getKernel()), dims);
    Value bufferArray = makeStackArray(builder, loc, function, buffers, pointerType);
    Value dimArray = makeStackArray(builder, loc, function, dims, i64);
    Value status = call(
        loc, offsetof(tegula_services, dispatch), i32,
        {context, constantI32(builder, loc, kernelIndex.lookup(dispatch.getKernel())), work, bufferArray, dimArray});
    checkStatus(dispatch, status);
  }

  void lowerReturns() {
    SmallVector<func::ReturnOp> returns;
    function.walk([&](func::ReturnOp op) {
      if (op.getNumOperands() == 0)
        returns.push_back(op);
    });
    for (func::ReturnOp op : returns) {
      builder.setInsertionPoint(op);
      func::ReturnOp::create(builder, op.getLoc(), constantI32(builder, op.getLoc(), TEGULA_OK));
      op.erase();
    }
  }

  ModuleOp module;
  func::FuncOp function;
  OpBuilder builder;
  Type pointerType, i32, i64;
  Value context, services, arena, constants;
  llvm::StringMap<int32_t> kernelIndex;
  llvm::StringMap<ArrayAttr> workOfKernel;
  llvm::StringMap<LLVM::GlobalOp> texts;
  DenseMap<Attribute, int32_t> nodeIndex;
  DenseMap<Operation *, Attribute> lastName;
};

struct ExecLowerHostPass : tegula::impl::ExecLowerHostPassBase<ExecLowerHostPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main) {
      getOperation().emitError("expected a host function @main");
      return signalPassFailure();
    }
    HostLowering(getOperation(), main).run();
  }
};
} // namespace
