// RUN: tegula-opt %s --split-input-file --verify-diagnostics --graph-infer-shapes

func.func @kernel_too_big(%x: tensor<1x1x4xf32>, %w: tensor<1x1x7xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{expected a padded extent of at least the kernel's 7 in spatial dimension 0, but got 4}}
  %y = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x4xf32>, tensor<1x1x7xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @input_group(%x: tensor<1x5x4xf32>, %w: tensor<?x?x1xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{expected input channels divisible by group 2, but got 5}}
  %y = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 2 : i64} : tensor<1x5x4xf32>, tensor<?x?x1xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @group(%x: tensor<1x4x4xf32>, %w: tensor<3x2x1xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{expected output channels divisible by group 2, but got 3}}
  %y = graph.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, group = 2 : i64} : tensor<1x4x4xf32>, tensor<3x2x1xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @stride(%x: tensor<1x1x4xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{expected positive strides and dilations}}
  %y = graph.average_pool %x {kernel = array<i64: 2>, strides = array<i64: 0>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : tensor<1x1x4xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @equation(%x: tensor<2x3xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{expected each label of the result once, and in an operand, but got 'k'}}
  %y = graph.einsum "ij->ik"(%x) : (tensor<2x3xf32>) -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @parameters(%x: tensor<1x4x8xf32>, %p: tensor<3xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{expected parameters of 4 elements, but got 'tensor<3xf32>'}}
  %y = graph.batch_norm %x scale %p bias %p mean %p variance %p {epsilon = 1.0e-5 : f64} : tensor<1x4x8xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32> -> tensor<*xf32>
  return %y : tensor<*xf32>
}

// -----

func.func @negative_power(%x: tensor<1x2x5x5xf32>) -> tensor<1x2x4x4xf32> {
  // expected-error @+1 {{expected a positive p, but got -2}}
  %y = graph.lp_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, p = -2 : i64} : tensor<1x2x5x5xf32> -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// -----

func.func @negative_window_of_channels(%x: tensor<1x5x8xf32>) -> tensor<1x5x8xf32> {
  // expected-error @+1 {{expected a size from 1 to 2^31, but got -3}}
  %y = graph.local_response_norm %x {size = -3 : i64, alpha = 1.0e-4 : f64, beta = 0.75 : f64, bias = 1.0 : f64} : tensor<1x5x8xf32> -> tensor<1x5x8xf32>
  return %y : tensor<1x5x8xf32>
}
