# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TEGULA_BUILD", ROOT / "build"))


@pytest.fixture(scope="session")
def artifacts():
    """Folder of the hand-written artifacts (test/runtime)."""
    folder = BUILD / "test" / "runtime" / "artifacts"
    assert folder.is_dir(), f"{folder} is missing: build the target TegulaTestArtifacts"
    return folder
