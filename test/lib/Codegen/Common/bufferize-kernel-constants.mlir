// RUN: tegula-opt %s --tegula-linalg --tegula-kernels --codegen-bufferize-kernel | FileCheck %s

// A constant of one element is built in the kernel, also after what reads it was rewritten.
// CHECK: exec.kernel
// CHECK: memref.alloc() {{.*}} : memref<1xf32>
// CHECK: memref.store
// CHECK: memref.subview
// CHECK-NOT: get_global
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %b = graph.constant dense<2.0> : tensor<1xf32>
  %p = graph.constant dense<[0, 3]> : tensor<2xi64>
  %y = graph.pad %b by %p {mode = "constant"} : (tensor<1xf32>, tensor<2xi64>) -> tensor<4xf32>
  %z = graph.add %x, %y : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  return %z : tensor<4xf32>
}
