// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @length(%x: tensor<4x5xf32>) -> tensor<?x4x?xf32> {
  // expected-error@+1 {{expected a positive length, but got 0}}
  %y = graph.block_columns %x {length = 0 : i64} : tensor<4x5xf32> -> tensor<?x4x?xf32>
  return %y : tensor<?x4x?xf32>
}

// -----

func.func @rank(%x: tensor<1x4x5xf32>) -> tensor<1x4x8xf32> {
  // expected-error@+1 {{expected an operand [K, N], but got 'tensor<1x4x5xf32>'}}
  %y = graph.block_columns %x {length = 8 : i64} : tensor<1x4x5xf32> -> tensor<1x4x8xf32>
  return %y : tensor<1x4x8xf32>
}

// -----

func.func @blocks(%x: tensor<1x4xf32>, %w: tensor<3x4x8xf32>) -> tensor<1x9xf32> {
  // expected-error@+1 {{expected a weight [ceil(9 / c), K, c] of static shape, but got 'tensor<3x4x8xf32>'}}
  %y = graph.blocked_matmul %x, %w {columns = 9 : i64} : tensor<1x4xf32>, tensor<3x4x8xf32> -> tensor<1x9xf32>
  return %y : tensor<1x9xf32>
}

// -----

func.func @depth(%x: tensor<1x5xf32>, %w: tensor<2x4x8xf32>) -> tensor<1x9xf32> {
  // expected-error@+1 {{expected an operand [..., 4], but got 'tensor<1x5xf32>'}}
  %y = graph.blocked_matmul %x, %w {columns = 9 : i64} : tensor<1x5xf32>, tensor<2x4x8xf32> -> tensor<1x9xf32>
  return %y : tensor<1x9xf32>
}

// -----

func.func @elements(%x: tensor<1x4xf32>, %w: tensor<2x4x8xf32>) -> tensor<1x9xf16> {
  // expected-error@+1 {{expected an operand of f32, f16 or bf16, a weight of these or of 8 bits, and a result of the operand's type or f32, but got 'f32', 'f32' and 'f16'}}
  %y = graph.blocked_matmul %x, %w {columns = 9 : i64} : tensor<1x4xf32>, tensor<2x4x8xf32> -> tensor<1x9xf16>
  return %y : tensor<1x9xf16>
}

// -----

// expected-error @+1 {{expected graph.channel_block to be 4, 8 or 16 on a module, but got 3 : i64}}
module attributes {graph.channel_block = 3 : i64} {}

// -----

// expected-error @+1 {{expected graph.channel_group to be 2 or 4 on a module, but got 3 : i64}}
module attributes {graph.channel_group = 3 : i64} {}
