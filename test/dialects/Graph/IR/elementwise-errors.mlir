// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @bitcast_width(%x: tensor<4xf32>) -> tensor<4xi16> {
  // expected-error@+1 {{expected element types of equal width, but got 'f32' and 'i16'}}
  %y = graph.bitcast %x : tensor<4xf32> -> tensor<4xi16>
  return %y : tensor<4xi16>
}

// -----

func.func @round_mode(%x: tensor<4xf32>) -> tensor<4xf8E8M0FNU> {
  // expected-error@+1 {{expected round_mode "up", "down" or "nearest", but got "even"}}
  %y = graph.cast %x {round_mode = "even"} : tensor<4xf32> -> tensor<4xf8E8M0FNU>
  return %y : tensor<4xf8E8M0FNU>
}
