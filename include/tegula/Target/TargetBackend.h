// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A target: its name in `--target=`, its attribute, its kernel families, the passes it adds to the stages, and how its
// kernels become text or machine code. Everything else of a compilation is the same for every target.
//
#ifndef TEGULA_TARGET_TARGETBACKEND_H
#define TEGULA_TARGET_TARGETBACKEND_H

#include "tegula/Dialect/Exec/IR/Exec.h"
#include "tegula/Kernel/TargetKernels.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>

namespace tegula {

class TargetBackend : public TargetKernels {
public:
  /// One word, such as "cpu".
  virtual llvm::StringRef name() const = 0;
  /// Whether `--target=text` means this target.
  virtual bool takes(llvm::StringRef text) const = 0;
  /// The target attribute for `text`, which it takes; the error says which names there are.
  virtual llvm::Expected<mlir::Attribute> parse(mlir::MLIRContext &context, llvm::StringRef text) const = 0;

  /// At the end of stage `buffers`, on the module.
  virtual void addBufferPasses(mlir::OpPassManager &manager) const {}
  /// In stage `tiled`, on each kernel, after its family lowered it.
  virtual void addTiledPasses(mlir::OpPassManager &kernel) const {}
  /// In stage `llvm`, on each kernel: gives its functions the signatures of the ABI.
  virtual void addSignaturePass(mlir::OpPassManager &kernel) const = 0;

  /// The CPU that the host function runs on (on a CPU target, the kernels too).
  virtual llvm::Expected<exec::CPUTargetAttr> getHost(mlir::Attribute target) const = 0;
  /// Whether kernels run on a device, from code that emitDeviceCode writes.
  virtual bool hasDevice() const { return false; }
  /// The text of all kernels for the device; only for targets that have one.
  virtual llvm::Expected<std::string> emitDeviceCode(llvm::Module &kernels, mlir::Attribute target) const;
};

/// Adds a target that lives as long as the process, to this list and to the one of TargetKernels.
void registerTargetBackend(const TargetBackend &backend);
/// The target that `--target=text` means; the CPU takes everything that no other target does.
const TargetBackend &findTargetBackend(llvm::StringRef text);
/// By name() or by the module's `exec.target`; null when there is none.
const TargetBackend *findTargetBackendByName(llvm::StringRef name);
const TargetBackend *findTargetBackend(mlir::Attribute target);

/// The attribute of functions whose loops a kernel family has shaped: they hold the vectors and the unrolled code that
/// they should.
constexpr llvm::StringLiteral shapedAttribute = "tegula-shaped";

/// Runs LLVM's O3 pipeline for the machine over the module. Shaped functions are only cleaned up: as fast, and most of
/// the time of compilation saved.
void optimizeModule(llvm::Module &module, llvm::TargetMachine &machine);
/// Object code or assembly text of an optimized module.
llvm::Expected<std::string> emitModule(llvm::Module &module, llvm::TargetMachine &machine,
                                       llvm::CodeGenFileType fileType);

} // namespace tegula

#endif
