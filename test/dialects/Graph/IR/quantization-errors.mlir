// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @scales_per_axis(%x: tensor<2x3xf32>, %s: tensor<2xf32>) -> tensor<2x3xui8> {
  // expected-error@+1 {{expected one scale per index of dimension 1 of 'tensor<2x3xf32>', but got 'tensor<2xf32>'}}
  %y = graph.quantize %x, %s {axis = 1 : i64, precision = f32} : tensor<2x3xf32>, tensor<2xf32> -> tensor<2x3xui8>
  return %y : tensor<2x3xui8>
}

// -----

func.func @blocks(%x: tensor<2x9xi8>, %s: tensor<2x2xf32>) -> tensor<2x9xf32> {
  // expected-error@+1 {{expected 3 scales in dimension 1, but got 2}}
  %y = graph.dequantize %x, %s {axis = 1 : i64, block_size = 4 : i64} : tensor<2x9xi8>, tensor<2x2xf32> -> tensor<2x9xf32>
  return %y : tensor<2x9xf32>
}

// -----

func.func @zero_point_type(%x: tensor<9xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<9xui8> {
  // expected-error@+1 {{expected a zero point of the result's element type 'ui8', but got 'i8'}}
  %y = graph.quantize %x, %s, %z {axis = 0 : i64, precision = f32} : tensor<9xf32>, tensor<f32>, tensor<i8> -> tensor<9xui8>
  return %y : tensor<9xui8>
}
