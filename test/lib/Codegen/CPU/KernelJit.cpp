// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "KernelJit.h"

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace tegula::test;

GuardedBuffer::GuardedBuffer(size_t bytes) : bytes(bytes) {
  size_t page = sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page * page;
  mapped = pages + page;
  mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    abort();
  mprotect(static_cast<char *>(mapping) + pages, page, PROT_NONE);
  start = static_cast<char *>(mapping) + pages - bytes;
}
GuardedBuffer::~GuardedBuffer() { munmap(mapping, mapped); }

void tegula::test::registerKernelDialects(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, amx::AMXDialect, arith::ArithDialect, bufferization::BufferizationDialect,
                  func::FuncDialect, linalg::LinalgDialect, LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect,
                  scf::SCFDialect, tensor::TensorDialect, vector::VectorDialect, tegula::exec::ExecDialect,
                  tegula::sched::SchedDialect>();
  registerAllExtensions(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

int64_t tegula::test::hostVectorBits() {
  auto features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avx512f") && features.lookup("avx512bw") && features.lookup("avx512vl"))
    return 512;
  return features.lookup("avx2") && features.lookup("fma") ? 256 : 128;
}

/// Memory of memref.alloc, filled with bytes that read as not-a-number; one allocation per call of a kernel.
static thread_local GuardedBuffer *workspace = nullptr;
static void *provideMemory(size_t bytes) {
  if (!workspace || workspace->size() < bytes) {
    delete workspace;
    workspace = new GuardedBuffer((bytes + 63) / 64 * 64);
    std::memset(workspace->as<char>(), 0xff, workspace->size());
  }
  return workspace->as<void>();
}

static LogicalResult lowerToLLVM(ModuleOp module, StringRef name) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  OpBuilder b(module.getContext());
  Type index = b.getIndexType();
  (void)function.insertArguments({0, 0}, {index, index}, {DictionaryAttr(), DictionaryAttr()},
                                 {function.getLoc(), function.getLoc()});
  function.walk([&](Operation *op) {
    if (isa<tegula::exec::GridIdOp, tegula::exec::GridSizeOp>(op)) {
      op->getResult(0).replaceAllUsesWith(function.getArgument(isa<tegula::exec::GridIdOp>(op) ? 0 : 1));
      op->erase();
    }
  });
  function->setAttr("llvm.emit_c_interface", b.getUnitAttr());
  PassManager passes(module.getContext());
  passes.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  passes.addPass(memref::createExpandStridedMetadataPass());
  passes.addPass(createLowerAffinePass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  passes.addPass(createConvertVectorToSCFPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createUBToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

static void optimize(llvm::Module &module, llvm::TargetMachine *machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager groups;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(groups);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, groups, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

std::unique_ptr<KernelJit> KernelJit::compile(ModuleOp module, llvm::StringRef name, JitOptions options) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  if (failed(lowerToLLVM(module, name)))
    return nullptr;
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, *context);
  if (!translated)
    return nullptr;

  llvm::ExitOnError check("kernel: ");
  auto target = check(llvm::orc::JITTargetMachineBuilder::detectHost());
  target.setCodeGenOptLevel(llvm::CodeGenOptLevel::Aggressive);
  target.getOptions().AllowFPOpFusion = llvm::FPOpFusion::Standard;
  auto machine = check(target.createTargetMachine());
  translated->setDataLayout(machine->createDataLayout());
  translated->setTargetTriple(machine->getTargetTriple());
  for (llvm::Function &function : *translated)
    if (!function.isDeclaration()) {
      function.addFnAttr("prefer-vector-width", "512");
      function.addFnAttr("target-cpu", machine->getTargetCPU());
      function.addFnAttr("target-features", machine->getTargetFeatureString());
    }
  if (options.optimization > 0)
    optimize(*translated, machine.get());

  auto result = std::make_unique<KernelJit>();
  if (options.printAssembly) {
    auto copy = llvm::CloneModule(*translated);
    llvm::SmallVector<char> buffer;
    llvm::raw_svector_ostream stream(buffer);
    llvm::legacy::PassManager emit;
    machine->addPassesToEmitFile(emit, stream, nullptr, llvm::CodeGenFileType::AssemblyFile);
    emit.run(*copy);
    result->text.assign(buffer.begin(), buffer.end());
  }
  result->jit = check(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(target).create());
  llvm::orc::MangleAndInterner mangle(result->jit->getExecutionSession(), result->jit->getDataLayout());
  auto &library = result->jit->getMainJITDylib();
  check(library.define(llvm::orc::absoluteSymbols(
      {{mangle("malloc"), {llvm::orc::ExecutorAddr::fromPtr(&provideMemory), llvm::JITSymbolFlags::Exported}}})));
  check(result->jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(translated), std::move(context))));
  auto address = check(result->jit->lookup(("_mlir_ciface_" + name).str()));
  result->function = address.toPtr<decltype(result->function)>();
  return result;
}

void KernelJit::run(llvm::ArrayRef<Operand> operands, int64_t gridId, int64_t gridSize) const {
  // Memref descriptors: pointer, aligned pointer, offset, sizes, strides. Arguments beyond those of the function are
  // ignored by the calling convention.
  llvm::SmallVector<llvm::SmallVector<int64_t>, 8> descriptors;
  void *arguments[8] = {};
  assert(operands.size() <= 8);
  for (const Operand &operand : operands) {
    auto &descriptor = descriptors.emplace_back();
    int64_t pointer = reinterpret_cast<int64_t>(operand.data);
    descriptor = {pointer, pointer, 0};
    llvm::append_range(descriptor, operand.shape);
    llvm::SmallVector<int64_t> strides(operand.shape.size(), 1);
    for (int64_t i = int64_t(strides.size()) - 2; i >= 0; --i)
      strides[i] = strides[i + 1] * operand.shape[i + 1];
    llvm::append_range(descriptor, strides);
  }
  for (size_t i = 0; i < operands.size(); ++i)
    arguments[i] = descriptors[i].data();
  function(gridId, gridSize, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5],
           arguments[6], arguments[7]);
}
