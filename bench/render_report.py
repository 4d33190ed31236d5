#!/usr/bin/env python3
"""Renders reports of bench/gpu.sh and tests/gpu.sh: tables as Markdown on stdout, plots as SVG files.

render_report.py REPORT.json... [--plots FOLDER]

Latency by network and engine, the ceilings of the machine, every kernel's share of them, and what the tests found. A
report of a dry run, or of a machine without a GPU, renders as such: no number comes from anywhere but the report.
"""
import argparse
import html
import json
import math
import pathlib


def facts(report, kind, **matching):
    return [f for f in report["facts"] if f.get("fact") == kind and all(f.get(k) == v for k, v in matching.items())]


def table(head, rows):
    if not rows:
        return ""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def others(fact):
    """What a fact says that its row has no column for."""
    return ", ".join(f"{key} {value}" for key, value in fact.items() if key not in ("fact", "network", "precision", "of"))


def milliseconds(fact):
    return f"{fact['median_ms']:.3f} ({fact['p10_ms']:.3f}..{fact['p90_ms']:.3f})"


def title_of(report):
    machine = report["machine"]
    where = f"{machine['gpu']}, driver {machine['driver']}" if machine["gpu"] else "no GPU"
    return f"{report['what']}, {where}, commit {report['commit']}, {report['date'][:10]}"


def render_steps(report):
    rows = [(s["name"], s["state"], s["seconds"], s["note"].replace("\n", " ").replace("|", "/")[:160]) for s in report["steps"]]
    return table(["step", "state", "s", "note"], rows)


def render_ceilings(report):
    units = {"copy": (1e9, "GB/s")}
    rows = []
    for f in facts(report, "ceiling"):
        scale, unit = units.get(f["of"], (1e12, "TFLOP/s"))
        rows.append((f["of"], f"{f['rate'] / scale:.1f} {unit}"))
    return table(["ceiling", "measured"], rows)


def render_networks(report):
    forward = [(f["network"], f["precision"], f["batch"], f["side"], milliseconds(f), f"{f['p99_ms']:.3f}",
                f"{(f['arena_bytes'] + f['weight_bytes']) / 2**20:.0f}", f["graph_nodes"]) for f in facts(report, "forward") if "failed" not in f]
    failed = [(f["network"], f["precision"], f["failed"]) for f in facts(report, "forward") if "failed" in f]
    photos = [(f["network"], f["precision"], f["photo"], milliseconds(f), f"{f['p99_ms']:.3f}") for f in facts(report, "photo")]
    first = [(f["network"], f["device"], f["precision"], f["plans"], f"{f['median_ms']:.0f}", f"{f['least_ms']:.0f}")
             for f in facts(report, "first picture")]
    return "\n".join(part for part in (
        table(["network", "precision", "batch", "side", "device ms (p10..p90)", "p99", "MiB", "graph nodes"], forward),
        table(["network", "precision", "photo", "host to host ms (p10..p90)", "p99"], photos),
        table(["network", "device", "precision", "plans", "process to picture ms", "least"], first),
        table(["network", "precision", "failed"], failed)) if part)


def render_peers(report):
    parts = []
    for what in dict.fromkeys(f["what"] for f in facts(report, "peer") if "what" in f):
        rows = []
        for f in facts(report, "peer", what=what):
            shape = f.get("shape") or f.get("photo")
            if "failed" in f:
                rows.append((f["network"], shape, f["engine"], "failed: " + f["failed"].split("\n")[0][:80], ""))
            else:
                ratio = f.get("ratio_to_cuhue")
                rows.append((f["network"], shape, f["engine"], milliseconds(f), f"{ratio:.2f}" if ratio else ""))
        parts.append(f"**{what}**\n\n" + table(["network", "shape", "engine", "ms (p10..p90)", "time over cuhue's"], rows))
    memory = [(f["network"], f["engine"], f"{f['bytes'] / 2**20:.0f}") for f in facts(report, "memory")]
    agreement = [(f["network"], f["shape"], f["engine"], f"{f['error']:.1e}", f"{f['bound']:.0e}") for f in facts(report, "agreement")]
    return "\n".join(parts + [table(["network", "engine", "MiB"], memory),
                              table(["network", "shape", "engine", "error against PyTorch in fp32", "bound"], agreement)])


def render_kernels(report):
    rows = [(f["name"], f"{f['median_us']:.1f}", f"{f['gb_per_s']:.0f}", f"{f['tflop_per_s']:.1f}", f["bound"],
             f"{100 * f['share_of_ceiling']:.0f} %") for f in facts(report, "kernel") if "failed" not in f]
    failed = [(f["name"], f["failed"]) for f in facts(report, "kernel") if "failed" in f]
    return table(["kernel", "us", "GB/s", "TFLOP/s", "bound by", "of ceiling"], rows) + table(["kernel", "failed"], failed)


