#!/usr/bin/env bash
# The steps of the GPU scripts: what passes, fails, takes too long or lacks something is reported as such.
# usage: steps_test.sh FOLDER
set -u
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
usage() { :; }
# shellcheck source=../gpu_steps.sh
source "$root/tests/gpu_steps.sh"
limit=1
read_options steps_test steps --build "$1" --out "$1/steps" --only good,bad,slow,says-no,needs,late
gpu_name="" sanitizer="" has_torch=0

step good nothing bash -c 'echo "{\"fact\": \"made up\"}" >>"$CUHUE_GPU_FACTS"'
step bad nothing bash -c 'echo "a \"reason\" with a\\backslash"; exit 3'
step slow nothing sleep 20
step says-no nothing bash -c 'echo "nothing to do here"; exit 77'
step needs gpu true
step unasked nothing false
budget=0
step late nothing false
if finish_report "$out/report.json" "steps" "$CUHUE_GPU_FACTS"; then echo "a failed step went unnoticed" && exit 1; fi

expected="good passed|bad failed|slow failed|says-no skipped|needs skipped|unasked skipped|late skipped"
found=""
for i in "${!step_names[@]}"; do found+="${found:+|}${step_names[i]} ${step_states[i]}"; done
[[ "$found" == "$expected" ]] || { echo "expected $expected, found $found" && exit 1; }
for text in '"exit status 3: a \"reason\" with a\\backslash"' '"not done after 1 s"' '"nothing to do here"' '"no GPU"' \
  '"not asked for"' '"no time left of 0 s; run it with --only late"' '{"fact": "made up"}'; do
  grep -qF -- "$text" "$out/report.json" || { echo "the report lacks $text" && cat "$out/report.json" && exit 1; }
done
