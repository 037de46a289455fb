// RUN: tegula-opt %s --canonicalize --codegen-bufferize-host | FileCheck %s

// Canonicalization makes the operands static; the kernel still takes dynamic ones and gets their extents.
// CHECK: func.func @main(%[[X:.*]]: memref<4xf32>)
// CHECK: %[[Y:.*]] = memref.alloc() {{.*}}: memref<4xf32>
// CHECK-DAG: %[[XD:.*]] = memref.cast %[[X]] : memref<4xf32> to memref<?xf32
// CHECK-DAG: %[[YD:.*]] = memref.cast %[[Y]] : memref<4xf32> to memref<?xf32
// CHECK: exec.dispatch @copy ins(%[[XD]]) outs(%[[YD]]) scalars() : (memref<?xf32{{.*}}>), (memref<?xf32{{.*}}>)
exec.kernel @copy attributes {result_count = 1 : i64} {
  func.func @copy(%x: memref<?xf32>, %y: memref<?xf32>) {
    return
  }
}
func.func @main(%x: tensor<4xf32>) -> tensor<?xf32> {
  %c4 = arith.constant 4 : index
  %dynamic = tensor.cast %x : tensor<4xf32> to tensor<?xf32>
  %init = tensor.empty(%c4) : tensor<?xf32>
  %y = exec.dispatch @copy ins(%dynamic) outs(%init) scalars() : (tensor<?xf32>), (tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
