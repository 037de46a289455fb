// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @zero_point_of_floats(%x: tensor<2x3xf32>, %w: tensor<3x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{expected a zero point that the 8-bit type of its operand holds, but got 1 for 'f32'}}
  %y = graph.matmul %x, %w {lhs_zero_point = 1 : i64} : tensor<2x3xf32>, tensor<3x4xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @zero_point_out_of_range(%x: tensor<2x3xui8>, %w: tensor<3x4xi8>) -> tensor<2x4xi32> {
  // expected-error @+1 {{expected a zero point that the 8-bit type of its operand holds, but got 128 for 'i8'}}
  %y = graph.matmul %x, %w {lhs_zero_point = 255 : i64, rhs_zero_point = 128 : i64} : tensor<2x3xui8>, tensor<3x4xi8> -> tensor<2x4xi32>
  return %y : tensor<2x4xi32>
}

// -----

func.func @convolution(%x: tensor<1x1x4xui8>, %w: tensor<1x1x1xi8>) -> tensor<1x1x4xi32> {
  // expected-error @+1 {{expected a zero point that the 8-bit type of its operand holds, but got -1 for 'ui8'}}
  %y = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, x_zero_point = -1 : i64} : tensor<1x1x4xui8>, tensor<1x1x1xi8> -> tensor<1x1x4xi32>
  return %y : tensor<1x1x4xi32>
}
