// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s --mlir-print-op-generic | tegula-opt | FileCheck %s

// Each list of operands may be empty, and what is printed is read again.
exec.kernel @all attributes {result_count = 1 : i64} {
  func.func @all(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) { return }
}
exec.kernel @source attributes {result_count = 1 : i64} {
  func.func @source(%y: memref<4xf32>) { return }
}
exec.kernel @sink attributes {result_count = 0 : i64} {
  func.func @sink(%x: memref<4xf32>, %y: memref<i64>) { return }
}
exec.kernel @nothing attributes {result_count = 0 : i64} {
  func.func @nothing() { return }
}

// CHECK-LABEL: func.func @tensors
func.func @tensors(%x: tensor<?xf32>, %y: tensor<?xf32>, %z: tensor<4xf32>, %n: index) -> (tensor<?xf32>, tensor<4xf32>) {
  // CHECK: exec.dispatch @all ins(%{{.*}}) outs(%{{.*}}) scalars(%{{.*}}) : (tensor<?xf32>), (tensor<?xf32>) -> tensor<?xf32>
  %0 = exec.dispatch @all ins(%x) outs(%y) scalars(%n) : (tensor<?xf32>), (tensor<?xf32>) -> tensor<?xf32>
  // CHECK: exec.dispatch @source ins() outs(%{{.*}}) scalars() {work = 4 : i64} : (), (tensor<4xf32>) -> tensor<4xf32>
  %1 = exec.dispatch @source ins() outs(%z) scalars() {work = 4 : i64} : (), (tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<?xf32>, tensor<4xf32>
}

// CHECK-LABEL: func.func @buffers
func.func @buffers(%x: memref<4xf32>, %n: memref<i64>) {
  // CHECK: exec.dispatch @source ins() outs(%{{.*}}) scalars() : (), (memref<4xf32>)
  exec.dispatch @source ins() outs(%x) scalars() : (), (memref<4xf32>)
  // CHECK: exec.dispatch @sink ins(%{{.*}}, %{{.*}}) outs() scalars() : (memref<4xf32>, memref<i64>), ()
  exec.dispatch @sink ins(%x, %n) outs() scalars() : (memref<4xf32>, memref<i64>), ()
  // CHECK: exec.dispatch @nothing ins() outs() scalars() : (), ()
  exec.dispatch @nothing ins() outs() scalars() : (), ()
  return
}
