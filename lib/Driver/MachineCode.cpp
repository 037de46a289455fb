// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "MachineCode.h"

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Export/OperationCounts.h"

#include "llvm/Linker/Linker.h"

using namespace mlir;
using namespace tegula;

/// The optimized code of one level.
static llvm::Expected<std::unique_ptr<llvm::Module>> makeCode(const LevelCode &level, llvm::LLVMContext &context,
                                                              llvm::TargetMachine &machine,
                                                              const SidecarReference &sidecar) {
  auto code = translateToLLVM(level.module, context, level.options, sidecar.name, sidecar.hash);
  if (!code)
    return code.takeError();
  (*code)->setTargetTriple(machine.getTargetTriple());
  (*code)->setDataLayout(machine.createDataLayout());
  exec::CPUTargetAttr target = level.target;
  for (llvm::Function &function : **code) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.getCpu());
    if (!target.getFeatures().empty())
      function.addFnAttr("target-features", target.getFeatures());
    function.addFnAttr("prefer-vector-width", std::to_string(target.getVectorBits()));
  }
  mlir::ModuleOp module = level.module;
  for (auto kernel : module.getOps<exec::KernelOp>())
    if (isa_and_nonnull<sched::CPUConvolutionAttr, sched::CPUDepthwiseAttr, sched::CPUMatMulAttr,
                        sched::CPUWinogradAttr>(kernel.getScheduleAttr()))
      if (llvm::Function *function = (*code)->getFunction(kernel.getSymName()))
        function->addFnAttr(shapedAttribute);
  optimizeModule(**code, machine);
  if (level.options.countOperations) {
    std::vector<std::string> kernels;
    for (auto kernel : module.getOps<exec::KernelOp>())
      kernels.push_back(kernel.getSymName().str());
    countOperations(**code, kernels);
  }
  return code;
}

llvm::Expected<std::string> tegula::emitMachineCode(ArrayRef<LevelCode> levels, CodeKind kind,
                                                    const SidecarReference &sidecar) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> all;
  std::unique_ptr<llvm::TargetMachine> machine;
  for (const LevelCode &level : levels) {
    // Functions carry their own processor and features: the last level's machine emits all of them.
    auto created = createTargetMachine(level.target);
    if (!created)
      return created.takeError();
    machine = std::move(*created);
    auto code = makeCode(level, context, *machine, sidecar);
    if (!code)
      return code.takeError();
    if (all)
      (*code)->setTargetTriple(all->getTargetTriple()); // "host" spells it in another way
    if (!all)
      all = std::move(*code);
    else if (llvm::Linker::linkModules(*all, std::move(*code)))
      return llvm::createStringError("the code of the levels cannot be joined");
  }
  addEntryPoints(*all, levels.front().options);
  if (kind == CodeKind::IR) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    all->print(stream, nullptr);
    return text;
  }
  return emitModule(*all, *machine,
                    kind == CodeKind::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                               : llvm::CodeGenFileType::ObjectFile);
}
