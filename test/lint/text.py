# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lints on the plain text of files: license lines, length, markers of unfinished work."""
import re
import subprocess

import sources

LICENSE_LINE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
LINE_LIMIT = 800
# Spelled apart, so that this file does not match itself.
MARKERS = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "not " + "implemented", "Not" + "Implemented", "un" + "implemented"]
MARKER = re.compile(r"(?<![A-Za-z])(" + "|".join(MARKERS) + r")(?![a-z])")


def license_problems(root):
    """Every code file says its license in one of its first three lines (a script's first is `#!`)."""
    for path in sources.repository_files(root):
        if sources.is_code(root, path):
            text = sources.text_of(root, path)
            if text.strip() and LICENSE_LINE not in "\n".join(text.split("\n")[:3]):
                yield f"{path}: expected '{LICENSE_LINE}' in one of the first three lines, but it is not there"


def length_problems(root):
    for path in sources.repository_files(root):
        if sources.is_code(root, path):
            lines = sources.text_of(root, path).count("\n")
            if lines > LINE_LIMIT:
                yield f"{path}: expected at most {LINE_LIMIT} lines, but got {lines}; split it by what it does"


def marker_problems(root):
    for path in sources.repository_files(root):
        if sources.is_code(root, path) or path.suffix in {".mlir", ".md"}:
            for number, line in enumerate(sources.text_of(root, path).split("\n"), 1):
                found = MARKER.search(line)
                if found:
                    yield f"{path}:{number}: marker of unfinished work '{found.group(1)}': finish it, or make it an issue"


LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def link_problems(root):
    """Every relative link of a Markdown page leads to a file."""
    for path in sources.repository_files(root):
        if path.suffix != ".md":
            continue
        for number, line in enumerate(sources.text_of(root, path).split("\n"), 1):
            for target in LINK.findall(line):
                if "://" not in target and not (root / path.parent / target).exists():
                    yield f"{path}:{number}: the link leads to {target}, which does not exist"


def machine_path_problems(root, checkout):
    """No file names the folder that some checkout happens to lie in."""
    for path in sources.repository_files(root):
        if sources.is_code(root, path) or path.suffix in {".md", ".mlir", ".test", ".txt", ".json"}:
            for number, line in enumerate(sources.text_of(root, path).split("\n"), 1):
                if f"{checkout}/" in line:
                    yield f"{path}:{number}: names the folder {checkout} of one machine"


def format_problems(root):
    """The files that the project's .clang-format would change."""
    files = [str(path) for path in sources.repository_files(root) if path.suffix in {".cpp", ".h", ".c"}]
    command = ["clang-format-22", "--dry-run", "--Werror", "--ferror-limit=1", *files]
    done = subprocess.run(command, cwd=root, stderr=subprocess.PIPE, text=True)
    if done.returncode == 0:
        return []
    places = [line.split(": error:")[0] for line in done.stderr.splitlines() if ": error:" in line]
    return [f"{place}: run clang-format-22 -i" for place in places] or [done.stderr.strip()]
