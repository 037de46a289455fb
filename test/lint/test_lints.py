# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The lints on small made-up repositories: each must find its fault, and nothing in a good tree."""
import layers
import names
import pytest
import text

LICENSE = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"
PASS = '''def GraphInferShapesPass : Pass<"graph-infer-shapes", "::mlir::func::FuncOp"> {
  let summary = "s";
  let description = [{ d }];
}
'''
GOOD = {
    "include/tegula/Dialect/Graph/Transforms/Passes.td": LICENSE + PASS,
    "dialects/Graph/Transforms/InferShapes.cpp": LICENSE + "#define GEN_PASS_DEF_GRAPHINFERSHAPESPASS\nemitOpError(1);\n",
    "test/dialects/Graph/Transforms/infer-shapes.mlir": "",
    "test/dialects/Graph/Transforms/infer-shapes-errors.mlir": "",
    "test/dialects/Graph/Transforms/infer-shapes-loops.mlir": "",
}


def changed(**changes):
    """GOOD with the files of some suffix removed (None) or replaced."""
    files = dict(GOOD)
    for key, value in changes.items():
        name = next(n for n in files if n.split("/")[-1].split(".")[0].replace("-", "_") == key)
        if value is None:
            del files[name]
        else:
            files[name] = value
    return files


def test_good_tree(tree):
    root = tree(GOOD)
    assert list(names.pass_problems(root)) == []
    assert list(layers.problems(root)) == []
    assert list(text.license_problems(root)) == []


@pytest.mark.parametrize("files, expected", [
    (changed(Passes=PASS.replace('"graph-infer-shapes"', '"inferShapes"')), "expected an argument like"),
    (changed(Passes=PASS.replace("GraphInferShapesPass", "InferShapesPass")), "asks for the definition GraphInferShapesPass"),
    (changed(Passes=PASS + PASS), "is also that of"),
    (changed(Passes=PASS.replace('let summary = "s";', "")), "has no summary"),
    (changed(Passes=PASS.replace("let description = [{ d }];", "")), "has no description"),
    (changed(InferShapes=None), "InferShapes.cpp in dialects/Graph/Transforms or below, but there is no such file"),
    (changed(InferShapes=""), "expected '#define GEN_PASS_DEF_GRAPHINFERSHAPESPASS'"),
    (changed(infer_shapes=None), "expected a test test/dialects/Graph/Transforms/infer-shapes.mlir"),
    (changed(infer_shapes_errors=None), "reports errors"),
    ({**GOOD, "dialects/Graph/Transforms/Other.cpp": "#define GEN_PASS_DEF_OTHERPASS\n"}, "no Passes.td has such a pass"),
    ({**GOOD, "dialects/Graph/Transforms/Old/InferShapes.cpp": ""}, "InferShapes.cpp and dialects/Graph/Transforms/Old"),
    ({**GOOD, "dialects/Graph/IR/X.cpp": "#define GEN_PASS_DEF_GRAPHINFERSHAPESPASS\n"}, "belongs into"),
    ({**GOOD, "test/dialects/Graph/Transforms/stray.mlir": ""}, "no pass of this folder has this name"),
])
def test_pass_names(tree, files, expected):
    problems = list(names.pass_problems(tree(files)))
    assert any(expected in problem for problem in problems), problems


def test_conversion_names(tree):
    files = {
        "include/tegula/Conversion/Passes.td":
            'def GraphToLinalgPass : Pass<"graph-to-linalg"> { let summary = "s"; let description = "d"; }\n',
        "lib/Conversion/GraphToLinalg/GraphToLinalg.cpp": "#define GEN_PASS_DEF_GRAPHTOLINALGPASS\n",
        "test/lib/Conversion/GraphToLinalg/graph-to-linalg.mlir": "",
    }
    assert list(names.pass_problems(tree({**GOOD, **files}))) == []


def test_code_below_the_mirrored_folder(tree):
    files = {
        "include/tegula/Codegen/Passes.td":
            'def CodegenTilePass : Pass<"codegen-tile"> { let summary = "s"; let description = "d"; }\n',
        "lib/Codegen/Common/Tile.cpp": "#define GEN_PASS_DEF_CODEGENTILEPASS\n",
        "test/lib/Codegen/Common/tile.mlir": "",
    }
    assert list(names.pass_problems(tree(files))) == []


def test_conversion_without_code(tree):
    files = {"include/tegula/Conversion/Passes.td":
             'def GraphToLinalgPass : Pass<"graph-to-linalg"> { let summary = "s"; let description = "d"; }\n'}
    [problem] = names.pass_problems(tree(files))
    assert "expected its code in one file GraphToLinalg.cpp in lib/Conversion or below" in problem


@pytest.mark.parametrize("line, count", [
    ('def Graph_LayerNormOp : Graph_Op<"layer_norm", []> {}', 0),
    ('def Graph_LayerNormOp : Graph_Op<"layerNorm", []> {}', 1),
    ('def Sched_RecordOp : Op<Sched_Dialect, "Record"> {}', 1),
    ('def Sched_MapAttr : Sched_Attr<"CPUMap"> { let mnemonic = "cpu_map"; }', 0),
    ('def Sched_MapAttr : Sched_Attr<"CPUMap"> { let mnemonic = "CPUMap"; }', 1),
])
def test_mnemonics(tree, line, count):
    root = tree({"include/tegula/Dialect/Graph/IR/GraphOps.td": line + "\n"})
    assert len(list(names.mnemonic_problems(root))) == count


