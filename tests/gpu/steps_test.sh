#!/usr/bin/env bash
# The steps of the GPU scripts: what passes, fails, takes too long or lacks something is reported as such.
# usage: steps_test.sh FOLDER
set -u
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
usage() { :; }
# shellcheck source=../gpu_steps.sh
source "$root/tests/gpu_steps.sh"
# A packed build: a program whose library is only there, and one that the machine has.
pack="$1/steps-pack"
rm -rf "$pack" && mkdir -p "$pack"/{apps,lib}
pack="$(cd "$pack" && pwd)"
cc -shared -fPIC -Wl,-soname,libbrought.so -o "$pack/lib/libbrought.so" -x c - <<<'int brought(void) { return 0; }'
cc -o "$pack/apps/program" -x c - -L"$pack/lib" -lbrought <<<'int brought(void); int main(void) { return brought(); }'
cp "$pack/lib/libbrought.so" "$pack/lib/libc.so.6"
limit=1 report_file=report.json report_title=steps
read_options steps_test steps --build "$pack" --out "$1/steps" --only good,bad,slow,says-no,needs,late,brought,refused,found
gpu_name="" sanitizer="" has_torch=0

step good nothing bash -c 'echo "{\"fact\": \"made up\"}" >>"$CUHUE_GPU_FACTS"'
step bad nothing bash -c 'echo "a \"reason\" with a\\backslash"; exit 3'
step slow nothing sleep 20
grep -qF '"slow", "state": "failed"' "$out/report.json" || { echo "there is no report before the end" && exit 1; }
step says-no nothing bash -c 'echo "nothing to do here"; exit 77'
step needs gpu true
step brought nothing "$pack/apps/program"
gpu_name="made up" sanitizer=true
step refused sanitizer bash -c 'echo "========= Error: Device not supported."; exit 1'
step found sanitizer bash -c 'echo "========= ERROR SUMMARY: 1 error"; exit 1'
step unasked nothing false
budget=0
step late nothing false
if finish_report; then echo "a failed step went unnoticed" && exit 1; fi

[[ "$(ls "$out/lib")" == libbrought.so ]] || { echo "libraries that are used: $(ls "$out/lib")" && exit 1; }
expected="good passed|bad failed|slow failed|says-no skipped|needs skipped|brought passed|refused skipped|found failed|unasked skipped|late skipped"
found=""
for i in "${!step_names[@]}"; do found+="${found:+|}${step_names[i]} ${step_states[i]}"; done
[[ "$found" == "$expected" ]] || { echo "expected $expected, found $found" && exit 1; }
for text in '"exit status 3: a \"reason\" with a\\backslash"' '"not done after 1 s"' '"nothing to do here"' '"no GPU"' \
  '"not asked for"' '"no time left of 0 s; run it with --only late"' '{"fact": "made up"}'; do
  grep -qF -- "$text" "$out/report.json" || { echo "the report lacks $text" && cat "$out/report.json" && exit 1; }
done
