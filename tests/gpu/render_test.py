"""The report script renders what a report holds, all of it and nothing else. The numbers here are made up."""
import json
import pathlib
import subprocess
import sys
import tempfile

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
        {"fact": "memory", "network": "n", "engine": "cuhue fp16", "bytes": 3 * 2**20},
    ],
}


def render(report, folder):
    path = folder / "report.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    run = subprocess.run([sys.executable, str(SCRIPT), str(path), "--plots", str(folder)], check=True, capture_output=True, text=True)
    return run.stdout


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        text = render(REPORT, folder)
        for expected in ("Imaginary 1", "a / b", "2000.0 GB/s", "500.0 TFLOP/s", "123.4", "25 %", "no memory", "1.25e-06", "1000", "27",
                         "1.500 (1.250..1.750)", "3.25", "failed: too old", "| n | cuhue fp16 | 3 |"):
            assert expected in text, f"'{expected}' is missing in\n{text}"
        assert "torch eager fp32" in (folder / "latency.svg").read_text(encoding="utf-8")
        assert "convolution/a fp16 own" in (folder / "roofline.svg").read_text(encoding="utf-8")
        dry = render({**REPORT, "dry_run": True, "facts": []}, folder)
        assert "dry run: nothing was measured" in dry and "TFLOP/s" not in dry
    print("rendered")


if __name__ == "__main__":
    main()
