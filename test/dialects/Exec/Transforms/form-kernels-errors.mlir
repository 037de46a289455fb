// RUN: tegula-opt %s --exec-form-kernels --split-input-file --verify-diagnostics

#map = affine_map<(d0) -> (d0)>
func.func @main(%x: tensor<8xf32>, %v: complex<f32>) -> tensor<8xf32> {
  // expected-error @below {{expected operands that are ranked tensors or scalars, but got 'complex<f32>'}}
  %r = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel"]} outs(%x : tensor<8xf32>) {
  ^bb0(%out: f32):
    %re = complex.re %v : complex<f32>
    linalg.yield %re : f32
  } -> tensor<8xf32>
  return %r : tensor<8xf32>
}
