// RUN: tegula-opt %s --exec-plan-memory | FileCheck %s

// A buffer lives from its first use on, wherever it was made: both share a place.
// CHECK: module {{.*}}exec.arena_bytes = 8192
// CHECK-COUNT-2: exec.arena_view 0
func.func @main(%x: memref<2048xf32>) -> (memref<2048xf32>, memref<2048xf32>) {
  %a = memref.alloc() : memref<2048xf32>
  %b = memref.alloc() : memref<2048xf32>
  %y = memref.alloc() : memref<2048xf32>
  %z = memref.alloc() : memref<2048xf32>
  exec.dispatch @k ins(%x) outs(%b) scalars() : (memref<2048xf32>), (memref<2048xf32>)
  exec.dispatch @k ins(%b) outs(%y) scalars() : (memref<2048xf32>), (memref<2048xf32>)
  exec.dispatch @k ins(%x) outs(%a) scalars() : (memref<2048xf32>), (memref<2048xf32>)
  exec.dispatch @k ins(%a) outs(%z) scalars() : (memref<2048xf32>), (memref<2048xf32>)
  return %y, %z : memref<2048xf32>, memref<2048xf32>
}
exec.kernel @k attributes {result_count = 1 : i64} {
  func.func @k(%a: memref<2048xf32>, %b: memref<2048xf32>) {
    return
  }
}
