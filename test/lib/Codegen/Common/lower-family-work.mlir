// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --codegen-lower-family | FileCheck %s
// RUN: tegula-opt %s --tegula-graph --tegula-linalg --tegula-kernels --tegula-scheduled --tegula-buffers --tegula-tiled \
// RUN:   --tegula-llvm --mlir-print-ir-after=exec-lower-host -o /dev/null 2>&1 | FileCheck %s --check-prefix=HOST

// Estimates of work: the dims are the extents of x, then that of y. A product of matrices reads w from memory, computes
// with each row of x, and fills each row of y.
// CHECK: exec.kernel @matmul{{.*}}exec.work = [array<i64: 524288>, array<i64: 532480, 0>, array<i64: 256, 1>]
// Elementwise: twenty for the function, eight for the bytes, of each element, in vectors of 128 bits.
// CHECK: exec.kernel @map{{.*}}exec.work = [array<i64: 5632>]

// The host function computes it from the extents of a run.
// HOST: func.func @tegula_program
// HOST: %[[PER_ROW:.+]] = llvm.mlir.constant(532480 : i64)
// HOST: llvm.mul %[[PER_ROW]], %{{.+}} : i64
// HOST: llvm.mlir.constant(5632 : i64)
func.func @main(%x: tensor<?x1024xf32> {graph.name = "x", graph.dims = ["n", ""]}, %w: tensor<1024x64xf32> {graph.name = "w", graph.dims = ["", ""]}, %s: tensor<64xf32> {graph.name = "s", graph.dims = [""]}) -> (tensor<?x64xf32> {graph.name = "y", graph.dims = ["n", ""]}, tensor<64xf32> {graph.name = "z", graph.dims = [""]}) {
  %y = graph.matmul %x, %w : tensor<?x1024xf32>, tensor<1024x64xf32> -> tensor<?x64xf32>
  %z = graph.exp %s : tensor<64xf32> -> tensor<64xf32>
  return %y, %z : tensor<?x64xf32>, tensor<64xf32>
}
