// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What an artifact exports: its query function, and the functions by which a C program runs a model without
// libtegula_runtime, with the header that declares them. Each of the latter only calls its like in the runtime core
// (runtime/lib/Instance.h); `create` adds the descriptor:
//
//   const tegula_artifact *<symbol>_query(uint32_t version) {
//     return version == TEGULA_ABI_VERSION ? &artifact : NULL;
//   }
//   tegula_error <symbol>_create(const tegula_host *host, tegula_instance **instance) {
//     return tegula_instance_create(&artifact, device, host, instance);
//   }
#include "EntryPoints.h"
#include "tegula/Export/RuntimeCore.h"
#include "tegula/abi.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/IR/IRBuilder.h"

using namespace mlir;
using namespace tegula;

/// Defines the table of levels where there are several, and hides all descriptors; returns that of the best level.
static llvm::Constant *collectLevels(llvm::Module &module, const ExportOptions &options) {
  SmallVector<llvm::Constant *> levels;
  for (unsigned level = 0; level < options.levelCount; ++level) {
    llvm::GlobalVariable *descriptor = module.getNamedGlobal(getDescriptorName(options, level));
    descriptor->setLinkage(llvm::GlobalValue::InternalLinkage);
    levels.push_back(descriptor);
  }
  if (llvm::GlobalVariable *declared = module.getNamedGlobal(getLevelsName(options))) {
    auto *type = llvm::ArrayType::get(levels.front()->getType(), levels.size());
    auto *table = new llvm::GlobalVariable(module, type, /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
                                           llvm::ConstantArray::get(type, levels));
    declared->replaceAllUsesWith(table);
    table->takeName(declared);
    declared->eraseFromParent();
  }
  return levels.front();
}

void tegula::addEntryPoints(llvm::Module &module, const ExportOptions &options) {
  llvm::Constant *descriptor = collectLevels(module, options);
  llvm::IRBuilder<> ir(module.getContext());
  auto *pointer = ir.getPtrTy();
  auto *int32 = ir.getInt32Ty();
  auto create = [&](StringRef name, llvm::Type *result, ArrayRef<llvm::Type *> parameters) {
    auto *function = llvm::Function::Create(llvm::FunctionType::get(result, parameters, false),
                                            llvm::GlobalValue::ExternalLinkage, options.symbol + "_" + name, module);
    function->addFnAttr("target-cpu", module.getTargetTriple().isX86() ? "x86-64" : "generic");
    function->addFnAttr("target-features", "");
    ir.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", function));
    return function;
  };
  llvm::Function *query = create("query", pointer, {int32});
  llvm::Value *matches = ir.CreateICmpEQ(query->getArg(0), ir.getInt32(TEGULA_ABI_VERSION));
  ir.CreateRet(ir.CreateSelect(matches, descriptor, llvm::ConstantPointerNull::get(pointer)));
  if (!options.entryPoints)
    return;

  // The exported function takes `parameters`; the core's takes `leading` before them.
  auto add = [&](StringRef name, llvm::Type *result, ArrayRef<llvm::Type *> parameters,
                 ArrayRef<llvm::Value *> leading = {}) {
    SmallVector<llvm::Type *> coreParameters;
    for (llvm::Value *value : leading)
      coreParameters.push_back(value->getType());
    llvm::append_range(coreParameters, parameters);
    auto core = module.getOrInsertFunction(("tegula_instance_" + name).str(),
                                           llvm::FunctionType::get(result, coreParameters, false));
    cast<llvm::Function>(core.getCallee())->setVisibility(llvm::GlobalValue::HiddenVisibility);
    SmallVector<llvm::Value *> arguments(leading);
    for (llvm::Argument &argument : create(name, result, parameters)->args())
      arguments.push_back(&argument);
    llvm::CallInst *call = ir.CreateCall(core, arguments);
    call->setTailCall();
    if (result->isVoidTy())
      ir.CreateRetVoid();
    else
      ir.CreateRet(call);
  };
  llvm::Constant *device = llvm::ConstantPointerNull::get(pointer);
  if (!options.deviceCode.empty()) {
    auto *symbol = new llvm::GlobalVariable(module, ir.getInt8Ty(), /*isConstant=*/true,
                                            llvm::GlobalValue::ExternalLinkage, nullptr, "tegula_cuda_device");
    symbol->setVisibility(llvm::GlobalValue::HiddenVisibility);
    device = symbol;
  }
  add("create", int32, {pointer, pointer}, {descriptor, device});
  add("clone", int32, {pointer, pointer});
  add("run", int32, {pointer, pointer, int32, pointer, int32});
  add("release", ir.getVoidTy(), {pointer});
  add("last_error", pointer, {});
}

std::string tegula::makeHeader(ModuleOp module, const ExportOptions &options) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "/* Model '" << options.modelName << "' for " << options.targetName << ".\n";
  std::string counts;
  auto list = [&](StringRef title, StringRef attribute) {
    stream << " * " << title << ":\n";
    auto entries = module->getAttrOfType<ArrayAttr>(attribute);
    for (Attribute entry : entries ? entries.getValue() : ArrayRef<Attribute>()) {
      auto dictionary = cast<DictionaryAttr>(entry);
      auto name = dictionary.getAs<StringAttr>("name");
      // A name of the user's must not end the comment.
      std::string line = name ? name.getValue().str() : "";
      for (size_t at; (at = line.find("*/")) != std::string::npos;)
        line.replace(at, 2, "* /");
      stream << " *   " << line << ": " << cast<TypeAttr>(dictionary.get("type")).getValue()
             << (dictionary.get("default") ? " (has a default)" : "") << "\n";
    }
    return std::to_string(entries ? entries.size() : 0);
  };
  std::string inputCount = list("Inputs", "exec.inputs"), outputCount = list("Outputs", "exec.outputs");
  const std::string &name = options.symbol;
  stream
      << " */\n"
      << getInstanceHeader() << "\n#ifndef TEGULA_MODEL_" << name << "_H\n#define TEGULA_MODEL_" << name
      << "_H\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\nenum { " << name << "_input_count = " << inputCount
      << ", " << name << "_output_count = " << outputCount << " };\n\ntegula_error " << name
      << "_create(const tegula_host *host, tegula_instance **instance);\ntegula_error " << name
      << "_clone(const tegula_instance *instance, tegula_instance **clone);\ntegula_error " << name
      << "_run(tegula_instance *instance, const tegula_tensor *inputs, int32_t input_count, tegula_tensor *outputs,\n"
         "    int32_t output_count);\nvoid "
      << name << "_release(tegula_instance *instance);\nconst char *" << name
      << "_last_error(void);\nconst struct tegula_artifact *" << name
      << "_query(uint32_t abi_version);\n\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}
