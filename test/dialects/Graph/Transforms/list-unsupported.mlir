// RUN: tegula-opt %s --graph-list-unsupported | FileCheck %s

// Without a carrier nothing happens.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: graph.relu
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %r = graph.relu %x : tensor<2xf32> -> tensor<2xf32>
  return %r : tensor<2xf32>
}
