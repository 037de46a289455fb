# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of ai.onnx.ml against onnxruntime."""
import collections

import classical_cases
import pytest
from oracle import check

GROUPS = collections.defaultdict(list)
for case in classical_cases.CASES:
    GROUPS[case.operator].append(case)


@pytest.mark.parametrize("operator", sorted(GROUPS))
def test_operator(operator):
    check(GROUPS[operator])


def test_first_label_encoder():
    check(classical_cases.FIRST)
