// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one evaluator of constants: whoever wants the value of a program whose inputs are known asks it, instead of
// computing by hand what kernels compute anyway. An interface of the graph dialect, so that passes find it by their
// context; the driver and tegula-opt put the implementation there.
#ifndef TEGULA_KERNEL_CONSTANTEVALUATOR_H
#define TEGULA_KERNEL_CONSTANTEVALUATOR_H

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectInterface.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace tegula {

/// What an evaluation may cost. No limit depends on the clock, so that a build is reproducible.
struct EvaluationLimits {
  /// Bytes of intermediate values and results that are alive at once.
  int64_t bytes = int64_t(2) << 30;
  /// Estimated time of all kernels together, in the unit of `exec.work` (ten picoseconds): some seconds.
  int64_t work = int64_t(1) << 38;
  /// Kernels that may run, counting every round of a loop.
  int64_t dispatches = 1 << 20;
};

class ConstantEvaluator : public mlir::DialectInterface::Base<ConstantEvaluator> {
public:
  explicit ConstantEvaluator(mlir::Dialect *dialect) : Base(dialect) {}

  /// Runs @main of `program`, a module as stage `graph` leaves it whose inputs have static shapes, on `inputs` (dense
  /// or resources, of the inputs' types). The code is made for the baseline of this machine's architecture with default
  /// schedules, whatever the target and the machine. A result has the shape that the run gave it: a splat is a splat,
  /// a small tensor dense, anything else a resource. The error says what the program did wrong (an index out of range,
  /// a limit, an operation without code) and where.
  virtual llvm::Expected<llvm::SmallVector<mlir::ElementsAttr>> evaluate(mlir::OwningOpRef<mlir::ModuleOp> program,
                                                                         llvm::ArrayRef<mlir::ElementsAttr> inputs,
                                                                         const EvaluationLimits &limits) const = 0;
};

} // namespace tegula

MLIR_DECLARE_EXPLICIT_TYPE_ID(tegula::ConstantEvaluator)

#endif
