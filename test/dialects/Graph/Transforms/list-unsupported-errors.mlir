// RUN: tegula-opt %s --graph-list-unsupported --verify-diagnostics

// All carriers are listed, not only the first.
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{unsupported operator ai.onnx.Strange at opset 17: no such row}}
  %a = graph.onnx "Strange" domain "" version 17 (%x) present [true] attributes {} {reason = "no such row"} : (tensor<2xf32>) -> tensor<2xf32>
  // expected-error @below {{unsupported operator org.example.Other at opset 3}}
  %b = graph.onnx "Other" domain "org.example" version 3 (%a) present [true] attributes {} : (tensor<2xf32>) -> tensor<2xf32>
  return %b : tensor<2xf32>
}
