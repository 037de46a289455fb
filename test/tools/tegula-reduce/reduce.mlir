// RUN: tegula-reduce %s --reduction-tree='traversal-mode=0 test=%S/Inputs/is_refused.sh' | FileCheck %s

// Of a module that Tegula refuses only the function with the operator that it does not know is left.
// CHECK-NOT: graph.relu
// CHECK-NOT: @innocent
// CHECK: func.func @guilty
// CHECK: graph.onnx "Mystery"
// CHECK-NOT: graph.relu
// CHECK-NOT: @innocent
func.func @innocent(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = graph.relu %x : tensor<2xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}

func.func @guilty(%x: tensor<2xf32>) -> tensor<2xf32> {
  %a = graph.onnx "Mystery" domain "" version 17 (%x) present [true] attributes {} : (tensor<2xf32>) -> tensor<2xf32>
  return %a : tensor<2xf32>
}

func.func @innocent_too(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = graph.relu %x : tensor<2xf32> -> tensor<2xf32>
  return %y : tensor<2xf32>
}
