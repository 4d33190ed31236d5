"""The table of systems holds what tests and benchmarks printed and nothing else, and README.md holds that table. The numbers here
are made up."""
import json
import pathlib
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
    made_up()
    run("check")
    print("the table of systems is what was measured")
