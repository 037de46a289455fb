// RUN: tegula-opt %s --graph-infer-shapes --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @powers
// CHECK: %[[SQUARE:.*]] = graph.mul %arg0, %arg0
// CHECK: %[[ROOT:.*]] = graph.sqrt %arg0
// CHECK: return %arg0, %[[SQUARE]], %[[ROOT]]
func.func @powers(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %one = graph.constant dense<1> : tensor<i64>
  %two = graph.constant dense<2.0> : tensor<f32>
  %half = graph.constant dense<0.5> : tensor<1xf32>
  %a = graph.pow %x, %one : tensor<4xf32>, tensor<i64> -> tensor<4xf32>
  %b = graph.pow %x, %two : tensor<4xf32>, tensor<f32> -> tensor<4xf32>
  %c = graph.pow %x, %half : tensor<4xf32>, tensor<1xf32> -> tensor<4xf32>
  return %a, %b, %c : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// The remainder has the divisor's sign, or the dividend's when the quotient truncates.
// CHECK-LABEL: func.func @remainders
// CHECK-DAG: graph.constant dense<[2, -2, 0]> : tensor<3xi64>
// CHECK-DAG: graph.constant dense<[-1, 1, 0]> : tensor<3xi64>
func.func @remainders() -> (tensor<3xi64>, tensor<3xi64>) {
  %x = graph.constant dense<[-7, 7, -9223372036854775808]> : tensor<3xi64>
  %y = graph.constant dense<[3, -3, -1]> : tensor<3xi64>
  %a = graph.mod %x, %y : tensor<3xi64>, tensor<3xi64> -> tensor<3xi64>
  %b = graph.mod %x, %y {truncate = true} : tensor<3xi64>, tensor<3xi64> -> tensor<3xi64>
  return %a, %b : tensor<3xi64>, tensor<3xi64>
}

// A division by zero stays for run time, where it names its node.
// CHECK-LABEL: func.func @by_zero
// CHECK: graph.mod
func.func @by_zero() -> tensor<i64> {
  %x = graph.constant dense<7> : tensor<i64>
  %y = graph.constant dense<0> : tensor<i64>
  %a = graph.mod %x, %y : tensor<i64>, tensor<i64> -> tensor<i64>
  return %a : tensor<i64>
}

// CHECK-LABEL: func.func @logic
// CHECK: graph.constant dense<[true, false]> : tensor<2xi1>
func.func @logic() -> tensor<2xi1> {
  %x = graph.constant dense<[3, 5]> : tensor<2xi64>
  %y = graph.constant dense<3> : tensor<i64>
  %a = graph.less_or_equal %x, %y : tensor<2xi64>, tensor<i64> -> tensor<2xi1>
  %b = graph.not %a : tensor<2xi1> -> tensor<2xi1>
  %c = graph.not %b : tensor<2xi1> -> tensor<2xi1>
  return %c : tensor<2xi1>
}