@pytest.mark.parametrize("file, line, expected", [
    ("lib/Kernel/A.cpp", '#include "tegula/Driver/B.h"', "lib/Kernel is layer 2"),
    ("include/tegula/Kernel/A.h", '#include "tegula/Driver/B.h"', "lib/Kernel is layer 2"),
    ("include/tegula/Dialect/Graph/IR/A.td", 'include "x"\n#include "tegula/Kernel/B.h"', "dialects/*/IR is layer 1"),
    ("lib/Codegen/CPU/A.cpp", '#include "tegula/Codegen/GPU/B.h"', "lib/Codegen/CPU is layer 4"),
    ("lib/Conversion/GraphToLinalg/A.cpp", '#include "tegula/Import/ONNX/B.h"', "lib/Conversion is layer 3"),
    ("lib/Driver/A.cpp", "#include <onnx/onnx_pb.h>", "may include <onnx/"),
    ("lib/Driver/A.cpp", "#include <sqlite3.h>", "may include <sqlite3.h"),
    ("lib/Driver/A.cpp", '#include "tegula/model.h"', "may use the runtime library"),
    ("lib/Nowhere/A.cpp", '#include "tegula/Kernel/B.h"', "lib/Nowhere has no row"),
    ("lib/Driver/A.cpp", '#include "tegula/Nowhere/B.h"', "lib/Nowhere, which has no row"),
    ("include/tegula/A.h", "", "a public header lies in"),
    ("python/src/A.cpp", '#include "tegula/Driver/B.h"', "only through the C API"),
    ("runtime/src/a.c", '#include "llvm/ADT/StringRef.h"', "the runtime stands apart"),
    ("runtime/src/a.c", '#include "tegula/Support/B.h"', "the runtime stands apart"),
])
def test_layer_faults(tree, file, line, expected):
    problems = list(layers.problems(tree({file: line + "\n"})))
    assert len(problems) == 1 and expected in problems[0] and problems[0].startswith(file), problems


@pytest.mark.parametrize("file, line", [
    ("lib/Driver/A.cpp", '#include "tegula/Kernel/B.h"\n#include "tegula/abi.h"\n#include <vector>'),
    ("lib/Target/CPU/A.cpp", '#include "tegula/Target/Backend.h"\n#include "tegula/Target/CPU/B.h"'),
    ("dialects/Exec/IR/A.cpp", '#include "tegula/Dialect/Graph/IR/B.h"\n#include "tegula/Support/C.h"'),
    ("lib/Import/ONNX/A.cpp", '#include "tegula/Dialect/Graph/IR/B.h"\n#include <onnx/onnx_pb.h>'),
    ("tuner/Measure/A.cpp", '#include "tegula/model.h"\n#include "tegula/Tuner/Database/B.h"'),
    ("tools/tegula/A.cpp", '#include "tegula/model.h"\n#include "tegula/Tuner/Session/B.h"\n#include "tegula-c/C.h"'),
    ("runtime/src/a.c", '#include "tegula/abi.h"\n#include "tegula/model.h"\n#include "internal.h"'),
    ("test/lib/Driver/ATest.cpp", '#include "tegula/Driver/B.h"\n#include "llvm/ADT/StringRef.h"'),
])
def test_layer_good(tree, file, line):
    assert list(layers.problems(tree({file: line + "\n"}))) == []


def test_license(tree):
    root = tree({"a.cpp": "int x;\n", "b.cpp": LICENSE, "c.md": "text", "scripts/d": "#!/bin/sh\n", "e/CMakeLists.txt": "x\n"})
    assert [p.split(":")[0] for p in text.license_problems(root)] == ["a.cpp", "e/CMakeLists.txt", "scripts/d"]


def test_length(tree):
    root = tree({"a.cpp": "x\n" * 801, "b.cpp": "x\n" * 800, "c.json": "x\n" * 900})
    assert [p.split(":")[0] for p in text.length_problems(root)] == ["a.cpp"]


def test_markers(tree):
    marker = "// TO" + "DO: later\n"
    root = tree({"a.cpp": "int x;\n" + marker, "b.md": "not " + "implemented\n", "c.cpp": "int maXXXimum, TO" + "DOs;\n"})
    assert [p.split(": ")[0] for p in text.marker_problems(root)] == ["a.cpp:2", "b.md:1"]


def test_links(tree):
    root = tree({"docs/a.md": "[b](b.md#x) [c](c.md)\n[d](https://example.org)\n[top](../README.md) [e](#here)", "docs/b.md": "",
                 "README.md": ""})
    assert [p.split(": ")[0] for p in text.link_problems(root)] == ["docs/a.md:1"]


def test_machine_paths(tree):
    root = tree({"a.md": "see /srv/me/tegula/build", "b.md": "see /srv/me/tegulas and build/"})
    assert [p.split(": ")[0] for p in text.machine_path_problems(root, "/srv/me/tegula")] == ["a.md:1"]


def test_format(tree):
    root = tree({"a.cpp": "int  x ;\n", "b.cpp": "int x;\n"})
    assert [p.split(":")[0] for p in text.format_problems(root)] == ["a.cpp"]
