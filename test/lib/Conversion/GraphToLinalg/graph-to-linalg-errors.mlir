// RUN: tegula-opt %s --graph-to-linalg --verify-diagnostics

// A form that no pattern takes is an error at its node that tells the types.
func.func @main(%x: tensor<1x2x5x5xf32>, %w: tensor<4x1x?x3xf32>) -> tensor<1x4x?x3xf32> {
  // expected-error @below {{unsupported form: no lowering of graph.conv takes ('tensor<1x2x5x5xf32>', 'tensor<4x1x?x3xf32>') -> ('tensor<1x4x?x3xf32>')}}
  %y = graph.conv %x, %w {dilations = array<i64: 1, 1>, group = 2 : i64, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : tensor<1x2x5x5xf32>, tensor<4x1x?x3xf32> -> tensor<1x4x?x3xf32>
  return %y : tensor<1x4x?x3xf32>
}
