// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Constants as a program sees them (storage bytes) and as the IR sees them (attributes).
#ifndef TEGULA_DRIVER_EVALUATEDTENSORS_H
#define TEGULA_DRIVER_EVALUATEDTENSORS_H

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace tegula {

/// Zeroed memory of one tensor, 64-byte aligned. From 16 MiB on it lies in a file without a name, which is no anonymous
/// memory: results are as big as weights.
class TensorMemory {
public:
  /// Null when there is no memory.
  static std::shared_ptr<TensorMemory> allocate(int64_t bytes);
  ~TensorMemory();
  TensorMemory(const TensorMemory &) = delete;
  TensorMemory &operator=(const TensorMemory &) = delete;

  char *data() const { return memory; }
  int64_t size() const { return bytes; }

private:
  TensorMemory(char *memory, int64_t bytes, int64_t mapped) : memory(memory), bytes(bytes), mapped(mapped) {}

  char *memory;
  int64_t bytes, mapped; // mapped: 0 when on the heap
};

/// Bytes of one element in a program's memory: 1 for bool, integers below 8 bits and narrow floats.
int64_t getStorageBytes(mlir::Type graphElement);

/// Where the storage bytes of `value` (no splat, elements of 8 bits or more) lie, aligned to its elements; copied into
/// `copy` when they are not. An error when the bytes are missing.
llvm::Expected<const void *> getTensorData(mlir::ElementsAttr value, std::shared_ptr<TensorMemory> &copy);

/// The constant of static graph type `type` whose storage bytes are in `memory`, which a resource keeps alive.
mlir::ElementsAttr makeConstant(mlir::RankedTensorType type, std::shared_ptr<TensorMemory> memory);

} // namespace tegula

#endif
