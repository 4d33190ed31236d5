"""The report script renders what a report holds, all of it and nothing else. The numbers here are made up."""
import json
import pathlib
import subprocess
import sys
import tempfile

PEERS_SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "bench" / "render_peers.py"
SECTION_SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "bench" / "gpu_section.py"
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "bench" / "render_report.py"
TIMES = {"median_ms": 1.5, "p10_ms": 1.25, "p90_ms": 1.75, "p99_ms": 2.5, "runs": 9}
REPORT = {
    "what": "made up", "date": "2000-01-01T00:00:00Z", "commit": "none", "dry_run": False,
    "machine": {"gpu": "Imaginary 1", "driver": "0", "memory": "", "processor": "", "cores": 1},
    "steps": [{"name": "kernels", "state": "failed", "seconds": 3, "note": "exit status 1: a | b"}],
    "facts": [
        {"fact": "ceiling", "of": "copy", "rate": 2e12}, {"fact": "ceiling", "of": "fp16", "rate": 5e14},
        {"fact": "kernel", "name": "convolution/a fp16 own", "median_us": 7, "gb_per_s": 100, "tflop_per_s": 123.4, "bound": "fp16",
         "share_of_ceiling": 0.25},
        {"fact": "kernel", "name": "pad", "failed": "no memory"},
        {"fact": "parity", "network": "n", "precision": "fp32", "of": "taps", "side": 8, "error": 1.25e-6, "bound": 1e-4},
        {"fact": "steady", "network": "n", "photos": 1000, "launches": 1000, "allocations": 0, "leaked_bytes": 0, "graph_nodes": 27},
        {"fact": "forward", "network": "n", "precision": "fp16", "batch": 8, "side": 256, "arena_bytes": 2**20, "weight_bytes": 2**20,
         "graph_nodes": 25, **TIMES},
        {"fact": "peer", "what": "photo, host to host", "network": "n", "photo": "64x48", "engine": "torch eager fp32",
         "ratio_to_cuhue": 3.25, **TIMES},
        {"fact": "peer", "what": "photo, host to host", "network": "n", "photo": "64x48", "engine": "torch compiled fp16", "failed": "too old"},
        {"fact": "devices", "devices": [{"name": "cuda:0", "description": "Imaginary 1, cuDNN 0.1"}]},
        {"fact": "memory", "network": "n", "engine": "cuhue fp16", "bytes": 3 * 2**20},
        {"fact": "memory", "network": "n", "engine": "torch eager fp32", "bytes": 5 * 2**20},
        {"fact": "agreement", "network": "n", "shape": "1x8x8", "engine": "cuhue fp16", "error": 2.5e-4, "bound": 3e-2},
        {"fact": "system", "network": "whole", "precision": "fp32", "of": "objects", "box_px": 0.015625},
        {"fact": "repeats", "network": "n", "precision": "tf32", "runs": 101, "different": 0},
        {"fact": "peer", "what": "forward, host to host", "network": "n", "shape": "1x8x8", "engine": "cuhue fp16", **TIMES},
        {"fact": "peer", "what": "forward, host to host", "network": "n", "shape": "1x8x8", "engine": "torch graph fp16",
         **{**TIMES, "median_ms": 2.25}},
        {"fact": "forward", "network": "n", "precision": "fp16", "batch": 1, "side": 256, "arena_bytes": 2**20, "weight_bytes": 2**20,
         "graph_nodes": 25, **TIMES},
    ],
}


def engine(name, ms, ratio):
    return {"engine": name, "median_ms": ms, "error": 1e-6, "ratio_to_cuhue": {"median": ratio, "p10": ratio, "p90": ratio}}


PEERS = {
    "date": "2000-01-01T00:00:00Z", "commit": "none", "machine": {"cpu": "Imaginary 2", "cores": 2},
    "results": [
        {"network": "n", "size": "8x8", "threads": 1, "batch": 1, "skipped": {"ncnn 1.0": "no | such layer"},
         "engines": [engine("cuhue", 10, 1), engine("torch 1.13.0", 125.25, 12.5)]},
        {"network": "n", "size": "8x8", "threads": 1, "batch": 1, "skipped": {},
         "engines": [engine("cuhue", 20, 1), engine("openvino 2026.4.1", 15, 0.75)]},
    ],
}


