#!/usr/bin/env python3
"""What the README says of speed on GPUs, made from the reports in bench/results/ and from nothing else.

gpu_section.py insert | check | print [--results FOLDER] [--readme FILE]

Of each GPU the newest gpu_bench_*.json and gpu_tests_*.json count. Where there is no report there is one sentence, and no
figure. `check` fails when the README says something else.
"""
import argparse
import json
import pathlib
import sys
import tempfile

from render_report import facts, plot_latency, plot_roofline, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- gpu: made by bench/gpu_section.py -->", "<!-- /gpu -->"
NONE = "No figure of a GPU is given: none was measured yet."


def newest(results, kind):
    """By GPU, the path and the report; dry runs and machines without a GPU say nothing."""
    found = {}
    for path in sorted(results.glob(f"gpu_{kind}_*.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        gpu = report["machine"]["gpu"]
        if gpu and not report["dry_run"] and (gpu not in found or report["date"] > found[gpu][1]["date"]):
            found[gpu] = (path, report)
    return found


def best_peer(report, network):
    """A forward pass of one image, host to host: cuhue's in fp16, and PyTorch's fastest, whatever its variant."""
    times = {f["engine"]: f["median_ms"] for f in facts(report, "peer", network=network, what="forward, host to host")
             if "failed" not in f and f["shape"].startswith("1x")}
    ours, peers = times.get("cuhue fp16"), {e: t for e, t in times.items() if not e.startswith("cuhue")}
    if not ours or not peers:
        return ""
    engine = min(peers, key=peers.get)
    return f"{ours:.3f}; {peers[engine]:.3f} ({engine}, {peers[engine] / ours:.2f})"


def least_memory(report, network):
    of = {f["engine"]: f["bytes"] / 2**20 for f in facts(report, "memory", network=network)}
    peers = [mib for engine, mib in of.items() if not engine.startswith("cuhue")]
    return f"{of['cuhue fp16']:.0f}; {min(peers):.0f}" if peers and "cuhue fp16" in of else ""


def network_rows(report):
    rows = []
    for f in facts(report, "forward", batch=1):
        if "failed" in f or f["precision"] == "tf32" or any(r[0] == f["network"] and r[1] == f["precision"] for r in rows):
            continue
        photo = next((p for p in facts(report, "photo", network=f["network"], precision=f["precision"])), None)
        fp16 = f["precision"] == "fp16"
        rows.append((f["network"], f["precision"], f["side"], f"{f['median_ms']:.3f}", f"{f['p99_ms']:.3f}",
                     f"{photo['median_ms']:.2f} ({photo['photo']})" if photo else "",
                     f"{(f['arena_bytes'] + f['weight_bytes']) / 2**20:.0f}",
                     best_peer(report, f["network"]) if fp16 else "", least_memory(report, f["network"]) if fp16 else ""))
    return rows


def proof(report):
    """One line of what tests found."""
    states = [s["state"] for s in report["steps"]]
    worst = {}
    for f in facts(report, "parity"):
        worst[f["precision"]] = max(worst.get(f["precision"], 0.0), f["error"])
    errors = ", ".join(f"{precision} {error:.1e}" for precision, error in sorted(worst.items()))
    failed = [s["name"] for s in report["steps"] if s["state"] == "failed"]
    return (f"Tests: {states.count('passed')} steps passed, {len(failed)} failed{' (' + ', '.join(failed) + ')' if failed else ''}, "
            f"{states.count('skipped')} skipped. Largest error against the CPU: {errors or 'not measured'}.")


def ceilings(report):
    of = {f["of"]: f["rate"] for f in facts(report, "ceiling")}
    parts = [f"copy {of['copy'] / 1e9:.0f} GB/s"] if "copy" in of else []
    parts += [f"{unit} {of[unit] / 1e12:.0f} TFLOP/s" for unit in ("fp32", "tf32", "fp16") if unit in of]
    return f"Measured ceilings: {', '.join(parts)}." if parts else ""


def section(results, keep_plots=False):
    """With keep_plots the plots are written beside their reports."""
    benches, tests = newest(results, "bench"), newest(results, "tests")
    parts = []
    for gpu in sorted({*benches, *tests}):
        path, report = benches.get(gpu) or tests[gpu]
        lines = [f"**{gpu}**, driver {report['machine']['driver']}, commit {report['commit']}, {report['date'][:10]} "
                 f"([report](bench/results/{path.name}))."]
        lines.append(proof(tests[gpu][1]) if gpu in tests else "The tests have not run on it yet.")
        if gpu in benches:
            lines.append(ceilings(report))
            lines.append(table(["network", "precision", "side", "device ms, one image", "p99", "photo, host to host ms", "arena and weights, MiB",
                                "forward, host to host ms: cuhue; PyTorch's fastest (over cuhue's)",
                                "peak MiB beside PyTorch: cuhue; its least"], network_rows(report)))
            for name, plot in (("latency", plot_latency), ("roofline", plot_roofline)):
                kept = path.with_name(f"{path.stem}_{name}.svg")
                with tempfile.TemporaryDirectory() as folder:
                    made = plot(report, kept if keep_plots else pathlib.Path(folder) / kept.name)
                if made:
                    lines.append(f"![{name} on {gpu}](bench/results/{path.stem}_{name}.svg)")
        parts.append("\n\n".join(line.strip() for line in lines if line.strip()))
    return "\n\n".join(parts) + "\n" if parts else NONE + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("command", choices=["insert", "check", "print"])
    p.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    p.add_argument("--readme", type=pathlib.Path, default=ROOT / "README.md")
    options = p.parse_args()
    text = section(options.results, keep_plots=options.command == "insert")
    if options.command == "print":
        print(text, end="")
        return
    readme = options.readme.read_text(encoding="utf-8")
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin:
        sys.exit(f"gpu_section.py: {options.readme} has no place for it: put '{BEGIN}' and '{END}' on lines of their own")
    wanted = readme[: begin + len(BEGIN)] + "\n" + text + readme[end:]
    if options.command == "insert":
        options.readme.write_text(wanted, encoding="utf-8")
    elif readme != wanted:
        sys.exit(f"{options.readme}: what it says of GPUs is not what the reports say; run bench/gpu_section.py insert")


if __name__ == "__main__":
    main()
