# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_tiles.py PRODUCT SUMS LEFT+RIGHT < ASSEMBLY: one function has kernels on tile registers, and it is sound.

It configures the tiles once and releases them once, calls nothing, loads LEFT + RIGHT tiles for each round of SUMS
products, stores the SUMS tiles once, and so neither saves nor reloads any; its products are PRODUCT."""
import re
import sys

TILE = re.compile(r"\b(tdp\w+|tileloadd\w*|tilestored|tilezero|ldtilecfg|sttilecfg|tilerelease)\b")


def functions(text):
    name, lines = None, []
    for line in text.splitlines():
        if start := re.match(r"([A-Za-z_][\w.$]*):", line):
            name, lines = start[1], []
        elif name and line.startswith(".Lfunc_end"):
            yield name, lines
            name = None
        elif name:
            lines.append(line.strip())


def check(name, lines, product, sums, loads):
    found = [match[1] for line in lines if (match := TILE.search(line))]
    counts = {word: found.count(word) for word in sorted(set(found))}
    expected = {"ldtilecfg": 1, "tilerelease": 1, "tilestored": sums, "tilezero": sums, product: sums, "tileloadd": loads}
    assert counts == expected, f"{name}: expected {expected}, but got {counts}"
    calls = [line for line in lines if re.match(r"(call|jmp\s+[^.])", line)]
    assert not calls, f"{name}: calls while tiles are live: {calls}"
    stack = [line for line in lines if TILE.match(line) and "cfg" not in line and "(%rsp" in line]
    assert not stack, f"{name}: tiles on the stack: {stack}"


def main():
    product, sums, loads = sys.argv[1], int(sys.argv[2]), sum(map(int, sys.argv[3].split("+")))
    tiled = [(name, lines) for name, lines in functions(sys.stdin.read()) if any(map(TILE.search, lines))]
    assert len(tiled) == 1, f"expected one kernel on tile registers, but got {[name for name, _ in tiled]}"
    check(*tiled[0], product, sums, loads)


main()
