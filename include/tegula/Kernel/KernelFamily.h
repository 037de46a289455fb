// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel family: which kernels it can generate code for, with which schedules, and how. The compiler asks for the
// default schedule, for legality and for the lowering; the tuner asks for the space and the features and calls the
// compiler for the rest. One object per family, found by name or by the schedule attribute that belongs to it.
//
// The function of a kernel is given in one of two forms: on tensors (operands read by bufferization.to_tensor, as the
// `kernels` stage leaves it), or bufferized (memrefs only). All questions take both forms; `lower` takes the second.
//
#ifndef TEGULA_KERNEL_KERNELFAMILY_H
#define TEGULA_KERNEL_KERNELFAMILY_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/Diagnostics.h"
#include "tegula/Kernel/KernelFeatures.h"
#include "tegula/Kernel/SearchSpace.h"

namespace tegula {

/// What schedules need to know about the machine that runs the kernel.
struct MachineModel {
  /// Width of a vector register in bits; 128 where nothing is known.
  int64_t vectorBits = 128;
  /// Number of vector registers that the compiler can allocate.
  int64_t vectorRegisters = 16;
  /// How products of 8-bit integers are summed in vectors of i32: one multiplication a lane; pairs of 16-bit values
  /// (pmaddwd); groups of four bytes, one factor unsigned (vpdpbusd) or both signed (sdot).
  enum class IntegerDot { Single, Pairs, Bytes, SignedBytes };
  IntegerDot integerDot = IntegerDot::Single;
  /// Whether an instruction that adds the products of two pairs of bf16 to each f32 of a vector (vdpbf16ps) takes less
  /// time than two multiply-adds.
  bool bfloatDot = false;
  /// Whether there are tile registers (AMX: eight, each of 16 rows of 64 bytes) that multiply pairs of bf16, and groups
  /// of four bytes of any signedness.
  bool bfloatTiles = false, byteTiles = false;
  /// Sizes of the caches that one worker can use, in bytes.
  int64_t l1Bytes = 32 << 10, l2Bytes = 512 << 10, l3Bytes = 8 << 20;
  /// How many workers share a kernel.
  int64_t workers = 1;

  /// The model of a CPU with vectors of `bits` bits: 16 registers, or 32 from AVX-512 on.
  static MachineModel forVectorBits(int64_t bits) {
    MachineModel machine;
    machine.vectorBits = bits;
    machine.vectorRegisters = bits >= 512 ? 32 : 16;
    return machine;
  }
};

class KernelFamily {
public:
  using EmitError = llvm::function_ref<mlir::InFlightDiagnostic()>;

  virtual ~KernelFamily();

  /// The mnemonic of the schedule attribute, such as "cpu_matmul".
  virtual llvm::StringRef name() const = 0;
  /// True for the schedule attributes of this family.
  virtual bool owns(mlir::Attribute schedule) const = 0;
  /// True when this family can generate code for the kernel.
  virtual bool match(mlir::func::FuncOp kernel) const = 0;
  /// A legal schedule without any measurement. `kernel` matches, here and below.
  virtual mlir::Attribute defaultSchedule(mlir::func::FuncOp kernel, const MachineModel &machine) const = 0;
  /// The schedules worth trying; contains the default schedule and only legal ones.
  virtual SearchSpace space(mlir::func::FuncOp kernel, const MachineModel &machine) const = 0;
  /// The schedule of a point of the space, and back; nullopt for a schedule that has no point in `space`.
  virtual mlir::Attribute schedule(mlir::func::FuncOp kernel, const SearchSpace &space,
                                   const Configuration &point) const = 0;
  virtual std::optional<Configuration> configuration(const SearchSpace &space, mlir::Attribute schedule) const = 0;
  /// The authority on legality: success, or an error that says what was expected.
  virtual mlir::LogicalResult verify(mlir::func::FuncOp kernel, mlir::Attribute schedule, const MachineModel &machine,
                                     EmitError emitError) const = 0;
  /// What the schedule makes the kernel do on a machine with these registers and caches.
  virtual KernelFeatures features(mlir::func::FuncOp kernel, mlir::Attribute schedule,
                                  const MachineModel &machine) const = 0;
  /// Verifies the schedule and replaces the linalg ops of the bufferized function by loops. Work is shared by
  /// `exec.grid_id` and `exec.grid_size`; memory comes from one `memref.alloc` at the entry, which is never freed.
  mlir::LogicalResult lower(mlir::func::FuncOp kernel, mlir::Attribute schedule, const MachineModel &machine) const;

protected:
  /// What `lower` does for a schedule that is verified.
  virtual mlir::LogicalResult lowerVerified(mlir::func::FuncOp kernel, mlir::Attribute schedule,
                                            const MachineModel &machine) const = 0;
};

/// The families of one target, in the order in which they are asked to match: the first that matches takes the kernel.
class KernelFamilies {
public:
  void add(std::unique_ptr<KernelFamily> family);
  llvm::ArrayRef<std::unique_ptr<KernelFamily>> get() const { return families; }

  /// The first family that matches the kernel, or null.
  const KernelFamily *findFor(mlir::func::FuncOp kernel) const;
  /// The family that owns the schedule, or null.
  const KernelFamily *findFor(mlir::Attribute schedule) const;
  const KernelFamily *find(llvm::StringRef name) const;

private:
  llvm::SmallVector<std::unique_ptr<KernelFamily>, 4> families;
};

} // namespace tegula

#endif // TEGULA_KERNEL_KERNELFAMILY_H
