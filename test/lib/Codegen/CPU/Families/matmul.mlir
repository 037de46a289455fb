// RUN: tegula-opt %s --pass-pipeline="builtin.module(codegen-assign-schedules,exec.kernel(codegen-bufferize-kernel,canonicalize,cse,codegen-lower-family))" | FileCheck %s

// The default schedule of a static kernel, and the nest: packing, sums as values, multiply-adds, the step on the result.
module attributes {exec.target = #exec.cpu_target<triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = "", vector_bits = 256>} {
  // CHECK-LABEL: exec.kernel @gemm
  // CHECK-SAME: schedule = #sched.cpu_matmul<tile = [
  // CHECK: memref.alloc() {alignment = 64 : i64} : memref<{{[0-9]+}}xi8>
  // CHECK-NOT: linalg
  // CHECK: exec.grid_id
  // CHECK: exec.grid_size
  // CHECK: scf.for {{.*}} iter_args
  // CHECK: vector.fma {{.*}} : vector<8xf32>
  // CHECK: arith.maximumf {{.*}} : vector<8xf32>
  exec.kernel @gemm attributes {result_count = 1 : i64} {
    func.func @gemm(%lhs: memref<60x70xf32>, %rhs: memref<70x80xf32>, %out: memref<60x80xf32>) {
      %a = bufferization.to_tensor %lhs restrict : memref<60x70xf32> to tensor<60x70xf32>
      %b = bufferization.to_tensor %rhs restrict : memref<70x80xf32> to tensor<70x80xf32>
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<60x80xf32>
      %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<60x80xf32>) -> tensor<60x80xf32>
      %product = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<60x70xf32>, tensor<70x80xf32>) outs(%init : tensor<60x80xf32>) {
      ^bb0(%x: f32, %y: f32, %sum: f32):
        %m = arith.mulf %x, %y : f32
        %s = arith.addf %sum, %m : f32
        linalg.yield %s : f32
      } -> tensor<60x80xf32>
      %relu = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]} ins(%product : tensor<60x80xf32>) outs(%empty : tensor<60x80xf32>) {
      ^bb0(%x: f32, %o: f32):
        %r = arith.maximumf %x, %zero : f32
        linalg.yield %r : f32
      } -> tensor<60x80xf32>
      bufferization.materialize_in_destination %relu in restrict writable %out : (tensor<60x80xf32>, memref<60x80xf32>) -> ()
      return
    }
  }
}
