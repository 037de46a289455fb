#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# is_refused.sh MODULE: 1 (interesting) when the module fails because of the operator Mystery, else 0.
tegula-opt --graph-list-unsupported "$1" -o /dev/null 2>&1 | grep -q "Mystery" && exit 1
exit 0