def render_peers(folder):
    path, plot = folder / "peers.json", folder / "peers.svg"
    path.write_text(json.dumps(PEERS), encoding="utf-8")
    text = subprocess.run([sys.executable, str(PEERS_SCRIPT), str(path), "--plot", str(plot)], check=True, capture_output=True, text=True).stdout
    for expected in ("Imaginary 2", "| n | 8x8 | 1 | 10.0 | 125 (12.50) | 15.0 (0.75) |", "PyTorch 1.13", "OpenVINO 2026.4",
                     "no / such layer"):
        assert expected in text, f"'{expected}' is missing in\n{text}"
    assert "12.50" in plot.read_text(encoding="utf-8")


def render(report, folder):
    path = folder / "report.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    run = subprocess.run([sys.executable, str(SCRIPT), str(path), "--plots", str(folder)], check=True, capture_output=True, text=True)
    return run.stdout


def gpu_section(folder):
    """The README's section on GPUs: one sentence, or what the reports say; the newest counts, dry runs do not."""
    results, readme = folder / "results", folder / "README.md"
    results.mkdir()
    readme.write_text("before\n<!-- gpu: made by bench/gpu_section.py -->\n<!-- /gpu -->\nafter\n", encoding="utf-8")

    def run(command, code=0):
        found = subprocess.run([sys.executable, str(SECTION_SCRIPT), command, "--results", str(results), "--readme", str(readme)],
                               check=False, capture_output=True, text=True)
        assert found.returncode == code, f"{command}: {found}"
        return readme.read_text(encoding="utf-8")

    for number, report in enumerate(({**REPORT, "dry_run": True}, {**REPORT, "machine": {**REPORT["machine"], "gpu": ""}})):
        (results / f"gpu_bench_{number}.json").write_text(json.dumps(report), encoding="utf-8")
    assert "No figure of a GPU" in run("insert") and "before" in run("check") and "Imaginary 1" not in run("check")
    old = {**REPORT, "date": "1999-01-01T00:00:00Z", "facts": []}
    for name, report in (("bench_new", REPORT), ("bench_old", old), ("tests_new", REPORT)):
        (results / f"gpu_{name}.json").write_text(json.dumps(report), encoding="utf-8")
    run("check", 1)
    text = run("insert")
    for expected in ("before\n", "after\n", "**Imaginary 1**", "(bench/results/gpu_bench_new.json)", "1 failed (kernels)", "fp32 1.3e-06",
                     "copy 2000 GB/s", "| n | fp16 | 256 | 1.500 | 2.500 |", "1.500; 2.250 (torch graph fp16, 1.50)", "| 3; 5 |",
                     "gpu_bench_new_latency.svg"):
        assert expected in text, f"'{expected}' is missing in\n{text}"
    assert "No figure" not in text and (results / "gpu_bench_new_latency.svg").exists()
    run("check")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = render(REPORT, folder)
        for expected in ("Imaginary 1", "a / b", "2000.0 GB/s", "500.0 TFLOP/s", "123.4", "25 %", "no memory", "1.25e-06", "1000", "27",
                         "1.500 (1.250..1.750)", "3.25", "failed: too old", "| n | cuhue fp16 | 3 |", "box_px 0.015625", "| cuda:0 | Imaginary 1, cuDNN 0.1 |",
                         "| n | tf32 | 101 | 0 |", "| n | 1x8x8 | cuhue fp16 | 2.5e-04 | 3e-02 |"):
            assert expected in text, f"'{expected}' is missing in\n{text}"
        assert "torch eager fp32" in (folder / "latency.svg").read_text(encoding="utf-8")
        assert "convolution/a fp16 own" in (folder / "roofline.svg").read_text(encoding="utf-8")
        render_peers(folder)
        gpu_section(folder)
        dry = render({**REPORT, "dry_run": True, "facts": []}, folder)
        assert "dry run: nothing was measured" in dry and "TFLOP/s" not in dry
    print("rendered")


if __name__ == "__main__":
    main()
