// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the function of one kernel in process: for tests of families and for their benchmarks.
//
#ifndef TEGULA_TEST_LIB_CODEGEN_CPU_KERNELJIT_H
#define TEGULA_TEST_LIB_CODEGEN_CPU_KERNELJIT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

#include <memory>
#include <string>

namespace tegula::test {

/// A dense buffer whose last byte lies just before memory that nobody may touch: an access behind it is a fault.
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t bytes);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer &) = delete;
  template <typename T> T *as() const { return reinterpret_cast<T *>(start); }
  size_t size() const { return bytes; }

private:
  void *mapping;
  size_t mapped, bytes;
  char *start;
};

/// Operand of a kernel: dense memory and its shape.
struct Operand {
  void *data;
  llvm::SmallVector<int64_t> shape;
};

/// Registers the dialects that kernels and their lowering need.
void registerKernelDialects(mlir::DialectRegistry &registry);

struct JitOptions {
  /// LLVM's middle end: 0 (none) or 3.
  int optimization = 0;
  bool printAssembly = false;
};

/// Function `name` of `module`, which is consumed: lowered to LLVM and compiled for this machine. Works on functions
/// whose arguments are memrefs; `exec.grid_id` and `exec.grid_size` become parameters, `memref.alloc` takes memory that
/// run() provides.
class KernelJit {
public:
  static std::unique_ptr<KernelJit> compile(mlir::ModuleOp module, llvm::StringRef name, JitOptions options = {});
  void run(llvm::ArrayRef<Operand> operands, int64_t gridId = 0, int64_t gridSize = 1) const;
  const std::string &assembly() const { return text; }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*function)(int64_t, int64_t, void *, void *, void *, void *, void *, void *, void *, void *) = nullptr;
  std::string text;
};

/// Width in bits of this machine's vector registers: 512, 256 or 128.
int64_t hostVectorBits();

} // namespace tegula::test

#endif
