# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One name per pass, from argument to definition to file to test; one spelling for ops and attributes.

  argument    <scope>-<verb>-<object>                    graph-infer-shapes
  definition  CamelCase of the argument + Pass           GraphInferShapesPass
  file        CamelCase of the argument without scope    dialects/Graph/Transforms/InferShapes.cpp
  test        the argument without scope                 test/dialects/Graph/Transforms/infer-shapes.mlir
              its twin when the pass reports errors      test/dialects/Graph/Transforms/infer-shapes-errors.mlir

The file may stand in a folder below the one that mirrors Passes.td, for example lib/Codegen/Common for
include/tegula/Codegen/Passes.td; its test mirrors where it stands. A conversion is named by what it converts, without a
scope: `graph-to-linalg`, GraphToLinalgPass, lib/Conversion/GraphToLinalg/GraphToLinalg.cpp.
"""
import re
from pathlib import Path, PurePosixPath

import layers
import sources

PASS = re.compile(r'^\s*def\s+(\w+)\s*:\s*(?:Interface)?Pass<\s*"([^"]*)"', re.MULTILINE)
SUMMARY = re.compile(r"\blet\s+summary\s*=")
DESCRIPTION = re.compile(r"\blet\s+description\s*=")
DEFINED = re.compile(r"^\s*#\s*define\s+GEN_PASS_DEF_(\w+)", re.MULTILINE)
REPORTS = re.compile(r"\bemit(?:OpError|Error)\s*\(")
ARGUMENT = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)+$")
OP = re.compile(r'^\s*def\s+(\w+Op)\s*:\s*\w+<\s*(?:\w+_Dialect\s*,\s*)?"([^"]*)"', re.MULTILINE)
MNEMONIC = re.compile(r'\b(let\s+mnemonic)\s*=\s*"([^"]*)"')
SNAKE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")


def passes(root):
    """(td file, definition, argument, body of the definition) for every pass."""
    for path in sources.repository_files(root):
        if path.name != "Passes.td":
            continue
        text = sources.text_of(root, path)
        found = list(PASS.finditer(text))
        for index, match in enumerate(found):
            end = found[index + 1].start() if index + 1 < len(found) else len(text)
            yield path, match.group(1), match.group(2), text[match.start():end]


def camel(words):
    return "".join(word.capitalize() for word in words)


def pass_problems(root):
    root = Path(root)
    known_definitions, known_tests, seen = {}, {}, {}
    for path, definition, argument, body in passes(root):
        where = f"{path}: {definition}"
        if argument in seen:
            yield f"{where}: the argument '{argument}' is also that of {seen[argument]}"
        seen[argument] = definition
        if not ARGUMENT.match(argument):
            yield f"{where}: expected an argument like 'graph-infer-shapes', but got '{argument}'"
            continue
        folder = layers.home_of_header(PurePosixPath(*path.parts[1:]).as_posix())
        scope, *words = argument.split("-")
        if "to" in words:
            scope, words = "", argument.split("-")
        expected = camel([scope] + words) + "Pass"
        if definition.lower() != expected.lower():
            yield f"{where}: argument '{argument}' asks for the definition {expected}, but got {definition}"
            continue
        for pattern, what in ((SUMMARY, "summary"), (DESCRIPTION, "description")):
            if not pattern.search(body):
                yield f"{where}: has no {what}"
        stem = definition[len(scope):-len("Pass")]
        found = sorted(path.relative_to(root) for path in (root / folder).rglob(f"{stem}.cpp"))
        if len(found) != 1:
            there = " and ".join(map(str, found)) or "no such file"
            yield f"{where}: expected its code in one file {stem}.cpp in {folder} or below, but there is {there}"
            continue
        [source] = found
        known_definitions[definition.upper()] = source.as_posix()
        test_folder = Path("test") / source.parent
        test_stem = "-".join(words)
        known_tests.setdefault(test_folder, []).append(test_stem)
        code = sources.text_of(root, source)
        if definition.upper() not in DEFINED.findall(code):
            yield f"{source}: expected '#define GEN_PASS_DEF_{definition.upper()}', but it is not there"
        if not (root / test_folder / f"{test_stem}.mlir").is_file():
            yield f"{where}: expected a test {test_folder / test_stem}.mlir, but there is no such file"
        twin = test_folder / f"{test_stem}-errors.mlir"
        if REPORTS.search(code) and not (root / twin).is_file():
            yield f"{source}: reports errors, so a test {twin} is expected, but there is no such file"

    for path in sources.repository_files(root):
        name = path.as_posix()
        if path.suffix == ".cpp" and name.startswith(("lib/", "dialects/", "tuner/")):
            for definition in DEFINED.findall(sources.text_of(root, path)):
                if definition not in known_definitions:
                    yield f"{path}: defines GEN_PASS_DEF_{definition}, but no Passes.td has such a pass"
                elif known_definitions[definition].lower() != name.lower():
                    yield f"{path}: the pass {definition} belongs into {known_definitions[definition]}"
        elif path.suffix == ".mlir" and path.parent in known_tests:
            stem = path.stem
            if not any(stem == test or stem.startswith(test + "-") for test in known_tests[path.parent]):
                yield f"{path}: no pass of this folder has this name; name it after its pass, with '-...' for a second file"


def mnemonic_problems(root):
    for path in sources.repository_files(root):
        if path.suffix == ".td":
            text = sources.text_of(root, path)
            for definition, mnemonic in OP.findall(text) + MNEMONIC.findall(text):
                if not SNAKE.match(mnemonic.split(".")[-1]):
                    yield f"{path}: {definition}: expected a snake_case name, but got '{mnemonic}'"
