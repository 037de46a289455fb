// RUN: tegula-opt %s --exec-lower-host --split-input-file --verify-diagnostics

// expected-error @below {{expected a host function @main}}
module {
}
