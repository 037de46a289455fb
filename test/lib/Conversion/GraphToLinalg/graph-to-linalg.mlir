// RUN: tegula-opt %s --graph-to-linalg | FileCheck %s

// CHECK-LABEL: func.func @relu
// CHECK: linalg.generic
// CHECK: arith.maximumf
// CHECK-NOT: graph.
func.func @relu(%x: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %r = graph.relu %x : tensor<2x?xf32> -> tensor<2x?xf32>
  return %r : tensor<2x?xf32>
}

// bool is one byte in memory.
// CHECK-LABEL: func.func @less
// CHECK-SAME: -> tensor<64xi8>
// CHECK: arith.cmpf olt
func.func @less(%x: tensor<64xf32>, %y: tensor<64xf32>) -> tensor<64xi1> {
  %r = graph.less %x, %y : tensor<64xf32>, tensor<64xf32> -> tensor<64xi1>
  return %r : tensor<64xi1>
}
