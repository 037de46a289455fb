// RUN: tegula-opt %s --split-input-file --exec-release-handles | FileCheck %s

// A handle is dropped after its last use; what nobody uses at once; what belongs to the caller never.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[ARG:.*]]: !exec.handle, %[[P:.*]]: !exec.handle)
// CHECK-NEXT: %[[A:.*]] = exec.host_call "sequence_at"(%[[ARG]], %[[P]])
// CHECK-NEXT: %[[B:.*]] = exec.host_call "sequence_construct"(%[[A]])
// CHECK-NEXT: exec.drop %[[A]]
// CHECK-NEXT: %[[C:.*]] = exec.host_call "sequence_construct"()
// CHECK-NEXT: exec.drop %[[C]]
// CHECK-NEXT: exec.output_value 0 %[[B]]
// CHECK-NEXT: exec.drop %[[B]]
// CHECK-NEXT: return
func.func @main(%s: !exec.handle, %p: !exec.handle) {
  %a = exec.host_call "sequence_at"(%s, %p) : (!exec.handle, !exec.handle) -> !exec.handle
  %b = exec.host_call "sequence_construct"(%a) : (!exec.handle) -> !exec.handle
  %c = exec.host_call "sequence_construct"() : () -> !exec.handle
  exec.output_value 0 %b
  return
}

// -----

// A round owns what it is given and hands over what it yields.
// CHECK-LABEL: func.func @main
// CHECK: %[[EMPTY:.*]] = exec.host_call "sequence_construct"()
// CHECK-NEXT: exec.retain %[[EMPTY]]
// CHECK-NEXT: %[[R:.*]] = scf.for {{.*}} iter_args(%[[S:.*]] = %[[EMPTY]])
// CHECK-NEXT: %[[T:.*]] = exec.host_call "sequence_insert"(%[[S]],
// CHECK-NEXT: exec.retain %[[T]]
// CHECK-NEXT: exec.drop %[[S]]
// CHECK-NEXT: exec.drop %[[T]]
// CHECK-NEXT: scf.yield %[[T]]
// CHECK: exec.drop %[[EMPTY]]
// CHECK: exec.output_value 0 %[[R]]
// CHECK-NEXT: exec.drop %[[R]]
func.func @main(%x: !exec.handle, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %empty = exec.host_call "sequence_construct"() : () -> !exec.handle
  %r = scf.for %i = %zero to %n step %one iter_args(%s = %empty) -> (!exec.handle) {
    %t = exec.host_call "sequence_insert"(%s, %x, %x) : (!exec.handle, !exec.handle, !exec.handle) -> !exec.handle
    scf.yield %t : !exec.handle
  }
  exec.output_value 0 %r
  return
}

// -----

// Both branches hand a reference over; a select makes a second name, which owns one of its own.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[C:.*]]: i1, %[[X:.*]]: !exec.handle)
// CHECK: %[[R:.*]] = scf.if %[[C]]
// CHECK-NEXT: %[[A:.*]] = exec.host_call "sequence_construct"()
// CHECK-NEXT: exec.retain %[[A]]
// CHECK-NEXT: exec.drop %[[A]]
// CHECK-NEXT: scf.yield %[[A]]
// CHECK-NEXT: } else {
// CHECK-NEXT: exec.retain %[[X]]
// CHECK-NEXT: scf.yield %[[X]]
// CHECK: %[[S:.*]] = arith.select %[[C]], %[[R]], %[[X]]
// CHECK-NEXT: exec.retain %[[S]]
// CHECK-NEXT: exec.drop %[[R]]
// CHECK-NEXT: exec.output_value 0 %[[S]]
// CHECK-NEXT: exec.drop %[[S]]
func.func @main(%c: i1, %x: !exec.handle) {
  %r = scf.if %c -> (!exec.handle) {
    %a = exec.host_call "sequence_construct"() : () -> !exec.handle
    scf.yield %a : !exec.handle
  } else {
    scf.yield %x : !exec.handle
  }
  %s = arith.select %c, %r, %x : !exec.handle
  exec.output_value 0 %s
  return
}
