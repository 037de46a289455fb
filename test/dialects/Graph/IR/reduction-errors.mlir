// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @axis_out_of_range(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{expected axes in 0..rank-1, but got 2}}
  %y = graph.reduce_sum %x {axes = array<i64: 2>} : tensor<2x3xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @axis_twice(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{expected every axis once, but got 1 twice}}
  %y = graph.softmax %x {axes = array<i64: 1, 1>} : tensor<2x3xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @no_axes(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{expected either axes or run_time_axes}}
  %y = graph.reduce_min %x : tensor<2x3xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @hardmax_with_gap(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error@+1 {{expected consecutive axes, but got 0 before 2}}
  %y = graph.hardmax %x {axes = array<i64: 0, 2>} : tensor<2x3x4xf32> -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

func.func @scale_of_higher_rank(%x: tensor<?x4xf32>, %scale: tensor<?x5x4xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{expected scale and bias that can be broadcast to 'tensor<?x4xf32>', but got 'tensor<?x5x4xf32>'}}
  %y = graph.rms_norm %x scale %scale {axis = 1 : i64, epsilon = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<?x5x4xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @bias_of_other_extent(%x: tensor<?x4xf32>, %scale: tensor<1xf32>, %bias: tensor<3xf32>) -> tensor<*xf32> {
  // expected-error@+1 {{expected scale and bias that can be broadcast to 'tensor<?x4xf32>', but got 'tensor<3xf32>'}}
  %y, %m, %i = graph.layer_norm %x scale %scale bias %bias {axis = 1 : i64, epsilon = 1.0e-05 : f32} : tensor<?x4xf32>, scale tensor<1xf32>, bias tensor<3xf32> -> tensor<*xf32>, tensor<*xf32>, tensor<*xf32>
  return %y : tensor<*xf32>
}
