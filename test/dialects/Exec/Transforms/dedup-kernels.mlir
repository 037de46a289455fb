// RUN: tegula-opt %s --tegula-graph --tegula-linalg --exec-form-kernels --exec-dedup-kernels | FileCheck %s

// Two equal kernels become one, with a key; another element type is another kernel.
// CHECK-LABEL: func.func @main
// CHECK: exec.dispatch @[[SAME:[a-z0-9_]+]] ins
// CHECK: exec.dispatch @[[SAME]] ins
// CHECK: exec.dispatch @[[OTHER:[a-z0-9_]+]] ins
// CHECK-DAG: exec.kernel @[[SAME]] attributes {key = "{{[0-9a-f]+}}"
// CHECK-DAG: exec.kernel @[[OTHER]] attributes {key = "{{[0-9a-f]+}}"
// CHECK-NOT: exec.kernel
func.func @main(%x: tensor<64xf32> {graph.name = "x", graph.dims = [""]}, %y: tensor<64xf32> {graph.name = "y", graph.dims = [""]}, %z: tensor<64xf64> {graph.name = "z", graph.dims = [""]})
    -> (tensor<64xf32> {graph.name = "a", graph.dims = [""]}, tensor<64xf32> {graph.name = "b", graph.dims = [""]}, tensor<64xf64> {graph.name = "c", graph.dims = [""]}) {
  %a = graph.relu %x : tensor<64xf32> -> tensor<64xf32>
  %b = graph.relu %y : tensor<64xf32> -> tensor<64xf32>
  %c = graph.relu %z : tensor<64xf64> -> tensor<64xf64>
  return %a, %b, %c : tensor<64xf32>, tensor<64xf32>, tensor<64xf64>
}