def render_tests(report):
    parity = [(f["network"], f["precision"], f["of"], f["side"], f"{f['error']:.2e}", f"{f['bound']:.0e}") for f in facts(report, "parity")]
    steady = [(f["network"], f["photos"], f["launches"], f["allocations"], f["leaked_bytes"], f["graph_nodes"]) for f in facts(report, "steady")]
    repeats = [(f["network"], f["precision"], f["runs"], f["different"]) for f in facts(report, "repeats")]
    systems = [(f["network"], f["precision"], f["of"], others(f)) for f in facts(report, "system")]
    rest = [(d["name"], d["description"]) for f in facts(report, "devices") for d in f["devices"]]
    rest += [(kind, others(f)) for kind in ("out of memory", "poisoned context", "versions") for f in facts(report, kind)]
    return "\n".join(part for part in (
        table(["network", "precision", "what", "side", "worst error", "bound"], parity),
        table(["system", "precision", "what", "found"], systems),
        table(["network", "precision", "repeats", "with other bits"], repeats),
        table(["network", "photos", "launches", "allocations", "leaked bytes", "graph nodes"], steady),
        table(["also", "found"], rest)) if part)


# ---- plots ----------------------------------------------------------------------------------------------------------


class Svg:
    def __init__(self, width, height):
        self.width, self.height, self.parts = width, height, []

    def text(self, x, y, text, anchor="start", size=12):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{html.escape(str(text))}</text>')

    def rect(self, x, y, w, h, color):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{color}"/>')

    def line(self, points, color):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')

    def dot(self, x, y, color, title):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}"><title>{html.escape(title)}</title></circle>')

    def write(self, path):
        path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                        f'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>{"".join(self.parts)}</svg>\n', encoding="utf-8")


def plot_latency(report, path):
    bars = [f for f in facts(report, "peer", what="photo, host to host") if "failed" not in f]
    if not bars:
        return False
    most = max(f["median_ms"] for f in bars)
    svg, y = Svg(760, 40 + 24 * len(bars)), 28
    svg.text(10, 18, f"Photo {bars[0]['photo']}, host bytes to host bytes, median ms: {title_of(report)}", size=11)
    for f in bars:
        ours = f["engine"].startswith("cuhue")
        svg.text(190, y + 15, f"{f['network']}, {f['engine']}", "end")
        svg.rect(200, y + 3, 480 * f["median_ms"] / most, 16, "#2a7" if ours else "#999")
        svg.text(206 + 480 * f["median_ms"] / most, y + 15, f"{f['median_ms']:.2f}")
        y += 24
    svg.write(path)
    return True


def plot_roofline(report, path):
    """Each kernel's arithmetic intensity and rate under the machine's measured ceilings, both axes logarithmic."""
    ceilings = {f["of"]: f["rate"] for f in facts(report, "ceiling")}
    kernels = [f for f in facts(report, "kernel") if "failed" not in f and f["tflop_per_s"] > 0]
    if not kernels or "copy" not in ceilings:
        return False
    width, height, left, bottom = 760, 460, 70, 420
    x_of = lambda intensity: left + (math.log10(intensity) + 1) / 5 * (width - left - 20)  # 0.1 to 10^4 operations a byte
    y_of = lambda rate: bottom - (math.log10(rate) - 10) / 5.5 * (bottom - 40)  # 10^10 to 10^15.5 operations a second
    svg = Svg(width, height)
    svg.text(10, 18, f"Roofline: {title_of(report)}", size=11)
    for unit, color in (("fp32", "#c63"), ("tf32", "#36c"), ("fp16", "#292")):
        if not ceilings.get(unit):
            continue
        knee = ceilings[unit] / ceilings["copy"]
        svg.line([(x_of(0.1), y_of(max(0.1 * ceilings["copy"], 1e10))), (x_of(knee), y_of(ceilings[unit])), (x_of(1e4), y_of(ceilings[unit]))], color)
        svg.text(width - 20, y_of(ceilings[unit]) - 5, f"{unit} {ceilings[unit] / 1e12:.0f} TFLOP/s", "end")
        for f in kernels:
            if f["bound"] == unit or f["name"].split()[-2:-1] == [unit]:
                flops = f["tflop_per_s"] * 1e12
                svg.dot(x_of(flops / (f["gb_per_s"] * 1e9)), y_of(flops), color, f"{f['name']}: {f['tflop_per_s']:.1f} TFLOP/s")
    for decade in range(-1, 5):
        svg.text(x_of(10 ** decade), bottom + 16, f"{10.0 ** decade:g}", "middle", 10)
    for decade in range(10, 16):
        svg.text(left - 6, y_of(10 ** decade) + 4, f"{10.0 ** (decade - 12):g}", "end", 10)
    svg.text(width / 2, bottom + 34, "operations a byte (each tensor moved once)", "middle")
    svg.text(10, 34, "TFLOP/s", size=10)
    svg.write(path)
    return True


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("reports", type=pathlib.Path, nargs="+")
    p.add_argument("--plots", type=pathlib.Path, help="folder for latency.svg and roofline.svg")
    options = p.parse_args()
    for path in options.reports:
        report = json.loads(path.read_text(encoding="utf-8"))
        print(f"### {title_of(report)}{' (dry run: nothing was measured)' if report['dry_run'] else ''}\n")
        parts = (render_steps, render_tests, render_ceilings, render_networks, render_peers, render_kernels)
        print("\n".join(text for text in (part(report) for part in parts) if text.strip()))
        if options.plots:
            options.plots.mkdir(parents=True, exist_ok=True)
            for name, plot in (("latency", plot_latency), ("roofline", plot_roofline)):
                if not plot(report, options.plots / f"{name}.svg"):
                    print(f"(no {name} plot: the report has nothing for it)")


if __name__ == "__main__":
    main()
