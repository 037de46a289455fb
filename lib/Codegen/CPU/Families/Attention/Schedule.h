// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Legality, default, space, features and lowering of `cpu_attention` schedules.
//
#ifndef TEGULA_LIB_CODEGEN_CPU_FAMILIES_ATTENTION_SCHEDULE_H
#define TEGULA_LIB_CODEGEN_CPU_FAMILIES_ATTENTION_SCHEDULE_H

#include "tegula/Codegen/Common/IntegerDot.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Kernel/KernelFamily.h"

namespace tegula::attention {

/// Attention as graph.attention is lowered: the products of queries and keys, the scores that a map makes of them (null
/// where they are the products), and the contraction of the weights with the values, which is the core's last step. Or
/// as exec-mark-attention finds it: both products are of bytes, and a map quantizes the weights.
struct Kernel {
  matmul::KernelCore core;
  mlir::linalg::GenericOp products, scores, weights;
  /// How many loops are leading dimensions. Those of the products go on with query, key and element of these; those of
  /// the last step with query, element of a value, key.
  unsigned batch = 0;
  /// Whether queries, keys, weights and values are bytes; how each makes its factor.
  bool isInteger = false;
  IntegerFactor query, key, weight, value;

  int64_t queries() const { return core.info.extents[batch]; }
  int64_t keys() const { return core.info.extents[batch + 2]; }
  /// Elements of a query and a key, and of a value; static.
  int64_t depth() const { return linalgOf(products).getStaticLoopRanges()[batch + 2]; }
  int64_t width() const { return core.info.extents[batch + 1]; }
  /// Product of the leading dimensions; kDynamic where one is.
  int64_t heads() const;

private:
  /// Questions to an op need one that is not const.
  static mlir::linalg::GenericOp linalgOf(mlir::linalg::GenericOp op) { return op; }
};
/// Finds it in a function on tensors or memrefs; with `whole`, only if the rest of the kernel can be lowered too.
bool findKernel(mlir::func::FuncOp function, Kernel &kernel, bool whole);

/// Whether the smallest blocks fit into a worker's memory.
bool fitsWorkspace(const Kernel &kernel);

/// Up to so many products of two differences of bytes have a sum that f32 holds exactly.
constexpr int64_t mostExactProducts = 256;

/// f32 lanes of a vector.
inline int64_t lanesOf(const MachineModel &machine) { return machine.vectorBits / 32; }

mlir::LogicalResult verifySchedule(sched::CPUAttentionAttr schedule, const Kernel &kernel, const MachineModel &machine,
                                   KernelFamily::EmitError emitError);
SearchSpace makeSpace(const Kernel &kernel, const MachineModel &machine);
Configuration chooseDefault(const SearchSpace &space, const Kernel &kernel, const MachineModel &machine);
sched::CPUAttentionAttr makeSchedule(mlir::MLIRContext *context, const SearchSpace &space, const Configuration &point);
std::optional<Configuration> findPoint(const SearchSpace &space, sched::CPUAttentionAttr schedule);
KernelFeatures computeFeatures(sched::CPUAttentionAttr schedule, const Kernel &kernel, const MachineModel &machine);

/// Replaces the ops of the bufferized kernel by loops over blocks of queries and keys.
mlir::LogicalResult lowerKernel(mlir::func::FuncOp function, sched::CPUAttentionAttr schedule,
                                const MachineModel &machine);

} // namespace tegula::attention

#endif
