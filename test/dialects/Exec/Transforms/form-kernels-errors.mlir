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

// -----

// A kernel's loop must keep the shapes of what it carries: here a round yields a shorter tensor.
func.func @main(%x: tensor<?xf32>, %n: index, %m: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{the extent of result 0, dimension 0, cannot be computed before the kernel runs}}
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> (tensor<?xf32>) {
    %s = tensor.extract_slice %t[1] [%m] [1] : tensor<?xf32> to tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  } {exec.kernel}
  return %r : tensor<?xf32>
}
