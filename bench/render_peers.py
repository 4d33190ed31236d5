#!/usr/bin/env python3
"""Renders a report of bench/peers_cpu.py: the README's table as Markdown on stdout, a plot as an SVG file.

render_peers.py REPORT.json [--plot FILE.svg] [--threads T]

One row a network and number of threads, one column an engine: median milliseconds, and in brackets the time over cuhue's
in the same rounds. The plot shows that ratio for one number of threads. Nothing but the report's numbers is used.
"""
import argparse
import json
import pathlib

from render_report import Svg, table

NAMES = {"torch": "PyTorch", "torch-frozen": "TorchScript, frozen,", "torch-compiled": "torch.compile", "onnxruntime": "ONNX Runtime",
         "openvino": "OpenVINO", "ncnn": "ncnn"}
COLOURS = ["#888", "#b98", "#c63", "#36c", "#93a", "#282"]


def name_of(engine):
    kind, _, version = engine.partition(" ")
    return f"{NAMES.get(kind, kind)} {'.'.join(version.split('.')[:2])}".strip()


def merged(report):
    """{(network, size, threads): {engine: entry}}; comparisons of the same thing by other engines stand in one row, each
    engine with the ratio of its own rounds."""
    rows = {}
    for result in report["results"]:
        row = rows.setdefault((result["network"], result["size"], result["threads"]), {})
        for entry in result["engines"]:
            if entry["engine"] != "cuhue" or "cuhue" not in row:
                row[entry["engine"]] = entry
    return rows


def cell(entry):
    if entry is None:
        return ""
    ms = entry["median_ms"]
    text = f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}"
    return text if entry["engine"] == "cuhue" else f"{text} ({entry['ratio_to_cuhue']['median']:.2f})"


def render(report):
    rows = merged(report)
    engines = list(dict.fromkeys(engine for row in rows.values() for engine in row))
    lines = [f"{report['machine']['cpu']}, {report['machine']['cores']} cores, commit {report['commit']}, {report['date'][:10]}; median "
             "milliseconds (time over cuhue's)\n",
             table(["network", "size", "threads"] + [name_of(e) for e in engines],
                   [(*key, *(cell(row.get(e)) for e in engines)) for key, row in rows.items()])]
    skipped = {(r["network"], name_of(label), why) for r in report["results"] for label, why in r.get("skipped", {}).items()}
    if skipped:
        lines.append(table(["network", "engine", "left out because"], [(n, e, w.replace("|", "/")) for n, e, w in sorted(skipped)]))
    return "\n".join(lines)


def plot(report, threads, path):
    """Bars of time over cuhue's, a group for each network."""
    groups = [(network, row) for (network, _, t), row in merged(report).items() if t == threads]
    if not groups:
        return False
    engines = [e for e in dict.fromkeys(e for _, row in groups for e in row) if e != "cuhue"]
    most = max(entry["ratio_to_cuhue"]["median"] for _, row in groups for e, entry in row.items() if e != "cuhue")
    left, width, bar = 130, 560, 13
    height = 60 + sum(10 + bar * (len(row) - 1) for _, row in groups)
    svg, y = Svg(left + width + 70, height), 46
    svg.text(10, 16, f"Time over cuhue's, {threads} thread(s), fp32: {report['machine']['cpu']}, {report['date'][:10]}", size=11)
    for i, engine in enumerate(engines):
        svg.rect(10 + 130 * i, 24, 10, 10, COLOURS[i % len(COLOURS)])
        svg.text(24 + 130 * i, 33, name_of(engine), size=10)
    for network, row in groups:
        svg.text(left - 8, y + bar, network, "end")
        for i, engine in enumerate(engines):
            if engine not in row:
                continue
            ratio = row[engine]["ratio_to_cuhue"]["median"]
            svg.rect(left, y, width * ratio / most, bar - 2, COLOURS[i % len(COLOURS)])
            svg.text(left + width * ratio / most + 4, y + bar - 3, f"{ratio:.2f}", size=10)
            y += bar
        y += 10
    svg.line([(left + width / most, 40), (left + width / most, height - 12)], "#000")
    svg.text(left + width / most, height - 2, "cuhue = 1", "middle", 10)
    svg.write(path)
    return True


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("report", type=pathlib.Path)
    p.add_argument("--plot", type=pathlib.Path, metavar="FILE.svg")
    p.add_argument("--threads", type=int, help="of the plot; default the most there are")
    options = p.parse_args()
    report = json.loads(options.report.read_text(encoding="utf-8"))
    print(render(report))
    if options.plot:
        threads = options.threads or max((r["threads"] for r in report["results"]), default=0)
        if not plot(report, threads, options.plot):
            print(f"(no plot: nothing was measured with {threads} threads)")


if __name__ == "__main__":
    main()
