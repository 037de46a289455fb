# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every version of operators whose versions the official tests cover only in part."""
import collections
import sys

import classical_cases
import onnx
import pytest
import test_random
from conftest import ROOT
from oracle import check
from version_cases import CASES
import version_movement_cases  # noqa: F401  adds its cases

sys.path.insert(0, str(ROOT / "test" / "conformance"))
from cases import CorpusAbsent  # noqa: E402
from operator_versions import untested  # noqa: E402

OPERATORS = collections.defaultdict(list)
for schema in onnx.defs.get_all_schemas_with_history():
    if schema.domain == "" and schema.name in CASES and not schema.deprecated:
        OPERATORS[schema.since_version].append(schema.name)


@pytest.mark.parametrize("version", sorted(OPERATORS))
def test_version(version):
    cases = [case for name in sorted(OPERATORS[version]) for case in CASES[name](version)]
    for case in cases:
        case.opsets = {"": version}
    check(cases)


def test_every_version_is_tested(tmp_path):
    """By an official test, or by one of our own."""
    try:
        official = untested(tmp_path)
    except CorpusAbsent as absent:
        pytest.skip(str(absent))
    own = {("", name) for name in (*CASES, *test_random.OPERATORS)}
    own |= {("ai.onnx.ml", case.operator) for case in classical_cases.CASES}
    # In test_values.py.
    own |= {("ai.onnx.ml", name) for name in ("CastMap", "DictVectorizer", "ZipMap")}
    own |= {("", name) for name in ("Optional", "OptionalGetElement", "OptionalHasElement")}
    missing = {key: versions for key, versions in official.items() if key not in own}
    assert not missing, missing
