// RUN: tegula-opt %s --split-input-file --codegen-bufferize-kernel | FileCheck %s

// A round that computes its state anew writes it into the state's place; nothing that a round allocates leaves it.
// CHECK-LABEL: func.func @state
// CHECK-NOT: memref.alloc
// CHECK: scf.for {{.*}} iter_args(%[[STATE:.*]] = %{{.*}}) -> (memref<4xf32>)
// CHECK: linalg.generic {{.*}} outs(%[[STATE]] : memref<4xf32>)
// CHECK: scf.yield %[[STATE]] :
#id = affine_map<(d0) -> (d0)>
exec.kernel @state attributes {result_count = 1 : i64, nodes = []} {
  func.func @state(%x: memref<8x4xf32>, %y: memref<4xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %cst = arith.constant 0.0 : f32
    %0 = bufferization.to_tensor %x restrict : memref<8x4xf32> to tensor<8x4xf32>
    %1 = tensor.empty() : tensor<4xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<4xf32>) -> tensor<4xf32>
    %3 = scf.for %i = %c0 to %c8 step %c1 iter_args(%h = %2) -> (tensor<4xf32>) {
      %row = tensor.extract_slice %0[%i, 0] [1, 4] [1, 1] : tensor<8x4xf32> to tensor<4xf32>
      %new = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%row : tensor<4xf32>) outs(%1 : tensor<4xf32>) {
      ^bb0(%in: f32, %out: f32):
        %t = math.tanh %in : f32
        linalg.yield %t : f32
      } -> tensor<4xf32>
      scf.yield %new : tensor<4xf32>
    }
    bufferization.materialize_in_destination %3 in restrict writable %y : (tensor<4xf32>, memref<4xf32>) -> ()
    return
  }
}

// -----

// Two states that change places: one of them goes through a copy.
// CHECK-LABEL: func.func @swap
// CHECK: scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}) ->
// CHECK: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<4xf32>
// CHECK: linalg.generic {{.*}} ins(%[[A]] : memref<4xf32>) outs(%[[COPY]] : memref<4xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[B]] : memref<4xf32>) outs(%[[A]] : memref<4xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[COPY]] : memref<4xf32>) outs(%[[B]] : memref<4xf32>)
// CHECK: scf.yield %[[A]], %[[B]] :
exec.kernel @swap attributes {result_count = 1 : i64, nodes = []} {
  func.func @swap(%n: index, %x: memref<4xf32>, %y: memref<4xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.0 : f32
    %0 = bufferization.to_tensor %x restrict : memref<4xf32> to tensor<4xf32>
    %1 = tensor.empty() : tensor<4xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<4xf32>) -> tensor<4xf32>
    %3:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %0, %b = %2) -> (tensor<4xf32>, tensor<4xf32>) {
      scf.yield %b, %a : tensor<4xf32>, tensor<4xf32>
    }
    bufferization.materialize_in_destination %3#0 in restrict writable %y : (tensor<4xf32>, memref<4xf32>) -> ()
    return
  }
}

// -----

// A temporary whose size an extent decides is as any other: it gets its place later, and nobody frees it.
// CHECK-LABEL: func.func @dynamic_temporary
// CHECK: %[[T:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?xf32>
// CHECK-NOT: memref.alloc
// CHECK: scf.for
// CHECK-NOT: memref.dealloc
// CHECK: return
#map = affine_map<(d0) -> (d0)>
exec.kernel @dynamic_temporary attributes {result_count = 1 : i64, nodes = []} {
  func.func @dynamic_temporary(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %0 = bufferization.to_tensor %x restrict : memref<?xf32> to tensor<?xf32>
    %1 = tensor.empty(%n) : tensor<?xf32>
    %3 = scf.for %i = %c0 to %c8 step %c1 iter_args(%h = %0) -> (tensor<?xf32>) {
      %t = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%h : tensor<?xf32>) outs(%1 : tensor<?xf32>) {
      ^bb0(%in: f32, %out: f32):
        %v = math.tanh %in : f32
        linalg.yield %v : f32
      } -> tensor<?xf32>
      %last = tensor.extract %h[%c0] : tensor<?xf32>
      %u = tensor.insert %last into %t[%c1] : tensor<?xf32>
      %first = tensor.extract %u[%i] : tensor<?xf32>
      %w = tensor.insert %first into %h[%c0] : tensor<?xf32>
      scf.yield %w : tensor<?xf32>
    }
    bufferization.materialize_in_destination %3 in restrict writable %y : (tensor<?xf32>, memref<?xf32>) -> ()
    return
  }
}

// -----

// A nest that writes elements starts from a copy of what it is given, in the result's place, and copies nothing else.
// CHECK-LABEL: func.func @scatter
// CHECK-SAME: (%[[X:[^:]*]]: memref<8x4xf32>, %{{[^:]*}}: memref<3xindex>, %[[Y:[^:]*]]: memref<8x4xf32>)
// CHECK-NOT: memref.alloc
// CHECK: linalg.generic {{.*}} ins(%[[X]] : memref<8x4xf32>) outs(%[[Y]] : memref<8x4xf32>)
// CHECK: scf.for
// CHECK-NOT: linalg.generic
// CHECK: scf.if
// CHECK: memref.store
// CHECK-NOT: linalg.generic
// CHECK: return
exec.kernel @scatter attributes {result_count = 1 : i64, nodes = []} {
  func.func @scatter(%x: memref<8x4xf32>, %indices: memref<3xindex>, %y: memref<8x4xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %c4 = arith.constant 4 : index
    %cst = arith.constant 0.0 : f32
    %0 = bufferization.to_tensor %x restrict : memref<8x4xf32> to tensor<8x4xf32>
    %1 = bufferization.to_tensor %indices restrict : memref<3xindex> to tensor<3xindex>
    %2 = scf.for %i = %c0 to %c3 step %c1 iter_args(%a = %0) -> (tensor<8x4xf32>) {
      %row = tensor.extract %1[%i] : tensor<3xindex>
      %3 = scf.for %j = %c0 to %c4 step %c1 iter_args(%b = %a) -> (tensor<8x4xf32>) {
        %old = tensor.extract %b[%row, %j] : tensor<8x4xf32>
        %isNegative = arith.cmpf olt, %old, %cst : f32
        %4 = scf.if %isNegative -> (tensor<8x4xf32>) {
          %new = tensor.insert %cst into %b[%row, %j] : tensor<8x4xf32>
          scf.yield %new : tensor<8x4xf32>
        } else {
          scf.yield %b : tensor<8x4xf32>
        }
        scf.yield %4 : tensor<8x4xf32>
      } {exec.kernel}
      scf.yield %3 : tensor<8x4xf32>
    } {exec.kernel}
    bufferization.materialize_in_destination %2 in restrict writable %y : (tensor<8x4xf32>, memref<8x4xf32>) -> ()
    return
  }
}
