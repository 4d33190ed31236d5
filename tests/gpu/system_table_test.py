"""The table of systems holds what tests and benchmarks printed and nothing else, and README.md holds that table. The numbers here
are made up."""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "bench" / "system_table.py"
LOG = """
test 11
11: ../../tests/networks/parity_test.cpp:139: MESSAGE: lite_64x96_1.json: 22 taps, worst error 2.5e-06, of the outputs 1.5e-06
11: ../../tests/networks/parity_test.cpp:171: MESSAGE: lite_256x256_1.json: worst error of all outputs 7.5e-06, of the picture alone 1e-06
11: ../../tests/networks/parity_test.cpp:181: MESSAGE: segnet_352x352_1.json: worst error 4e-06
11: [doctest] test cases: 12 | 12 passed | 0 failed | 0 skipped
12: ../../tests/cuda/network_test.cpp:55: MESSAGE: lite 64x96: relative difference 3e-07
12: ../../tests/cuda/lowering_numbers_test.cpp:296: MESSAGE: scgan precision 0: 2e-07
12: ../../tests/cuda/lowering_numbers_test.cpp:296: MESSAGE: scgan precision 2: 2e-03
13: ../../tests/converter/test_convert.cpp:1: MESSAGE: converts lite: 77 tensors
13: anywhere: MESSAGE: fact: parity mask-rcnn 3.5e-06
14: anywhere: MESSAGE: fact: lowered lite 18
14: anywhere: MESSAGE: fact: lowered eccv16 25
 3/40 Test  #3: converter ....................   Passed   15.49 sec
 4/40 Test  #4: api_gpu ......................***Skipped   0.01 sec
"""
PEERS = {"date": "2001-01-01", "results": [
    {"network": "lite", "threads": 1, "engines": [{"engine": "torch 1", "ratio_to_cuhue": {"median": 4.0}}]},
    {"network": "lite", "threads": 2, "engines": [{"engine": "torch 1", "ratio_to_cuhue": {"median": 2.0}},
                                                  {"engine": "torch 2", "ratio_to_cuhue": {"median": 1.6}},
                                                  {"engine": "openvino", "ratio_to_cuhue": {"median": 1.0}}]}]}
GPU = {"date": "2001-01-01T00:00:00Z", "dry_run": False, "machine": {"gpu": "Imaginary 1"},
       "facts": [{"fact": "parity", "network": "lite", "precision": "fp32", "error": 1e-6}]}
README = "# Title\n\n<!-- systems: made by bench/system_table.py -->\n<!-- /systems -->\n\nText.\n"


def run(*arguments, status=0):
    done = subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == status, f"{arguments}: exit status {done.returncode}: {done.stderr}"
    return done.stdout + done.stderr


def fat(*entries):
    """A fat binary of (kind, architecture)."""
    body = b"".join(struct.pack("<HHIQIIHHI", kind, 0x101, 64, 16, 0, 0, 0, 0, number).ljust(64 + 16, b"\x01") for kind, number in entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def library(code):
    """A 64-bit ELF file with `code` in .nv_fatbin, and a section of names."""
    names = b"\0.names\0.nv_fatbin\0"
    sections = [(0, b""), (1, names), (8, code)]
    at, data, headers = 64, b"", b""
    for name, content in sections:
        headers += struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, at + len(data), len(content), 0, 0, 8, 0)
        data += content
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    return struct.pack("<16sHHIQQQIHHHHHH", ident, 3, 62, 1, 0, 0, 64 + len(data), 0, 64, 0, 0, 64, len(sections), 1) + data + headers


