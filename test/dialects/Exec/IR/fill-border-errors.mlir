// RUN: tegula-opt %s --split-input-file --verify-diagnostics

func.func @rank(%y: memref<4x4xf32>) {
  // expected-error@+1 {{expected two widths of 0 or more for each dimension of 'memref<4x4xf32>'}}
  exec.fill_border %y low [1] high [1, 1] with 0.0 : f32 : memref<4x4xf32>
  return
}

// -----

func.func @negative(%y: memref<4x4xf32>) {
  // expected-error@+1 {{expected two widths of 0 or more}}
  exec.fill_border %y low [1, -1] high [1, 1] with 0.0 : f32 : memref<4x4xf32>
  return
}

// -----

func.func @element(%y: memref<4x4xf32>) {
  // expected-error@+1 {{expected a value of 'f32', but got 0 : i8}}
  exec.fill_border %y low [1, 1] high [1, 1] with 0 : i8 : memref<4x4xf32>
  return
}
