# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""check_binary.py TEGULA READELF MAKE_MODEL FOLDER: TEGULA is stripped and needs the C library alone, which it also says
to programs that it was told nothing of: it compiles and runs the model that MAKE_MODEL writes, with an empty environment.
"""
import re
import subprocess
import sys
from pathlib import Path

tegula, readelf, make_model, folder = sys.argv[1:]
ALLOWED = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def output(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


needed = set(re.findall(r"\(NEEDED\)\s+Shared library: \[(.*?)\]", output(readelf, "-d", tegula)))
assert needed and needed <= ALLOWED, f"expected to need some of {sorted(ALLOWED)}, but got {sorted(needed)}"
assert "RUNPATH" not in output(readelf, "-d", tegula), "expected no search path of the build's"
assert ".symtab" not in output(readelf, "-S", tegula), "expected a stripped binary"

model, library = Path(folder) / "mlp.onnx", Path(folder) / "mlp.so"
subprocess.run([sys.executable, make_model, model, "batch"], check=True)
subprocess.run([tegula, "compile", model, "-o", library], check=True, env={}, cwd=folder)
text = output(tegula, "run", library, "--dim", "batch=3", env={}, cwd=folder)
assert "output 'y' float32 3x24" in text, text