def architectures():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        build, facts = folder / "build", folder / "facts.json"
        build.mkdir()

        def collected(status=0):
            return run("collect", "--cuda", build, "--facts", facts, status=status)

        assert "there is no libcuhue.so" in collected(1)
        so = build / "libcuhue.so.0"
        good = fat((2, 87), (2, 90), (1, 90)) + bytes(16) + fat((2, 90), (2, 87))
        so.write_bytes(library(good))
        collected()
        fact = json.loads(facts.read_text(encoding="utf-8"))["facts"]
        assert fact == [{"fact": "cuda", "architectures": ["sm_87", "sm_90"], "kernel_files": 2}], fact
        so.write_bytes(library(good + fat((2, 87))))  # a kernel that is there for one of them only
        collected()
        assert '["sm_87"]' in facts.read_text(encoding="utf-8")
        for bad, says in ((b"", "no code for GPUs"), (fat((2, 87))[:-8], "elsewhere"), (fat((7, 87)), "unknown form"),
                          (good + b"stray   ", "no fat binary"), (fat((2, 1)), "unknown form")):
            so.write_bytes(library(bad))
            assert says in collected(1), (bad, says)
        so.write_bytes(b"not a library")
        assert "no 64-bit ELF" in collected(1)
        so.write_bytes(library(good)[:80])
        assert "cannot be read" in collected(1)


def made_up():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        results, log, readme = folder / "results", folder / "log", folder / "README.md"
        results.mkdir()
        log.write_text(LOG, encoding="utf-8")
        readme.write_text(README, encoding="utf-8")
        (results / "peers.json").write_text(json.dumps(PEERS), encoding="utf-8")
        (results / "gpu.json").write_text(json.dumps(GPU), encoding="utf-8")
        places = ("--results", results, "--readme", readme)
        run("collect", "--log", log, *places)
        rows = {line.split("`")[1]: [c.strip() for c in line.split("|")[1:-1]]
                for line in run("print", *places).splitlines() if line.startswith("| `")}
        lite = rows["lite"]
        assert lite[2:9] == ["yes", "yes", "–", "Imaginary 1", "7.5e-6", "0.62", "–"], lite
        assert rows["semantic"][3:8] == ["–", "–", "–", "–", "–"], rows["semantic"]  # one of its networks is missing
        assert rows["patch"][6] == "–" and len(rows) == 8, rows
        # What one call measured stays when another measures something else.
        facts = json.loads((results / "systems.json").read_text(encoding="utf-8"))
        facts["facts"] += [{"fact": "cuda", "architectures": ["sm_87"]}, {"fact": "memory", "network": "lite", "value": 2**20 * 30}]
        (results / "systems.json").write_text(json.dumps(facts), encoding="utf-8")
        run("collect", "--log", log, *places)
        text = run("print", *places)
        assert "sm_87" in text and "30 MiB" in text, text
        compiled = {line.split("`")[1]: line.split("|")[5].strip() for line in text.splitlines() if line.startswith("| `")}
        assert {system for system, cell in compiled.items() if cell == "sm_87"} == {"lite", "eccv16"}, compiled

        assert "is stale" in run("check", *places, status=1)
        run("insert", *places)
        run("check", "--values", *places)
        inserted = readme.read_text(encoding="utf-8")
        assert inserted.startswith("# Title\n") and inserted.endswith("\nText.\n") and text in inserted, inserted
        run("insert", *places)
        assert readme.read_text(encoding="utf-8") == inserted
        readme.write_text(inserted.replace("7.5e-6", "1.0e-6"), encoding="utf-8")  # typed by hand
        run("check", *places)
        run("check", "--values", *places, status=1)
        readme.write_text(inserted.replace("| CPU |", "| processor |"), encoding="utf-8")
        run("check", *places, status=1)
        readme.write_text(inserted.replace("`scgan`", "`other`"), encoding="utf-8")
        run("check", *places, status=1)
        readme.write_text("# Title\n", encoding="utf-8")
        assert "has no place for the table" in run("check", *places, status=1)

        log.write_text(LOG + " 5/40 Test  #5: networks ....***Failed   1.0 sec\n", encoding="utf-8")
        assert "networks" in run("collect", "--log", log, *places, status=1)


if __name__ == "__main__":
    architectures()
    made_up()
    run("check")
    print("the table of systems is what was measured")
