# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Stands in for `tegula` in the harness's own tests: the text of the model file says how to behave."""
import json
import os
import signal
import sys
import time
from pathlib import Path

word, _, rest = Path(sys.argv[2]).read_text().strip().partition(" ")
Path("seen-arguments").write_text(" ".join(sys.argv[1:])) if word == "replay" else None
if word in ("pass", "host"):
    outputs = [{"type": type, "max_ulp_error": error} for type, error in (("float32", 2), ("float32", 3), ("int8", 0))]
    counts = {"operations": 100, "operations_in_vectors": int(rest)} if rest and "--count-operations" in sys.argv else {}
    print(json.dumps({"schema": 1, "target": "fake", "match": True, "outputs": outputs, "kernel_dispatches": 3,
                      "host_dispatches": 2 if word == "host" else 0, **counts}))
elif word == "verdicts":  # exit codes of run, compile and check; "t": no answer
    code = dict(zip(("run", "compile", "check"), rest.split()))[sys.argv[1]]
    time.sleep(600 if code == "t" else 0)
    code = int(code)
    if sys.argv[1] == "compile":
        Path(sys.argv[4]).write_text("library")
    if sys.argv[1] == "run" and code == 0:
        print(json.dumps({"schema": 1, "match": True}))
    print("error: fake" if code else "", file=sys.stderr)
    sys.exit(code)
elif word == "silent":
    pass
elif word == "mismatch":
    output = {"name": "y", "match": False, "mismatches": 3, "elements": 8, "max_absolute_error": 0.5}
    print(json.dumps({"schema": 1, "match": False, "outputs": [output]}))
    print("tegula: outputs differ", file=sys.stderr)
    sys.exit(1)
elif word == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
elif word == "hang":
    if os.fork() == 0:  # a grandchild that would survive if only the child were killed
        Path(rest).write_text(str(os.getpid()))
    time.sleep(600)
elif word == "exit":
    code, _, message = rest.partition(" ")
    if message:
        print("note: first\n" + message, file=sys.stderr)
    sys.exit(int(code))
elif word == "replay":
    print("model: error: see replay", file=sys.stderr)
    sys.exit(1)
