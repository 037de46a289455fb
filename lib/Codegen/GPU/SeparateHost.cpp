// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// In:  the bufferized host function of a GPU target with planned memory. All its memrefs are device memory.
// Out: the same without memref.copy (a dispatch of a copy kernel each, one kernel for each pair of types). A load or a
//      store of an element is an error.
//
//   memref.copy %a, %b   =>   exec.dispatch @map_copy_0 ins(%a) outs(%b)
#include "tegula/Codegen/Passes.h"
#include "tegula/Kernel/TargetKernels.h"
#include "tegula/Kernel/Unsupported.h"

using namespace mlir;
using namespace tegula;

namespace tegula {
#define GEN_PASS_DEF_CODEGENSEPARATEHOSTPASS
#include "tegula/Codegen/Passes.h.inc"
} // namespace tegula

namespace {
struct CodegenSeparateHostPass : tegula::impl::CodegenSeparateHostPassBase<CodegenSeparateHostPass> {
  /// A kernel that copies the first argument into the second.
  exec::KernelOp makeKernel(MemRefType source, MemRefType target, Location loc) {
    ModuleOp module = getOperation();
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    std::string name;
    do
      name = "map_copy_" + std::to_string(next++);
    while (module.lookupSymbol(name));
    auto kernel = exec::KernelOp::create(builder, loc, name, /*result_count=*/1, nullptr, nullptr, nullptr, nullptr, 0);
    builder.setInsertionPointToEnd(&kernel.getBody().emplaceBlock());
    auto function = func::FuncOp::create(builder, loc, name, builder.getFunctionType({source, target}, {}));
    Block *entry = function.addEntryBlock();
    builder.setInsertionPointToEnd(entry);
    SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(target.getRank()));
    SmallVector<utils::IteratorType> kinds(target.getRank(), utils::IteratorType::parallel);
    linalg::GenericOp::create(builder, loc, ValueRange(entry->getArgument(0)), ValueRange(entry->getArgument(1)), maps,
                              kinds,
                              [](OpBuilder &b, Location at, ValueRange v) { linalg::YieldOp::create(b, at, v[0]); });
    func::ReturnOp::create(builder, loc);
    Attribute attribute = module->getAttr("exec.target");
    const TargetKernels *target_kernels = findTargetKernels(attribute);
    const KernelFamily *family = target_kernels ? target_kernels->families().findFor(function) : nullptr;
    if (family) {
      kernel.setScheduleAttr(family->defaultSchedule(function, target_kernels->machine(attribute)));
      kernel.setProvenance("default");
    }
    return kernel;
  }

  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main)
      return;
    SmallVector<memref::CopyOp> copies;
    bool failed = false;
    main.walk([&](Operation *op) {
      if (auto copy = dyn_cast<memref::CopyOp>(op)) {
        copies.push_back(copy);
      } else if (isa<memref::LoadOp>(op)) {
        emitUnsupported(op)
            << "expected shapes and conditions that do not depend on computed values on a GPU target, but the "
               "host needs an element of "
            << op->getOperand(0).getType();
        failed = true;
      } else if (isa<exec::BoxOp, exec::ReadOp, exec::HostCallOp>(op)) {
        emitUnsupported(op) << "expected operators that run on a GPU, but this one works on strings, sequences or maps "
                               "in host memory";
        failed = true;
      } else if (isa<memref::StoreOp>(op)) {
        emitUnsupported(op)
            << "expected tensors that kernels compute on a GPU target, but the host writes an element of "
            << op->getOperand(1).getType();
        failed = true;
      }
    });
    if (failed)
      return signalPassFailure();
    DenseMap<std::pair<Type, Type>, exec::KernelOp> kernels;
    for (memref::CopyOp copy : copies) {
      auto dense = [](Value value) {
        auto type = cast<MemRefType>(value.getType());
        return MemRefType::get(type.getShape(), type.getElementType());
      };
      MemRefType source = dense(copy.getSource()), target = dense(copy.getTarget());
      if (source != copy.getSource().getType() || target != copy.getTarget().getType()) {
        emitUnsupported(copy) << "expected a copy between dense tensors on a GPU target, but got "
                              << copy.getSource().getType() << " and " << copy.getTarget().getType();
        return signalPassFailure();
      }
      exec::KernelOp &kernel = kernels[{source, target}];
      if (!kernel)
        kernel = makeKernel(source, target, copy.getLoc());
      OpBuilder builder(copy);
      exec::DispatchOp::create(builder, copy.getLoc(), TypeRange(), kernel.getSymName(), copy.getSource(),
                               copy.getTarget(), ValueRange());
      copy.erase();
    }
  }

  int64_t next = 0;
};
} // namespace
