# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True


@pytest.fixture
def tree(tmp_path):
    """tree({path: text}) writes a small repository and returns its root."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.fixture
def assert_none():
    def check(problems):
        problems = list(problems)
        assert not problems, "\n" + "\n".join(problems)

    return check
