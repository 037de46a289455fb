# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Layers: a file includes only headers of its own unit, of a folder above its unit, or of a lower layer.

The table is the one of docs/Architecture.md. A unit is a row's folder pattern; `*` stands for one path component, and all
folders that match one pattern are the same unit.
"""
import fnmatch
import re
from pathlib import PurePosixPath

import sources

LAYERS = [
    (0, ["lib/Support"]),
    (1, ["dialects/*/IR"]),
    (2, ["lib/Kernel"]),
    (3, ["lib/Codegen", "lib/Codegen/Common", "lib/Conversion", "lib/Import", "lib/TestData", "dialects/*/Transforms", "tuner/Database"]),
    (4, ["lib/Codegen/CPU", "lib/Codegen/GPU", "tuner/CostModel"]),
    (5, ["lib/Target", "lib/Target/Reference", "lib/Target/CPU", "lib/Target/NVPTX", "lib/Export", "tuner/Search", "tuner/Select"]),
    (6, ["lib/Pipelines"]),
    (7, ["lib/Driver"]),
    (8, ["tuner/Build", "tuner/Measure"]),
    (9, ["tuner/Session", "tuner/Sweep"]),
    (10, ["lib/CAPI"]),
    (11, ["tools", "python"]),
]
# The runtime's public headers: the contract with the artifact is for everybody, the loading library for those who run.
CONTRACT = "runtime/include/tegula/abi.h"
MAY_RUN_MODELS = {"tools", "python", "tuner/Measure", "tuner/Session", "lib/CAPI"}
PYTHON_MAY_INCLUDE = ("tegula-c/", "tegula/model.h", "tegula/abi.h")
# Third-party headers that stay behind one door.
DOORS = {
    "onnx/": ["lib/Import", "lib/TestData", "tools", "test"],
    "google/protobuf/": ["lib/Import", "lib/TestData", "tools", "test"],
    "sqlite3.h": ["tuner/Database", "test"],
}
RUNTIME_MUST_NOT = ("mlir/", "llvm/", "llvm-c/", "mlir-c/", "onnx/", "google/protobuf/", "sqlite3.h", "lld/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def unit_of(folder):
    """(layer, unit pattern) of a source folder such as lib/Import/ONNX, or None when it is in no row."""
    best = None
    for layer, patterns in LAYERS:
        for pattern in patterns:
            depth = pattern.count("/") + 1
            head = "/".join(PurePosixPath(folder).parts[:depth])
            if fnmatch.fnmatchcase(head, pattern) and (best is None or depth > best[1].count("/") + 1):
                best = (layer, pattern)
    return best


def home_of_header(name):
    """The source folder that a public header belongs to (the mirror law), or None for headers from outside."""
    parts = PurePosixPath(name).parts
    if parts[0] == "tegula-c":
        return "lib/CAPI"
    if parts[0] != "tegula" or len(parts) < 3:
        return None
    if parts[1] == "Dialect":
        return "/".join(("dialects",) + parts[2:-1])
    if parts[1] == "Tuner":
        return "/".join(("tuner",) + parts[2:-1])
    return "/".join(("lib",) + parts[1:-1])


def folder_of_file(path):
    """The source folder whose layer rules a file: a public header counts to the folder it mirrors."""
    name = path.as_posix()
    if name.startswith("include/"):
        return home_of_header(name[len("include/"):])
    return path.parent.as_posix()


def include_problem(path, folder, unit, included):
    """What is wrong with one include line, or None."""
    if folder.startswith("python") and included.startswith("tegula") and not included.startswith(PYTHON_MAY_INCLUDE):
        return f"python reaches the compiler only through the C API (tegula-c/), but this includes \"{included}\""
    for door, allowed in DOORS.items():
        if included.startswith(door) and not any(folder == a or folder.startswith(a + "/") for a in allowed):
            return f"only {', '.join(allowed)} may include <{door}...>, but this includes <{included}>"
    if included == "tegula/abi.h":
        return None
    if included.startswith("tegula/") and included.count("/") == 1 and unit[1] not in MAY_RUN_MODELS:
        return f"only {', '.join(sorted(MAY_RUN_MODELS))} may use the runtime library, but this includes \"{included}\""
    home = home_of_header(included)
    if home is None:
        return None
    target = unit_of(home)
    if target is None:
        return f"\"{included}\" belongs to {home}, which has no row in the table of layers"
    if target[1] == unit[1] or unit[1].startswith(target[1] + "/") or target[0] < unit[0]:
        return None
    return (f"{unit[1]} is layer {unit[0]} and may include lower layers only, but \"{included}\" is of {target[1]}, "
            f"layer {target[0]}")


def problems(root):
    for path in sources.repository_files(root):
        if path.suffix not in {".cpp", ".h", ".c", ".td"}:
            continue
        name = path.as_posix()
        includes = INCLUDE.findall(sources.text_of(root, path))
        if name.startswith("runtime/"):
            for included in includes:
                if included.startswith(RUNTIME_MUST_NOT) or (included.startswith("tegula/") and included.count("/") > 1):
                    yield f"{path}: the runtime stands apart from the compiler, but this includes \"{included}\""
            continue
        if not name.startswith(("lib/", "dialects/", "tuner/", "tools/", "python/", "include/")):
            continue
        folder = folder_of_file(path)
        if folder is None:
            yield f"{path}: a public header lies in include/tegula/<Folder>/ or include/tegula-c/, but this one does not"
            continue
        unit = unit_of(folder)
        if unit is None:
            if includes:
                yield f"{path}: {folder} has no row in the table of layers"
            continue
        for included in includes:
            problem = include_problem(path, folder, unit, included)
            if problem:
                yield f"{path}: {problem}"
