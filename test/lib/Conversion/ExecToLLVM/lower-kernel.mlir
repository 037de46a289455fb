// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --tegula-tiled \
// RUN:   --tegula-llvm --mlir-print-ir-after=exec-lower-kernel -o /dev/null 2>&1 | FileCheck %s

// The runtime's kernel signature: grid_id, grid_size, buffers, dims, workspace; a status is returned.
// CHECK: func.func @{{.*}}(%{{.*}}: i64, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
// CHECK-NOT: exec.grid_id
// CHECK: return %{{.*}} : i32
func.func @main(%x: tensor<?xf32> {graph.name = "x", graph.dims = ["n"]}) -> (tensor<?xf32> {graph.name = "y", graph.dims = ["n"]}) {
  %r = graph.relu %x : tensor<?xf32> -> tensor<?xf32>
  return %r : tensor<?xf32>
}
