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

// Other element types keep the function: the polynomials are made for f32.
// CHECK-LABEL: func.func @kept
// CHECK: math.exp %{{.*}} : f64
func.func @kept(%x: f64) -> f64 {
  %e = math.exp %x : f64
  return %e : f64
}
