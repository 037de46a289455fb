// RUN: tegula-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{expected graph.precision to be f32, f32-strict or bf16 on a module, but got "f8"}}
module attributes {graph.precision = "f8"} {}

// -----

// expected-error @+1 {{expected graph.precision to be f32, f32-strict or bf16 on a module, but got 1 : i64}}
module attributes {graph.precision = 1} {}

// -----

// expected-error @+1 {{expected graph.precision to be f32, f32-strict or bf16 on a module, but got "f32"}}
func.func private @elsewhere() attributes {graph.precision = "f32"}
