// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "MachineCode.h"

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Export/OperationCounts.h"

using namespace mlir;
using namespace tegula;

llvm::Expected<std::string> tegula::emitMachineCode(ModuleOp module, exec::CPUTargetAttr target,
                                                    const ExportOptions &options, CodeKind kind,
                                                    const SidecarReference &sidecar) {
  llvm::LLVMContext context;
  auto code = translateToLLVM(module, context, options, sidecar.name, sidecar.hash);
  if (!code)
    return code.takeError();
  auto machine = createTargetMachine(target);
  if (!machine)
    return machine.takeError();
  (*code)->setTargetTriple((*machine)->getTargetTriple());
  (*code)->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : **code) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.getCpu());
    if (!target.getFeatures().empty())
      function.addFnAttr("target-features", target.getFeatures());
    function.addFnAttr("prefer-vector-width", std::to_string(target.getVectorBits()));
  }
  for (auto kernel : module.getOps<exec::KernelOp>())
    if (isa_and_nonnull<sched::CPUConvolutionAttr, sched::CPUDepthwiseAttr, sched::CPUMatMulAttr,
                        sched::CPUWinogradAttr>(kernel.getScheduleAttr()))
      if (llvm::Function *function = (*code)->getFunction(kernel.getSymName()))
        function->addFnAttr(shapedAttribute);
  optimizeModule(**code, **machine);
  if (options.countOperations) {
    std::vector<std::string> kernels;
    for (auto kernel : module.getOps<exec::KernelOp>())
      kernels.push_back(kernel.getSymName().str());
    countOperations(**code, kernels);
  }
  if (kind == CodeKind::IR) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*code)->print(stream, nullptr);
    return text;
  }
  return emitModule(**code, **machine,
                    kind == CodeKind::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                               : llvm::CodeGenFileType::ObjectFile);
}
