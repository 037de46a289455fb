# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""starts_at_slowest.py OTHER.jsonl TUNED.jsonl (exports of databases): succeeds when the first trial of each kernel in
TUNED is the slowest good point of OTHER."""
import json
import sys



def trials(path):
    rows = [json.loads(line) for line in open(path)]
    return [row for row in rows if row["record"] == "trial"]


slowest, first = {}, {}
for trial in trials(sys.argv[1]):
    if trial["status"] == "ok" and trial["median_ns"] > slowest.get(trial["key"], (0, ""))[0]:
        slowest[trial["key"]] = trial["median_ns"], trial["configuration"]
for trial in trials(sys.argv[2]):
    first.setdefault(trial["key"], trial["configuration"])
expected = {key: configuration for key, (_, configuration) in slowest.items()}
if not first or first != expected:
    sys.exit(f"expected {expected}, but got {first}")
