// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Target/TargetBackend.h"
#include "LongFunctions.h"

#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"

using namespace mlir;
using namespace tegula;

static SmallVector<const TargetBackend *, 4> &getBackends() {
  static SmallVector<const TargetBackend *, 4> backends;
  return backends;
}

llvm::Expected<std::string> TargetBackend::emitDeviceCode(llvm::Module &, Attribute) const {
  return llvm::createStringError("target %s has no device", name().str().c_str());
}

void tegula::registerTargetBackend(const TargetBackend &backend) {
  if (!llvm::is_contained(getBackends(), &backend))
    getBackends().push_back(&backend);
  registerTargetKernels(backend);
}

const TargetBackend &tegula::findTargetBackend(StringRef text) {
  for (const TargetBackend *backend : getBackends())
    if (backend->takes(text))
      return *backend;
  llvm_unreachable("the CPU takes everything");
}

const TargetBackend *tegula::findTargetBackendByName(StringRef name) {
  for (const TargetBackend *backend : getBackends())
    if (backend->name() == name)
      return backend;
  return nullptr;
}

const TargetBackend *tegula::findTargetBackend(Attribute target) {
  for (const TargetBackend *backend : getBackends())
    if (backend->owns(target))
      return backend;
  return nullptr;
}

/// The function that a pass is asked to run on, whole or a loop of it; null for a module or a group of functions.
static const llvm::Function *getFunction(const llvm::Any &ir) {
  if (auto *function = llvm::any_cast<const llvm::Function *>(&ir))
    return *function;
  if (auto *loop = llvm::any_cast<const llvm::Loop *>(&ir))
    return (*loop)->getHeader()->getParent();
  return nullptr;
}

void tegula::optimizeModule(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PipelineTuningOptions options;
  options.LoopVectorization = true;
  options.SLPVectorization = true;
  // Only where a family asks for it: unrolling a short row whole before the vectorizer sees it makes it vectorize the
  // loop around, with gathers and scatters.
  options.LoopUnrolling = false;
  bool cleaning = true;
  llvm::PassInstrumentationCallbacks callbacks;
  callbacks.registerShouldRunOptionalPassCallback([&](StringRef, llvm::Any ir) {
    const llvm::Function *function = getFunction(ir);
    return !function || (!function->hasOptNone() && (cleaning || !function->hasFnAttribute(shapedAttribute)));
  });
  llvm::PassBuilder builder(&machine, options, std::nullopt, &callbacks);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  cutLongFunctions(module, functions);

  llvm::FunctionPassManager clean;
  clean.addPass(llvm::SROAPass(llvm::SROAOptions::ModifyCFG));
  clean.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  clean.addPass(llvm::InstCombinePass());
  clean.addPass(llvm::SimplifyCFGPass());
  clean.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  clean.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  clean.addPass(llvm::InstCombinePass());
  clean.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function &function : module)
    if (!function.isDeclaration() && function.hasFnAttribute(shapedAttribute))
      functions.invalidate(function, clean.run(function, functions));
  cleaning = false;
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

llvm::Expected<std::string> tegula::emitModule(llvm::Module &module, llvm::TargetMachine &machine,
                                               llvm::CodeGenFileType fileType) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, fileType))
    return llvm::createStringError("the code generator cannot emit this kind of file");
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}
