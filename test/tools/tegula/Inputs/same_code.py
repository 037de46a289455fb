# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""same_code.py ONE.jsonl OTHER.jsonl (exports of databases): succeeds when both have trials of some configurations, and
each of these was the same code in both."""
import json
import sys


def read(path):
    with open(path) as lines:
        rows = [json.loads(line) for line in lines]
    return {(row["key"], row["configuration"]): row["artifact"] for row in rows if row["record"] == "trial"}


one, other = map(read, sys.argv[1:])
common = one.keys() & other.keys()
if not common:
    sys.exit("expected a configuration in both, but there is none")
for name in common:
    if not one[name] or one[name] != other[name]:
        sys.exit(f"{name}: expected the same code, but got '{one[name]}' and '{other[name]}'")
