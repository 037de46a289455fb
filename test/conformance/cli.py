# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs conformance suites through the `tegula` command.

  scripts/conformance                          the official ONNX tests
  scripts/conformance --group                  failures sorted by their first error message
  scripts/conformance --filter=conv --list-failures
  scripts/conformance --only-check --group      which models would not compile, and why (faster)
  scripts/conformance all --check-verdicts      does `tegula check` tell what the compiler does
  scripts/conformance models light malformed   the other suites
  scripts/conformance --form=constant          the official tests with their inputs as initializers: constant folding
  scripts/conformance --form=dynamic           the official tests with symbolic dimensions
  scripts/conformance --form=unranked          those with shapes or axes, whose length is symbolic, too
  scripts/conformance all --update             record what newly passes
  scripts/conformance --part --form=dynamic    the part of the cases that $TEGULA_LONG_SET names (an eighth)
  scripts/conformance --last --group           look at the last run again, without running
"""
import argparse
import os
import re
import signal
import sys
from pathlib import Path

import cases
import forms
import report
import runner

SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def parse(arguments):
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"{', '.join(cases.SUITES)} or all (default: backend)")
    parser.add_argument("--tegula", default=None, help="the command to test (default: build/bin/tegula)")
    parser.add_argument("--filter", default="", metavar="REGEX", help="only cases whose name matches")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="only the first N cases")
    parser.add_argument("--part", action="store_true",
                        help="only the part of the cases that $TEGULA_LONG_SET (`all` or `K/8`) names")
    parser.add_argument("--form", choices=["given", *forms.FORMS], default="given",
                        help="constant: tensor inputs become initializers; dynamic: their dimensions become symbolic; unranked:\n"
                        "so do the lengths of shapes and axes (backend only; each form has a list of its own)")
    parser.add_argument("--only-check", action="store_true", help="`tegula check` instead of a run: would it compile")
    parser.add_argument("--check-verdicts", action="store_true",
                        help="compare the verdict of `tegula check` with the compiler's; exit 1 on a false ok or more than"
                        " 1 %% false unsupported. $TEGULA_LONG_SET (K/8) takes every eighth case of a big suite")
    parser.add_argument("--recorded", action="store_true", help="only cases on the recorded list")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time (default: 2)")
    parser.add_argument("--time-limit", type=float, default=0, metavar="S", help="seconds per command, instead of the case's own")
    parser.add_argument("--group", action="store_true", help="failures by their first error message")
    parser.add_argument("--list-failures", action="store_true", help="every failure with its message")
    parser.add_argument("--slowest", type=int, default=0, metavar="N", help="the N slowest cases")
    parser.add_argument("--update", action="store_true", help="add what passes to the recorded list")
    parser.add_argument("--check", action="store_true", help="exit 1 when a recorded case does not pass or a case crashes")
    parser.add_argument("--last", action="store_true", help="show the results of the last whole run of the suite")
    parser.add_argument("--build", default=os.environ.get("TEGULA_BUILD") or str(cases.ROOT / "build"), help="build folder")
    options = parser.parse_args(arguments)
    if options.only_check and (options.update or options.check):
        parser.error("--only-check runs no model, so it goes with neither --update nor --check")
    if options.check_verdicts and (options.only_check or options.last):
        parser.error("--check-verdicts runs the models, so it goes with neither --only-check nor --last")
    options.suites = options.suites or ["backend"]
    if "all" in options.suites:
        options.suites = list(cases.SUITES)
    if options.form != "given" and options.suites != ["backend"]:
        parser.error(f"--form={options.form} is of the suite backend only")
    for suite in options.suites:
        if suite not in cases.SUITES:
            parser.error(f"expected a suite of {', '.join(cases.SUITES)} or all, but got '{suite}'")
    os.environ["TEGULA_BUILD"] = options.build  # which the runner and the commands that it starts look at
    options.tegula = (options.tegula or str(Path(options.build) / "bin" / "tegula")).split()
    return options


def progress(done, count, result):
    if sys.stderr.isatty():
        end = "\n" if done == count else ""
        print(f"\r{done}/{count} {result.status:8} {result.name[:80]:80}", end=end, file=sys.stderr, flush=True)


def run_suite(suite, options):
    """Runs and reports one suite; returns its exit code."""
    cache = Path(options.build) / "conformance"
    title = suite if options.form == "given" else f"{suite}-{options.form}"
    saved = cache / f"{title}.json"
    recorded = report.read_recorded(report.recorded_file(title))
    chosen = []
    if options.last:
        results = [result for result in report.load(saved) if re.search(options.filter, result.name)]
    else:
        try:
            chosen = cases.cases_of(suite, cache)
        except cases.CorpusAbsent as absent:
            print(f"{suite}: skipped, {absent}")
            return SKIPPED
        chosen = [case for case in chosen if re.search(options.filter, case.name)]
        if options.recorded:
            chosen = [case for case in chosen if case.name in set(recorded)]
        chosen = chosen[:options.first or None]
        part, parts = runner.long_set_part(os.environ.get("TEGULA_LONG_SET")) if options.part else (0, 1)
        chosen = chosen[part::parts]
        if options.form != "given":
            chosen = list(filter(None, (forms.FORMS[options.form](case, cache) for case in chosen)))
        for case in chosen:
            case.limit = options.time_limit or case.limit
        verdicts = compared_cases(len(chosen), os.environ.get("TEGULA_LONG_SET")) if options.check_verdicts else ()
        results = runner.run_cases(chosen, options.tegula, options.jobs, cache / "replay" / title, progress,
                                   options.only_check, verdicts)
        results = repeat_alone(chosen, results, set(recorded), options, cache)
        is_whole = not (options.filter or options.recorded or options.first) and parts == 1
        if is_whole and not options.only_check:
            report.save(saved, results)

    if options.list_failures:
        for result in results:
            if not result.passed:
                print(f"{result.status:9} {result.name}: {result.message}")
    if options.group:
        for line in report.groups(results):
            print(line)
    for result in sorted(results, key=lambda result: -result.seconds)[:options.slowest]:
        print(f"{result.seconds:7.2f} s  {result.name}")
    print(f"{title}: {report.summary(results)}")

    if options.only_check:
        return 0
    wrong_verdicts = False
    if options.check_verdicts:
        lines, wrong_verdicts = report.verdict_faults(results)
        print("\n".join(f"{title}: {line}" for line in lines))
    passing = {result.name for result in results if result.passed}
    fresh = passing - set(recorded)
    if options.update:
        report.write_recorded(report.recorded_file(title), passing | set(recorded))
        print(f"{title}: {len(fresh)} newly recorded")
    elif fresh:
        print(f"{title}: {len(fresh)} pass that are not recorded yet; `scripts/conformance {suite}"
              f"{'' if options.form == 'given' else ' --form=' + options.form} --update` records them")
    code = 0
    if options.check:
        complete = not (options.filter or options.first) and (options.last or parts == 1)
        code = check(title, results, recorded, complete, report.read_misses() if suite == "backend" else None)
    return 1 if wrong_verdicts else code


BIG_SUITE = 500  # cases


def compared_cases(count, long_set):
    """The cases of a suite whose verdicts are compared: all, or the part of the long set that `long_set` (K/8) names."""
    part, parts = runner.long_set_part(long_set) if long_set and count > BIG_SUITE else (0, 1)
    return range(part, count, parts)


def repeat_alone(chosen, results, recorded, options, cache):
    """A recorded case that failed by time gets one more run with the machine to itself."""
    for index, result in enumerate(results):
        if result.status == "timeout" and result.name in recorded:
            results[index] = runner.run_case(chosen[index], options.tegula, cache / "replay", options.only_check)
    return results


def check(title, results, recorded, complete, misses):
    """The exit code: 1 when a recorded case is lost or a case crashes, and when one does not pass and no reason for it is in
    `misses` (null: none is asked for)."""
    by_name = {result.name: result for result in results}
    lost = [by_name[name] for name in recorded if name in by_name and not by_name[name].passed]
    gone = [name for name in recorded if name not in by_name] if complete else []
    broken = [result for result in results if result.status in ("crash", "usage") and result not in lost]
    unexplained = [result for result in results if misses is not None and not result.passed and result not in lost
                   and result not in broken and not report.reason_of(title, result.name, misses)]
    for result in lost:
        print(f"{title}: recorded as passing, but {result.status}: {result.name}: {result.message}")
    for name in gone:
        print(f"{title}: recorded as passing, but there is no such case: {name}")
    for result in broken:
        print(f"{title}: {result.status}: {result.name}: {result.message}")
    for result in unexplained:
        print(f"{title}: no reason in {report.MISSES.name}: {result.status}: {result.name}: {result.message}")
    return 1 if lost or gone or broken or unexplained else 0


def main(arguments):
    options = parse(arguments)
    codes = [run_suite(suite, options) for suite in options.suites]
    if 1 in codes:
        return 1
    return SKIPPED if codes and all(code == SKIPPED for code in codes) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    sys.exit(main(sys.argv[1:]))
