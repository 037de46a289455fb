// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Target/CPU/CPUTarget.h"

#include "tegula/Codegen/CPU/CPUKernels.h"
#include "tegula/Codegen/Passes.h"
#include "tegula/Conversion/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;
using namespace tegula;

static void initializeTargets() {
  static bool done = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
    return true;
  }();
  (void)done;
}

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine(StringRef triple, StringRef cpu,
                                                                          StringRef features) {
  initializeTargets();
  std::string error;
  llvm::Triple parsed(triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(parsed, error);
  if (!target)
    return llvm::createStringError("no code generator for %s: %s", triple.str().c_str(), error.c_str());
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast; // contraction to FMA is part of f32's stated numerics
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      parsed, cpu, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

llvm::Expected<exec::CPUTargetAttr> tegula::parseCPUTarget(MLIRContext &context, StringRef name) {
  bool emulatesTiles = name.consume_back("+emulated-tiles");
  std::string cpu = name.str(), features;
  std::string triple = "x86_64-unknown-linux-gnu";
  if (name == "host") {
    cpu = llvm::sys::getHostCPUName().str();
    triple = llvm::sys::getDefaultTargetTriple();
    SmallVector<std::string> list;
    for (auto &feature : llvm::sys::getHostCPUFeatures())
      list.push_back((feature.second ? "+" : "-") + feature.first().str());
    llvm::sort(list);
    features = llvm::join(list, ",");
  } else if (name == "aarch64" || name.starts_with("neoverse") || name.starts_with("cortex") ||
             name.starts_with("apple")) {
    triple = "aarch64-unknown-linux-gnu";
    if (name == "aarch64")
      cpu = "generic";
  }
  auto machine = createMachine(triple, cpu, features);
  if (!machine)
    return machine.takeError();
  const llvm::MCSubtargetInfo &info = *(*machine)->getMCSubtargetInfo();
  if (name != "host" && !info.isCPUStringValid(cpu))
    return llvm::createStringError("expected a target such as host, x86-64, x86-64-v2, x86-64-v3, x86-64-v4, znver4, "
                                   "sapphirerapids or aarch64, but got '%s'",
                                   name.str().c_str());
  int64_t bits = 128;
  if (llvm::Triple(triple).isX86()) {
    if (info.checkFeatures("+avx512f,+avx512vl,+avx512dq,+avx512bw"))
      bits = 512;
    else if (info.checkFeatures("+avx2,+fma"))
      bits = 256;
  }
  bool byteDot = llvm::Triple(triple).isX86() ? bits >= 256 && (info.checkFeatures("+avx512vnni,+avx512vl") ||
                                                                (bits == 256 && info.checkFeatures("+avxvnni")))
                                              : info.checkFeatures("+dotprod");
  bool tiles = llvm::Triple(triple).isX86() && bits == 512 && info.checkFeatures("+amx-tile");
  return exec::CPUTargetAttr::get(&context, triple, cpu, features, bits, byteDot,
                                  /*bfloat_tiles=*/emulatesTiles || (tiles && info.checkFeatures("+amx-bf16")),
                                  /*byte_tiles=*/emulatesTiles || (tiles && info.checkFeatures("+amx-int8")),
                                  emulatesTiles);
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> tegula::createTargetMachine(exec::CPUTargetAttr target) {
  return createMachine(target.getTriple(), target.getCpu(), target.getFeatures());
}

std::string tegula::getRequiredFeatures(exec::CPUTargetAttr target) {
  auto machine = createTargetMachine(target);
  if (!machine) {
    llvm::consumeError(machine.takeError());
    return "";
  }
  // Those that our code generator can turn into instructions that an older CPU does not have.
  static const char *const x86[] = {"sse4.2",   "avx",      "avx2",       "fma",        "f16c",       "bmi",
                                    "bmi2",     "lzcnt",    "movbe",      "avx512f",    "avx512vl",   "avx512dq",
                                    "avx512bw", "avx512cd", "avx512vnni", "avx512bf16", "avx512fp16", "avxvnni",
                                    "amx-tile", "amx-bf16", "amx-int8"};
  static const char *const arm[] = {"lse",     "fullfp16", "rdm",  "complxnum", "rcpc",  "rcpc-immo", "jsconv",
                                    "dotprod", "fp16fml",  "i8mm", "bf16",      "flagm", "sve",       "sve2"};
  SmallVector<StringRef> required;
  bool isX86 = llvm::Triple(target.getTriple()).isX86();
  for (StringRef name : isX86 ? ArrayRef(x86) : ArrayRef(arm))
    if ((*machine)->getMCSubtargetInfo()->checkFeatures(("+" + name).str()))
      required.push_back(name);
  return llvm::join(required, ",");
}

namespace {
class CPUBackend : public TargetBackend {
public:
  StringRef name() const override { return "cpu"; }
  bool takes(StringRef) const override { return true; }
  llvm::Expected<Attribute> parse(MLIRContext &context, StringRef text) const override {
    return parseCPUTarget(context, text);
  }
  bool owns(Attribute target) const override { return isa_and_nonnull<exec::CPUTargetAttr>(target) || !target; }
  const KernelFamilies &families() const override { return getCPUFamilies(); }
  MachineModel machine(Attribute target) const override {
    return target ? getMachineModel(cast<exec::CPUTargetAttr>(target)) : MachineModel();
  }
  void addTiledPasses(OpPassManager &kernel) const override {
    kernel.addPass(createCodegenFillBordersPass());
    kernel.addPass(createCodegenPlaceTemporariesPass());
    kernel.addPass(createCodegenEmulateTilesPass());
    kernel.addPass(createCodegenRoundBfloatsPass());
  }
  void addSignaturePass(OpPassManager &kernel) const override { kernel.addPass(createExecLowerKernelPass()); }
  llvm::Expected<exec::CPUTargetAttr> getHost(Attribute target) const override {
    return cast<exec::CPUTargetAttr>(target);
  }
};
} // namespace

const TargetBackend &tegula::getCPUBackend() {
  static const CPUBackend backend;
  return backend;
}
