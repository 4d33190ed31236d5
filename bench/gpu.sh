#!/usr/bin/env bash
# Everything that a GPU's speed is claimed by, unattended. See usage below.
set -uo pipefail

usage() {
  cat <<'TEXT'
bench/gpu.sh [OPTION]...   measures cuhue on a GPU, beside PyTorch where it is installed; exit status 0 when nothing failed

  --build DIR   the build folder, made with CUDA (default build/cuda); it may have been built on another machine
  --out DIR     where gpu_bench.json and logs/ are left (default out/gpu-bench)
  --limit S     seconds that one step may take (default 300)
  --quick       fewer rounds and shapes of the comparison with PyTorch
  --only A,B    these steps, by the names of the table; the others are reported as skipped
  --dry-run     every step is reached and reported as skipped
  -h, --help    this text

Goes on after a failure. What needs a GPU or PyTorch is reported as skipped where that is missing. How to read the
report: bench/README.md.
TEXT
}

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=../tests/gpu_steps.sh
source "$root/tests/gpu_steps.sh"
limit=300 quick=0
read_options bench/gpu.sh gpu-bench "$@"
for option in "${rest[@]}"; do
  [[ "$option" == --quick ]] || { echo "bench/gpu.sh: unknown option '$option'; see bench/gpu.sh --help" >&2 && exit 2; }
  quick=1
done

program="$build/apps/cuhue"
bench="$build/bench/cuhue_bench_gpu"

peers=("$root/bench/peers_gpu.py" --library "$build/runtime/libcuhue.so")
((!quick)) || peers+=(--rounds 3 --shapes 1x256x256,8x256x256 --variants "eager fp32,eager fp16,graph fp16,compiled fp16")

step devices gpu "$program" devices --json -
step ceilings gpu "$bench" ceilings
step first-picture-lite torch python3 "$root/bench/first_picture.py" "$program" lite
step first-picture-eccv16 torch python3 "$root/bench/first_picture.py" "$program" eccv16
step networks gpu "$bench" networks
step peers-lite torch python3 "${peers[@]}" --networks lite
step peers-eccv16 torch python3 "${peers[@]}" --networks eccv16
step kernels gpu "$bench" kernels

finish_report "$out/gpu_bench.json" "benchmarks on a GPU" "$CUHUE_GPU_FACTS"
