# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""REPORT LOCK PAGE: `explain --json` names the schedules that `tune --lock` wrote, and PAGE draws each kernel."""
import json
import re
import sys

report, lock, page = (open(path, encoding="utf-8").read() for path in sys.argv[1:])
kernels = json.loads(report)["kernels"]
assert len(kernels) == 2
for kernel in kernels:
    assert kernel["rung"] == "exact"
    assert kernel["schedule"] in lock, kernel["schedule"]
    curve = [ns for ns in kernel["best_so_far_ns"] if ns]
    assert len(kernel["best_so_far_ns"]) == kernel["trials"]
    assert curve == sorted(curve, reverse=True), "the best so far never rises"
    assert 0 <= kernel["left_ns"] <= kernel["measured_ns"] * kernel["dispatches"]
assert sum(sum(kernel["failures"].values()) for kernel in kernels) == 1
assert len(re.findall("<polyline points=\"[0-9.]+,[0-9.]+ ", page)) == 2
