# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tables of results, and the recorded lists of passing cases, which may only grow."""
import collections
import json
import re
import subprocess
from pathlib import Path

from runner import STATUSES, Result, group_key

FOLDER = Path(__file__).resolve().parent
MISSES = FOLDER / "misses.txt"
HEADER = "# Cases that pass, sorted; `scripts/conformance SUITE --update` adds to it. This list may only grow.\n"


def recorded_file(suite):
    return FOLDER / ("passing.txt" if suite == "backend" else f"passing-{suite}.txt")


def read_recorded(path):
    if not Path(path).is_file():
        return []
    return [line for line in Path(path).read_text().splitlines() if line and not line.startswith("#")]


def write_recorded(path, names):
    Path(path).write_text(HEADER + "".join(f"{name}\n" for name in sorted(names)))


def read_misses():
    """[(forms, pattern of names, reason)] from lines `FORM,... | PATTERN | REASON`; "given" is the form of the corpus."""
    misses = []
    for line in MISSES.read_text().splitlines():
        if line and not line.startswith("#"):
            forms, pattern, reason = (field.strip() for field in line.split(" | ", 2))
            misses.append((forms.split(","), re.compile(pattern), reason))
    return misses


def reason_of(title, name, misses):
    """Why the case is known not to pass in the run of this title (`backend`, `backend-dynamic`, ...); None if it is not."""
    form = title.partition("-")[2] or "given"
    return next((reason for forms, pattern, reason in misses if form in forms and pattern.fullmatch(name)), None)


def source_commit():
    """The commit of the working tree, "" outside a repository."""
    def git(*arguments):
        return subprocess.run(["git", "-C", FOLDER, *arguments], capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


def save(path, results):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    saved = {"schema": 2, "commit": source_commit(), "results": [vars(result) for result in results]}
    Path(path).write_text(json.dumps(saved, indent=1) + "\n")


def load(path):
    return [Result(**entry) for entry in json.loads(Path(path).read_text())["results"]]


def summary(results):
    """One line: how many of how many pass, then each other status that occurs."""
    counts = collections.Counter(result.status for result in results)
    parts = [f"{counts['pass']} of {len(results)} pass"]
    parts += [f"{counts[status]} {status}" for status in STATUSES[1:] if counts[status]]
    host = sum(result.host_dispatches for result in results)
    return ", ".join(parts) + f"; {host} host dispatches; {sum(result.seconds for result in results):.0f} s of commands"


FALSE_UNSUPPORTED_LIMIT = 0.01  # of the cases


def verdict_faults(results):
    """(lines, whether too many) about `tegula check` where it does not tell what the compiler does."""
    compared = [result for result in results if result.verdict]
    wrong = {verdict: [result.name for result in compared if result.verdict == verdict]
             for verdict in ("false ok", "false unsupported")}
    lines = [f"`tegula check` and the compiler agree on {len(compared) - sum(map(len, wrong.values()))} of "
             f"{len(compared)} models"]
    lines += [f"{verdict}: {', '.join(names)}" for verdict, names in wrong.items() if names]
    allowed = FALSE_UNSUPPORTED_LIMIT * len(compared)
    return lines, bool(wrong["false ok"]) or len(wrong["false unsupported"]) > allowed


def groups(results, examples=3):
    """Failures by cause, most frequent first: lines of count, status, cause and some names."""
    causes = collections.defaultdict(list)
    for result in results:
        if not result.passed:
            cause = "outputs differ" if result.status == "mismatch" else group_key(result.message)
            causes[(result.status, cause)].append(result.name)
    for (status, cause), names in sorted(causes.items(), key=lambda item: (-len(item[1]), item[0])):
        more = ", ..." if len(names) > examples else ""
        yield f"{len(names):5} {status:9} {cause or '(no message)'}\n{'':16}{', '.join(names[:examples])}{more}"


def by_operator(results):
    """{first word of the test's name: (passing, all)}; ONNX names its node tests after their operator."""
    table = collections.defaultdict(lambda: [0, 0])
    for result in results:
        word = result.name.split("/")[-1].removeprefix("test_").split("_")[0]
        table[word][0] += result.passed
        table[word][1] += 1
    return dict(table)
