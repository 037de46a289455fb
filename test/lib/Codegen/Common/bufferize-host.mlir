// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --codegen-bufferize-host | FileCheck %s

// Every value of the host function has an allocation of its own.
// CHECK: func.func @main(%[[X:.*]]: memref<?xf32>{{.*}}) -> (memref<?xf32>
// CHECK: %[[N:.*]] = memref.dim %[[X]]
// CHECK: %[[Y:.*]] = memref.alloc(%[[N]]) {{.*}}: memref<?xf32>
// CHECK: exec.dispatch @{{.*}} ins(%[[X]]) outs(%[[Y]])
// CHECK: return %[[Y]] : memref<?xf32>
func.func @main(%x: tensor<?xf32> {graph.name = "x", graph.dims = ["n"]}) -> (tensor<?xf32> {graph.name = "y", graph.dims = ["n"]}) {
  %r = graph.relu %x : tensor<?xf32> -> tensor<?xf32>
  return %r : tensor<?xf32>
}
