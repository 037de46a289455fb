# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A comparison's JSON as a Markdown table and as a plot."""
import json
import math

import engines


def p50_of(result, name):
    report = result["engines"].get(name, {})
    return report.get("p50_ms")


def best_rival(result):
    times = [p50_of(result, name) for name in engines.RIVALS]
    return min((time for time in times if time is not None), default=None)


def speed_of(result):
    """How many times as fast as the better rival with the same numerics, or None."""
    ours, rival = p50_of(result, "tegula"), best_rival(result)
    return rival / ours if ours and rival and not result["void"] else None


def write_json(document, path):
    """The document, a line for each result."""
    lines = ",\n".join(json.dumps(result) for result in document["results"])
    head = json.dumps({**document, "results": []})[:-2]
    path.write_text(f"{head}\n{lines}]}}\n")


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def cell(result, name):
    time = p50_of(result, name)
    if time is not None:
        return f"{time:.3g}"
    error = result["engines"].get(name, {}).get("error")
    return "" if error is None else ("wrong" if error.startswith("wrong") else "fails")


def detail(reports, field, form, scale=1):
    return " / ".join(form.format(report[field] * scale) if field in report else "-" for report in reports)


def markdown(document):
    names = document["engines"]
    lines = ["# Comparison", "", f"`{document['command']}`", "",
             f"Commit {document['commit']}, {document['cpu']}, {document['cpus']} processors. P50 in milliseconds, engines in"
             " turns, outputs checked and copied out. *Speed*: against the better of "
             + " and ".join(engines.RIVALS) + "; *void*: the control kernel drifted.", ""]
    for threads in sorted({result["threads"] for result in document["results"]}):
        results = [result for result in document["results"] if result["threads"] == threads]
        lines += [f"## {threads} thread{'s' if threads > 1 else ''}", "",
                  "| model | " + " | ".join(names) + " | speed |", "|---|" + "---:|" * (len(names) + 1)]
        for result in results:
            speed = speed_of(result)
            lines.append(f"| {result['model']} | " + " | ".join(cell(result, name) for name in names)
                         + f" | {'void' if result['void'] else '' if speed is None else f'{speed:.2f}'} |")
        for title, wanted in (("1 ms and more", lambda time: time >= 1), ("under 1 ms", lambda time: time < 1)):
            speeds = [speed_of(result) for result in results if speed_of(result) and wanted(best_rival(result))]
            if speeds:
                lines.append(f"\nBetter rival takes {title}: geometric mean {geometric_mean(speeds):.2f} over {len(speeds)}, "
                             f"smallest {min(speeds):.2f}.")
        pair = ("tegula", "onnxruntime")
        lines += ["", "Tegula / ONNX Runtime:", "",
                  "| model | P95 ms | first run ms | load ms | peak MiB | artifact KiB | compile s | relative error |",
                  "|---|---:|---:|---:|---:|---:|---:|---:|"]
        for result in results:
            reports = [result["engines"].get(name, {}) for name in pair]
            lines.append("| " + " | ".join([
                result["model"], detail(reports, "p95_ms", "{:.3g}"), detail(reports, "first_ms", "{:.3g}"),
                detail(reports, "load_ms", "{:.3g}"), detail(reports, "peak_mib", "{:.0f}"),
                detail(reports, "artifact_bytes", "{:.0f}", 1 / 1024), detail(reports, "compile_s", "{:.2g}"),
                detail(reports, "relative_error", "{:.1e}"),
            ]) + " |")
        lines.append("")
    errors = sorted({(name, result["model"], report["error"]) for result in document["results"]
                     for name, report in result["engines"].items() if "error" in report})
    if errors:
        lines += ["## What failed", ""] + [f"- {name}, {model}: {' '.join(error.split())[:160]}" for name, model, error in errors]
    return "\n".join(lines) + "\n"


def plot(document, path):
    """One bar for each engine and model: its speed as a multiple of the better rival's."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "tegula"  # equal results, equal files
    from matplotlib import pyplot

    threads = sorted({result["threads"] for result in document["results"]})
    figure, every_axes = pyplot.subplots(len(threads), squeeze=False, figsize=(14, 5 * len(threads)))
    for count, (axes,) in zip(threads, every_axes):
        results = [result for result in document["results"] if result["threads"] == count and speed_of(result)]
        width = 0.8 / len(document["engines"])
        for number, name in enumerate(document["engines"]):
            bars = [(place, best_rival(result) / p50_of(result, name)) for place, result in enumerate(results) if p50_of(result, name)]
            axes.bar([place + number * width for place, _ in bars], [speed for _, speed in bars], width, label=name)
        axes.axhline(1, color="black", linewidth=0.5)
        axes.set_xticks([place + 0.4 for place in range(len(results))])
        axes.set_xticklabels([result["model"] for result in results], rotation=60, ha="right")
        axes.set_ylabel("speed against the better rival")
        axes.set_title(f"{count} thread{'s' if count > 1 else ''}")
        axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
