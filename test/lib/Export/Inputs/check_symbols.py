# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_symbols.py SYMBOLS NAME LIBRARY...: each LIBRARY, a model called NAME, exports its header's functions and nothing
else, and needs only what SYMBOLS lists, with those versions or older ones."""
import re
import subprocess
import sys

allowed = {}
libraries = set()
with open(sys.argv[1], encoding="utf-8") as stream:
    for line in stream:
        if line.strip() and not line.startswith("#"):
            library, version, *names = line.split()
            allowed.update((name, tuple(map(int, version.split(".")))) for name in names)
            libraries.add(library)
libraries.update({"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})
expected = {f"{sys.argv[2]}_{part}" for part in ("query", "create", "clone", "run", "release", "last_error")}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


for path in sys.argv[3:]:
    defined = set()
    for line in output("llvm-readelf", "--dyn-syms", "--wide", path).splitlines():
        match = re.match(r"\s*\d+: \S+\s+\S+\s+\S+\s+(?:GLOBAL|WEAK)\s+\S+\s+(\S+) ([^@\s]+)(?:@+GLIBC_([\d.]+))?", line)
        if not match:
            continue
        section, name, version = match.groups()
        if section != "UND":
            defined.add(name)
            continue
        assert name in allowed, f"{path} needs {name}"
        assert version, f"{path} needs {name} of no version"
        assert tuple(map(int, version.split("."))) <= max(allowed[name], (2, 17)), f"{path} needs {name} of {version}"
    assert defined == expected, f"{path}: expected the exports {sorted(expected)}, but got {sorted(defined)}"
    needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", output("llvm-readelf", "-d", path)))
    assert needed and needed <= libraries, f"{path} needs the libraries {sorted(needed)}"
