# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Where the compiled parts are: installed beside the package or below it, or in a build folder of the source tree."""
import importlib
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def build_folders():
    """Build folders of the source tree this package lies in; TEGULA_BUILD names another than `build`."""
    named = os.environ.get("TEGULA_BUILD")
    return ([Path(named)] if named else []) + [PACKAGE.parents[1] / "build"]


def load_native():
    """The compiled extension."""
    package = importlib.import_module(__package__)
    folders = [PACKAGE] + [folder / "python" / "tegula" for folder in build_folders()]
    for folder in folders:
        if (folder / "_native.abi3.so").exists():
            if str(folder) not in package.__path__:
                package.__path__.append(str(folder))
            return importlib.import_module("._native", __package__)
    looked = ", ".join(str(folder) for folder in folders)
    raise ImportError(f"the compiled extension of tegula (_native.abi3.so) is not in {looked}; build the project first")


native = load_native()


def compiler_library():
    """Path of libtegula, which holds the compiler. Models that are compiled already run without it."""
    extension = Path(native.__file__).resolve().parent
    # An installed package lies in LIBDIR/tegula/python/tegula, that of a build in BUILD/python/tegula.
    candidates = [extension.parents[2] / "libtegula.so", extension.parents[1] / "lib" / "libtegula.so"]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    looked = ", ".join(str(candidate.parent) for candidate in candidates)
    raise native.TegulaError(f"the compiler (libtegula.so) is not in {looked}; build the project first")
