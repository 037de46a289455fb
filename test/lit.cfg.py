# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lit: every .mlir and .test file below test/ is a test.

Substitutions: %python, %cc (the C compiler that the build uses), %ptxas, %artifacts (compiled models written by hand), %corpus (the shared corpus; such a test says `REQUIRES: corpus`). Tools come from the build's
bin/ and from LLVM's tools folder (FileCheck, not, mlir-opt, split-file, llvm-nm, ...).
"""
import os
import shutil
from pathlib import Path

import lit.formats

config.name = "tegula"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.test_source_root = os.path.join(config.tegula_source, "test")
config.test_exec_root = os.path.join(config.tegula_build, "test")
config.excludes = ["lint", "conformance", "Inputs"]

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.tegula_build, "bin"), config.llvm_tools, config.environment.get("PATH", "")]
)
config.environment["PYTHONPATH"] = os.path.join(config.tegula_source, "python")
for name in ("TEGULA_LONG_SET", "TEGULA_TEST_SEED", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%python", config.python))
config.substitutions.append(("%cc", config.cc))
corpus = Path(config.tegula_source).resolve().parent / "shared" / "corpus"
config.substitutions.append(("%corpus", str(corpus)))
if corpus.is_dir():
    config.available_features.add("corpus")
# Models for AArch64 can be linked where its C library's headers were there when the compiler was built.
if os.path.exists(os.path.join(config.tegula_build, "lib", "libtegula_core_aarch64.a")):
    config.available_features.add("aarch64-core")
# The writer of a small tuning database.
config.substitutions.append(("%make_database", os.path.join(config.test_exec_root, "bin", "tuner-test-database")))
# NVIDIA's assembler: the toolkit's, else the one of the pinned Python package.
site_packages = Path(config.python).parent.parent / "lib"
ptxas = shutil.which("ptxas") or shutil.which("ptxas", path="/usr/local/cuda/bin")
config.substitutions.append(("%ptxas", ptxas or next(map(str, site_packages.glob("*/site-packages/nvidia/*/bin/ptxas")), "ptxas")))
# Artifacts written by hand, for tools that only load and run.
config.substitutions.append(("%artifacts", os.path.join(config.test_exec_root, "runtime", "artifacts")))
