// RUN: tegula-opt %s --codegen-approximate-math | FileCheck %s

// CHECK-LABEL: func.func @approximated
// CHECK-NOT: math.exp
// CHECK-NOT: math.tanh
// CHECK: math.fma
// CHECK: return
func.func @approximated(%x: f32) -> f32 {
  %e = math.exp %x : f32
  %t = math.tanh %e : f32
  return %t : f32
}

// LLVM has no intrinsic for erf, so f64 has a polynomial, too, of scalars and of vectors.
// CHECK-LABEL: func.func @wide
// CHECK-NOT: math.erf
// CHECK: math.copysign %{{.*}} : vector<4xf64>
func.func @wide(%x: vector<4xf64>) -> vector<4xf64> {
  %e = math.erf %x : vector<4xf64>
  return %e : vector<4xf64>
}

// Other element types keep the function: the polynomials are made for f32.
// CHECK-LABEL: func.func @kept
// CHECK: math.exp %{{.*}} : f64
func.func @kept(%x: f64) -> f64 {
  %e = math.exp %x : f64
  return %e : f64
}
