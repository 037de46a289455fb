// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --codegen-bufferize-kernel | FileCheck %s

// The result is computed in the kernel's own argument; no temporary, no tensor.
// CHECK: exec.kernel
// CHECK-NEXT: func.func @{{.*}}(%[[X:.*]]: memref<64xf32>, %[[Y:.*]]: memref<64xf32>)
// CHECK-NOT: tensor
// CHECK-NOT: memref.alloc
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<64xf32>) outs(%[[Y]] : memref<64xf32>)
// CHECK: return
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}) -> (tensor<64xf32> {graph.name = "y", graph.dims = [""]}) {
  %r = graph.relu %x : tensor<64xf32> -> tensor<64xf32>
  return %r : tensor<64xf32>
}
