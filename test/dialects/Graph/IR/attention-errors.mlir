// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @sizes(%q: tensor<7x16xf32>, %k: tensor<9x15xf32>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  // expected-error@+1 {{expected queries and keys of equal size, but got 'tensor<7x16xf32>' and 'tensor<9x15xf32>'}}
  %y = graph.attention %q, %k, %v : (tensor<7x16xf32>, tensor<9x15xf32>, tensor<9x24xf32>) -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// -----

func.func @values(%q: tensor<7x16xf32>, %k: tensor<16x9xf32>, %v: tensor<8x24xf32>) -> tensor<7x24xf32> {
  // expected-error@+1 {{expected as many values as keys, but got 'tensor<8x24xf32>' and 9}}
  %y = graph.attention %q, %k, %v {transpose_k = true} : (tensor<7x16xf32>, tensor<16x9xf32>, tensor<8x24xf32>) -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// -----

func.func @batches(%q: tensor<2x7x16xf32>, %k: tensor<3x9x16xf32>, %v: tensor<9x24xf32>) -> tensor<2x7x24xf32> {
  // expected-error@+1 {{expected leading dimensions that broadcast together}}
  %y = graph.attention %q, %k, %v : (tensor<2x7x16xf32>, tensor<3x9x16xf32>, tensor<9x24xf32>) -> tensor<2x7x24xf32>
  return %y : tensor<2x7x24xf32>
}

// -----

func.func @bias(%q: tensor<7x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x24xf32>, %b: tensor<8xf32>) -> tensor<7x24xf32> {
  // expected-error@+1 {{expected bias and mask that broadcast with the scores, but got 'tensor<8xf32>'}}
  %y = graph.attention %q, %k, %v bias %b : (tensor<7x16xf32>, tensor<9x16xf32>, tensor<9x24xf32>, tensor<8xf32>) -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// -----

func.func @fill(%q: tensor<7x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x24xf32>, %m: tensor<9xi1>) -> tensor<7x24xf32> {
  // expected-error@+1 {{expected mask and fill together, but one is missing}}
  %y = graph.attention %q, %k, %v mask %m : (tensor<7x16xf32>, tensor<9x16xf32>, tensor<9x24xf32>, tensor<9xi1>) -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// -----

func.func @mask(%q: tensor<7x16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x24xf32>, %m: tensor<9xf32>) -> tensor<7x24xf32> {
  // expected-error@+1 {{expected a mask of i1, but got 'f32'}}
  %y = graph.attention %q, %k, %v mask %m {fill = 0.0 : f32} : (tensor<7x16xf32>, tensor<9x16xf32>, tensor<9x24xf32>, tensor<9xf32>) -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// -----

func.func @elements(%q: tensor<7x16xf32>, %k: tensor<9x16xf16>, %v: tensor<9x24xf32>) -> tensor<7x24xf32> {
  // expected-error@+1 {{expected operands and result of one element type, but got 'f16' and 'f32'}}
  %y = graph.attention %q, %k, %v : (tensor<7x16xf32>, tensor<9x16xf16>, tensor<9x24xf32>) -> tensor<7x24xf32>
  return %y : tensor<7x24xf32>
}

// -----

func.func @doubles(%q: tensor<7x16xf64>, %k: tensor<9x16xf64>, %v: tensor<9x24xf64>) -> tensor<7x24xf64> {
  // expected-error@+1 {{operand #0 must be tensor of 32-bit float or 16-bit float or bfloat16 type values}}
  %y = graph.attention %q, %k, %v : (tensor<7x16xf64>, tensor<9x16xf64>, tensor<9x24xf64>) -> tensor<7x24xf64>
  return %y : tensor<7x24xf64>
}

// -----

func.func @ranks(%q: tensor<16xf32>, %k: tensor<9x16xf32>, %v: tensor<9x24xf32>) -> tensor<24xf32> {
  // expected-error@+1 {{expected operands of rank 2 or more}}
  %y = graph.attention %q, %k, %v : (tensor<16xf32>, tensor<9x16xf32>, tensor<9x24xf32>) -> tensor<24xf32>
  return %y : tensor<24xf32>
}
