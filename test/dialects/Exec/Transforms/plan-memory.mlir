// RUN: tegula-opt %s --split-input-file --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --codegen-bufferize-host --exec-plan-memory | FileCheck %s

// Of three intermediate results of 8 KiB one lives in the output, and the other two share a place in the arena.
// CHECK-LABEL: module
// CHECK-SAME: exec.arena_bytes = 8192
// CHECK: func.func @main
// CHECK-NOT: memref.alloc
// CHECK: %[[Y:.*]] = exec.output 0
// CHECK: %[[A:.*]] = exec.arena_view 0
// CHECK: exec.dispatch {{.*}} outs(%[[A]])
// CHECK: exec.dispatch {{.*}} ins(%[[A]], %{{.*}}) outs(%[[Y]])
// CHECK: %[[B:.*]] = exec.arena_view 0
// CHECK: exec.dispatch {{.*}} ins(%[[Y]], %{{.*}}) outs(%[[B]])
// CHECK: exec.dispatch {{.*}} ins(%[[B]], %{{.*}}) outs(%[[Y]])
// CHECK: return{{$}}
func.func @main(%x: tensor<32x64xf32> {graph.name = "x", graph.dims = ["", ""]}, %w: tensor<64x64xf32> {graph.name = "w", graph.dims = ["", ""]}) -> (tensor<32x64xf32> {graph.name = "y", graph.dims = ["", ""]}) {
  %a = graph.matmul %x, %w : tensor<32x64xf32>, tensor<64x64xf32> -> tensor<32x64xf32>
  %b = graph.matmul %a, %w : tensor<32x64xf32>, tensor<64x64xf32> -> tensor<32x64xf32>
  %c = graph.matmul %b, %w : tensor<32x64xf32>, tensor<64x64xf32> -> tensor<32x64xf32>
  %d = graph.matmul %c, %w : tensor<32x64xf32>, tensor<64x64xf32> -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}

// -----

// What has a dynamic size is allocated at run time and released after its last use.
// CHECK-LABEL: module
// CHECK-SAME: exec.arena_bytes = 0
// CHECK: %[[Y:.*]] = exec.output 0
// CHECK: %[[A:.*]] = exec.allocate
// CHECK: exec.dispatch {{.*}} outs(%[[A]])
// CHECK: exec.dispatch {{.*}} ins(%[[A]], {{.*}} outs(%[[Y]])
// CHECK: exec.release %[[A]]
func.func @main(%x: tensor<?x64xf32> {graph.name = "x", graph.dims = ["n", ""]}, %w: tensor<64x64xf32> {graph.name = "w", graph.dims = ["", ""]}) -> (tensor<?x64xf32> {graph.name = "y", graph.dims = ["n", ""]}) {
  %a = graph.matmul %x, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %b = graph.matmul %a, %w : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  return %b : tensor<?x64xf32>
}
