// RUN: tegula-opt %s --codegen-approximate-math | FileCheck %s

// ApproximateMathTest measures how accurate the arithmetic is.
// CHECK-LABEL: func.func @approximated
// CHECK-NOT: math.{{exp|tanh|powf|erf|sin|log}}
// CHECK: arith.addf %{{.*}} fastmath<contract> : f32
// CHECK-NOT: math.{{exp|tanh|powf|erf|sin|log}}
// CHECK: return
func.func @approximated(%x: f32, %y: f32) -> f32 {
  %e = math.exp %x : f32
  %t = math.tanh %e : f32
  %p = math.powf %t, %y : f32
  %r = math.erf %p : f32
  %s = math.sin %r : f32
  %l = math.log %s : f32
  return %l : f32
}

// CHECK-LABEL: func.func @vectors
// CHECK-NOT: math.exp
// CHECK: arith.bitcast %{{.*}} : vector<4x[8]xi32> to vector<4x[8]xf32>
// CHECK: return
func.func @vectors(%x: vector<4x[8]xf32>) -> vector<4x[8]xf32> {
  %e = math.exp %x : vector<4x[8]xf32>
  return %e : vector<4x[8]xf32>
}

// LLVM has no intrinsic for erf of f64.
// CHECK-LABEL: func.func @wide
// CHECK-NOT: math.erf
// CHECK: math.copysign %{{.*}} : vector<4xf64>
func.func @wide(%x: vector<4xf64>) -> vector<4xf64> {
  %e = math.erf %x : vector<4xf64>
  return %e : vector<4xf64>
}

// Other functions of other types stay.
// CHECK-LABEL: func.func @kept
// CHECK: math.exp %{{.*}} : f64
func.func @kept(%x: f64) -> f64 {
  %e = math.exp %x : f64
  return %e : f64
}
