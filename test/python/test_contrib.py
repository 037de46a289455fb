# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of com.microsoft against onnxruntime; each has cases over types, operands and attributes, one of them with
dynamic shapes."""
import collections

import contrib_attention_cases
import contrib_cases
import pytest
from oracle import check

GROUPS = collections.defaultdict(list)
for case in contrib_cases.CASES + contrib_attention_cases.CASES:
    GROUPS[case.operator].append(case)


@pytest.mark.parametrize("operator", sorted(GROUPS))
def test_operator(operator):
    check(GROUPS[operator])


@pytest.mark.parametrize("operator", sorted(GROUPS))
def test_there_are_enough_cases(operator):
    cases = GROUPS[operator]
    assert len(cases) >= 10 and any(case.is_dynamic for case in cases)
