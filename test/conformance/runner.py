# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs cases: every command in its own process group, working folder, time and memory limit."""
import concurrent.futures
import dataclasses
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

MEMORY_LIMIT = 20 << 30  # bytes of address space; a bomb must end in an error, not in the machine's memory
STATUSES = ("pass", "mismatch", "error", "usage", "internal", "crash", "timeout", "verdict")


@dataclasses.dataclass
class Result:
    name: str
    status: str  # one of STATUSES; "verdict": a malformed file got another exit code than its index asks for
    message: str = ""
    seconds: float = 0.0
    host_dispatches: int = 0
    target: str = ""  # that the model was compiled for
    errors: dict = dataclasses.field(default_factory=dict)  # {type of an output: largest error in units in the last place}
    verdict: str = ""  # of `tegula check` beside the compiler's: "equal", "false ok", "false unsupported"; "" not compared

    @property
    def passed(self):
        return self.status == "pass"


def long_set_part(text):
    """(part, parts) of "all" or "K/8", the value of $TEGULA_LONG_SET; (0, 8) when the variable is not set."""
    if text == "all":
        return 0, 1
    part, _, parts = (text or "0/8").partition("/")
    return int(part), int(parts)


def first_error(stderr):
    """The first line that says what is wrong, else the first line that says anything."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for line in lines:
        if "error:" in line or "Assertion" in line:
            return line
    return lines[0] if lines else ""


def mismatch_message(report):
    for output in report.get("outputs", []):
        if not output.get("match", True):
            return ("output '{name}': {mismatches} of {elements} elements differ, largest absolute error "
                    "{max_absolute_error}").format_map(_Missing(output))
    return "the outputs differ"


class _Missing(dict):
    def __missing__(self, key):
        return "?"


def group_key(message):
    """An error message without what differs between two cases of one cause: places, numbers, types and node names."""
    operation = re.search(r"\((\w[\w.:]*), opset \d+\)", message)
    text = message.split("error:", 1)[1] if "error:" in message else message
    text = re.sub(r"\S*/\S*?:(\d+:)*", "", text)
    text = re.sub(r"(tensor|memref|vector)<[^\s']*>", r"\1<...>", text)
    text = re.sub(r"'([^']*)'", lambda quoted: quoted.group(0) if re.fullmatch(r"[a-z_]+\.[a-z_]+|[A-Za-z]+", quoted.group(1))
                  else "'...'", text)
    text = re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "N", text).strip()
    return f"{operation.group(1)}: {text}" if operation and operation.group(1) not in text else text


def run_command(arguments, limit, folder):
    """(exit code or negative signal or None after the limit, stdout, stderr)."""
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               cwd=folder, start_new_session=True, text=True, errors="replace")
    code = None
    try:
        try:
            resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
            if "san" not in os.environ.get("TEGULA_BUILD", ""):  # sanitizers reserve terabytes of address space
                resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        except ProcessLookupError:
            pass
        stdout, stderr = process.communicate(timeout=limit)
        code = process.returncode
    except subprocess.TimeoutExpired:
        stdout = stderr = ""
    finally:
        try:  # the whole group, also children that outlive a crash
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if code is None:
            process.communicate()
    return code, stdout, stderr


def compare_verdicts(case, tegula, compiles, folder):
    """What `tegula check` says of the case's model beside what the compiler says (`compiles`; None: to be found out); ""
    where the compiler has said nothing within the time limit."""
    tegula, model = list(tegula), str(case.model)
    if compiles is None:
        code = run_command(tegula + ["compile", model, "-o", "verdict.so"], case.limit, folder)[0]
        compiles = None if code is None else code == 0
        for file in folder.glob("verdict.so*"):
            file.unlink()
    if compiles is None:
        return ""
    says_yes = run_command(tegula + ["check", model], case.limit, folder)[0] == 0
    return "equal" if says_yes == compiles else "false ok" if says_yes else "false unsupported"


def run_case(case, tegula, scratch, only_check=False, verdicts=False):
    """Runs one case (with `only_check` just `tegula check` of its model); what its commands leave in their working folder (replays) stays below `scratch`. With `verdicts`, whether `tegula check` tells what the compiler does."""
    folder = Path(scratch) / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = Result(case.name, "pass")
    compiles = None  # known when a run got as far as a report
    begin = time.monotonic()
    for arguments, allowed in case.commands(tegula, only_check):
        code, stdout, stderr = run_command(arguments, case.limit, folder)
        report = {}
        if "--json" in arguments:
            try:
                report = json.loads(stdout)
            except ValueError:
                pass
        compiles = True if report else compiles
        result.host_dispatches += report.get("host_dispatches", 0)
        result.target = report.get("target", result.target)
        for output in report.get("outputs", []):
            error = output.get("max_ulp_error")
            if error is not None:  # else there is no number: an output of another shape, or infinite where none is expected
                result.errors[output["type"]] = max(error, result.errors.get(output["type"], 0))
        if code is None:
            result.status, result.message = "timeout", f"no answer in {case.limit:g} s"
        elif code < 0:
            name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
            result.status, result.message = "crash", f"{name}: {first_error(stderr)}"
        elif code == 3:
            result.status, result.message = "internal", first_error(stderr)
        elif code == 2:
            result.status, result.message = "usage", first_error(stderr)
        elif code not in (0, 1):
            result.status, result.message = "crash", f"exit code {code}: {first_error(stderr)}"
        elif code not in allowed:
            if case.expect != "pass":
                wanted = " or ".join(map(str, sorted(allowed)))
                result.status = "verdict"
                result.message = f"{case.expect}: expected exit code {wanted}, but got {code}: {first_error(stderr)}"
            elif report.get("match") is False:
                result.status, result.message = "mismatch", mismatch_message(report)
            else:
                result.status, result.message = "error", first_error(stderr)
        elif code == 1 and not stderr.strip():
            result.status, result.message = "verdict", "exit code 1 without a message"
        elif "--json" in arguments and report.get("match") is not True:
            result.status, result.message = "internal", "exit code 0 without a report that says match"
        elif case.folds and report.get("kernel_dispatches") and not case.may_use_host():
            result.status = "error"
            result.message = f"expected everything to fold, but {report['kernel_dispatches']} kernels ran"
        elif "--count-operations" in arguments:
            vectors, all_operations = report.get("operations_in_vectors", -1), report.get("operations", 0)
            if vectors < case.vector_share * all_operations:
                result.status = "error"
                result.message = f"expected {case.vector_share:.0%} of {all_operations} operations in vectors, but got {vectors}"
        if result.status != "pass":
            break
        if result.host_dispatches and not case.may_use_host():
            result.status = "internal"
            result.message = f"{result.host_dispatches} host dispatches in a model that only needs kernels"
            break
    result.seconds = time.monotonic() - begin
    if verdicts:
        result.verdict = compare_verdicts(case, tegula, compiles, folder)
    if not any(folder.iterdir()):
        folder.rmdir()
    return result


def run_cases(cases, tegula, jobs=2, scratch=None, progress=None, only_check=False, verdicts=()):
    """Results in the order of `cases`; `verdicts`: positions of those whose verdicts are compared."""
    scratch = scratch or tempfile.mkdtemp(prefix="tegula-conformance-")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_case, case, tegula, scratch, only_check, index in verdicts)
                   for index, case in enumerate(cases)]
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            if progress:
                progress(done, len(futures), future.result())
        return [future.result() for future in futures]
