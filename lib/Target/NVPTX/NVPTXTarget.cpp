// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tegula/Target/NVPTX/NVPTXTarget.h"

#include "tegula/Codegen/GPU/GPUKernels.h"
#include "tegula/Codegen/Passes.h"
#include "tegula/Conversion/Passes.h"

#include "llvm/IR/CallingConv.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace tegula;

/// The PTX version whose text every driver for CUDA 12 reads; it has all instructions that we use.
static constexpr StringLiteral ptxFeature = "+ptx80";
static constexpr int64_t oldestArchitecture = 80;

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createMachine(StringRef chip, StringRef features) {
  static bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for NVIDIA GPUs: %s", error.c_str());
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast; // contraction to FMA is part of f32's stated numerics
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, chip, features, options, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

namespace {
class NVPTXBackend : public TargetBackend {
public:
  StringRef name() const override { return "nvptx"; }
  bool takes(StringRef text) const override { return text == "nvptx" || text.starts_with("nvptx:"); }

  llvm::Expected<Attribute> parse(MLIRContext &context, StringRef text) const override {
    StringRef chip = text;
    chip.consume_front("nvptx");
    chip.consume_front(":");
    auto machine = createMachine("sm_80", ptxFeature);
    if (!machine)
      return machine.takeError();
    StringRef number = chip;
    int64_t architecture = 0;
    bool known = number.consume_front("sm_") && !number.consumeInteger(10, architecture) &&
                 (*machine)->getMCSubtargetInfo()->isCPUStringValid(chip);
    if (!known || architecture < oldestArchitecture)
      return llvm::createStringError("expected a target such as nvptx:sm_80 or nvptx:sm_90 (sm_80 is the oldest), but "
                                     "got '%s'",
                                     text.str().c_str());
    return exec::NVPTXTargetAttr::get(&context, chip, ptxFeature);
  }

  bool owns(Attribute target) const override { return isa_and_nonnull<exec::NVPTXTargetAttr>(target); }
  const KernelFamilies &families() const override { return getGPUFamilies(); }
  MachineModel machine(Attribute) const override { return MachineModel(); }

  void addBufferPasses(OpPassManager &manager) const override { manager.addPass(createCodegenSeparateHostPass()); }
  void addTiledPasses(OpPassManager &kernel) const override { kernel.addPass(createCodegenExpandMathPass()); }
  void addSignaturePass(OpPassManager &kernel) const override { kernel.addPass(createExecLowerDeviceKernelPass()); }

  llvm::Expected<exec::CPUTargetAttr> getHost(Attribute target) const override {
    // Only shape arithmetic and calls: the baseline of this kind of CPU.
    llvm::Triple host(llvm::sys::getDefaultTargetTriple());
    return exec::CPUTargetAttr::get(target.getContext(), host.str(), host.isX86() ? "x86-64" : "generic", "", 128,
                                    /*byte_dot=*/false, /*bfloat_tiles=*/false, /*byte_tiles=*/false,
                                    /*emulated_tiles=*/false);
  }
  bool hasDevice() const override { return true; }

  llvm::Expected<std::string> emitDeviceCode(llvm::Module &kernels, Attribute attribute) const override {
    auto target = cast<exec::NVPTXTargetAttr>(attribute);
    auto machine = createMachine(target.getChip(), target.getFeatures());
    if (!machine)
      return machine.takeError();
    kernels.setTargetTriple((*machine)->getTargetTriple());
    kernels.setDataLayout((*machine)->createDataLayout());
    for (llvm::Function &function : kernels)
      if (!function.isDeclaration())
        function.setCallingConv(llvm::CallingConv::PTX_Kernel);
    optimizeModule(kernels, **machine);
    return emitModule(kernels, **machine, llvm::CodeGenFileType::AssemblyFile);
  }
};
} // namespace

const TargetBackend &tegula::getNVPTXBackend() {
  static const NVPTXBackend backend;
  return backend;
}
