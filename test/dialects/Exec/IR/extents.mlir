// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: func.func @extents
func.func @extents(%value: !exec.handle) -> index {
  // CHECK: %[[SIZES:.*]]:2 = exec.extents 1 [-9223372036854775808, 4, -9223372036854775808] %{{.*}} : index, index
  %0:2 = exec.extents 1 [-9223372036854775808, 4, -9223372036854775808] %value : index, index
  // A shape that is known has no extents to tell; the operation is its check.
  // CHECK: exec.extents 1 [4] %{{[a-z0-9]+$}}
  exec.extents 1 [4] %value
  return %0#1 : index
}
