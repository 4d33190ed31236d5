# The steps of tests/gpu.sh and bench/gpu.sh: each runs under a time limit, leaves a log, and never stops the ones
# after it. Sourced; the caller sets `root`.
# shellcheck shell=bash disable=SC2154

step_names=() step_states=() step_seconds=() step_notes=()

# has WHAT: is there what a step needs? The answer is also left in `missing`.
has() {
  missing=""
  case "$1" in
    nothing) ;;
    gpu) [[ -n "$gpu_name" ]] || missing="no GPU" ;;
    sanitizer)
      if [[ -z "$gpu_name" ]]; then missing="no GPU"; elif [[ -z "$sanitizer" ]]; then missing="no compute-sanitizer"; fi
      ;;
    torch)
      if [[ -z "$gpu_name" ]]; then missing="no GPU"; elif [[ "$has_torch" != 1 ]]; then missing="no PyTorch with CUDA"; fi
      ;;
    *) echo "unknown requirement '$1'" >&2 && exit 70 ;;
  esac
  [[ -z "$missing" ]]
}

# A packed build brings the libraries it was linked with (bench/gpu_pack.sh). Those that this machine lacks are used, or has
# too old; not the others, which Python and its packages would get as well.
bring_libraries() {
  local used="$out/lib" lacking name
  rm -rf "$used" && mkdir -p "$used"
  export LD_LIBRARY_PATH="$used${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  for _ in 1 2 3 4 5; do  # what is brought may lack others
    lacking="$(find "$build" -type f -perm -u+x -not -path "$build/lib/*" -exec ldd {} \; 2>&1 |
      sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p; s/^.*\/\([^/: ]*\): version .* not found.*/\1/p' | sort -u)"
    [[ -n "$lacking" ]] || break
    for name in $lacking; do [[ ! -e "$build/lib/$name" ]] || ln -sf "$build/lib/$name" "$used/$name"; done
  done
}

find_machine() {
  gpu_name="" gpu_driver="" gpu_memory="" has_torch=0
  # Read once: a step must not find another machine than the one before it.
  IFS=, read -r gpu_name gpu_driver gpu_memory < <(nvidia-smi --query-gpu=name,driver_version,memory.total \
    --format=csv,noheader 2>/dev/null | head -n 1) || true
  gpu_driver="${gpu_driver# }" gpu_memory="${gpu_memory# }"
  [[ ! -d "$build/lib" ]] || bring_libraries
  sanitizer="$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)"
  # PyTorch's wheels bring cuDNN and cuBLAS: used where the system has none.
  local site
  site="$(python3 -c 'import nvidia, os; print(list(nvidia.__path__)[0])' 2>/dev/null || true)"
  if [[ -n "$site" ]]; then
    local folder
    for folder in "$site"/*/lib; do LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"; done
    export LD_LIBRARY_PATH
  fi
  if [[ -n "$gpu_name" ]] && python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    has_torch=1
  fi
}

# read_options SCRIPT DEFAULT_OUT ARGUMENT...: sets build, out, limit, budget, only, dry and `rest` (what it does not know), makes the
# folder, finds the machine. The caller defines usage(), report_file (in the folder) and report_title.
read_options() {
  local script="$1"
  build="$root/build/cuda" out="$root/out/$2" only="" dry=0 rest=()
  limit="${limit:-240}" budget="${budget:-900}"
  shift 2
  while (($#)); do
    case "$1" in
      --build | --out | --limit | --budget | --only)
        (($# > 1)) || { echo "$script: $1 needs a value" >&2 && exit 2; }
        printf -v "${1#--}" '%s' "$2"
        shift
        ;;
      --dry-run) dry=1 ;;
      -h | --help) usage && exit 0 ;;
      *) rest+=("$1") ;;
    esac
    shift
  done
  [[ -d "$build" ]] || {
    echo "$script: there is no folder '$build'; build first (cmake --preset cuda && cmake --build --preset cuda) or name --build" >&2
    exit 2
  }
  build="$(cd "$build" && pwd)"
  mkdir -p "$out/logs" && out="$(cd "$out" && pwd)"
  find_machine
  report_file="$out/$report_file"
  export CUHUE_GPU_FACTS="$out/facts.jsonl"
  : >"$CUHUE_GPU_FACTS"
}

# json TEXT: TEXT as a JSON string.
json() {
  local text="$1"
  text="${text//\\/\\\\}" text="${text//\"/\\\"}" text="${text//$'\n'/\\n}" text="${text//$'\t'/\\t}"
  printf '"%s"' "$(tr -d '\000-\037' <<<"$text")"
}

# step NAME NEEDS COMMAND...
step() {
  local name="$1" needs="$2" state note="" start=$SECONDS status=0
  shift 2
  local log="$out/logs/$name.log"
  if [[ -n "$only" && ",$only," != *",$name,"* ]]; then
    state=skipped note="not asked for"
  elif ((dry)); then
    state=skipped note="dry run"
    printf '%q ' "$@" >"$log"
  elif ! has "$needs"; then
    state=skipped note="$missing"
  elif ((budget - SECONDS < 10)); then
    state=skipped note="no time left of $budget s; run it with --only $name"
  else
    local allowed=$((budget - SECONDS < limit ? budget - SECONDS : limit))
    timeout --kill-after=10 "$allowed" "$@" >"$log" 2>&1 || status=$?
    case "$status" in
      0) state=passed ;;
      77) state=skipped note="$(tail -n 1 "$log")" ;;  # the program's own word for it
      124 | 137) state=failed note="not done after $allowed s" ;;
      *)
        if [[ "$needs" == sanitizer ]] && grep -qF "Device not supported" "$log"; then
          state=skipped note="compute-sanitizer does not support the device on this machine"
        else
          state=failed note="exit status $status: $(grep -v '^ *$' "$log" | tail -n 3 | cut -c 1-300 | iconv -c -t UTF-8)"
        fi
        ;;
    esac
  fi
  step_names+=("$name") step_states+=("$state") step_seconds+=($((SECONDS - start))) step_notes+=("$note")
  printf '%-24s %-8s %4d s  %s\n' "$name" "$state" $((SECONDS - start)) "${note//$'\n'/ | }"
  write_report
}

# step_devices PROGRAM: what the program finds, with the versions of driver and libraries, for the report.
step_devices() {
  step devices gpu "$1" devices --json "$out/devices.json"
  [[ "${step_states[-1]}" != passed ]] || printf '{"fact": "devices", "devices": %s}\n' "$(tr '\n' ' ' <"$out/devices.json")" >>"$CUHUE_GPU_FACTS"
}

# write_report: $report_title and all steps so far to $report_file, one JSON object, with the JSON values, one a line, that
# programs left in $CUHUE_GPU_FACTS. After every step: who is stopped in the middle keeps what was found.
write_report() {
  local file="$report_file" title="$report_title" facts="$CUHUE_GPU_FACTS" i commit
  commit="$(git -C "$root" describe --always --dirty --abbrev=12 2>/dev/null || cat "$build/commit.txt" 2>/dev/null || echo unknown)"
  {
    printf '{\n "what": %s,\n "date": "%s",\n "commit": %s,\n' "$(json "$title")" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(json "$commit")"
    printf ' "machine": {"gpu": %s, "driver": %s, "memory": %s, "processor": %s, "cores": %s},\n' "$(json "$gpu_name")" \
      "$(json "$gpu_driver")" "$(json "$gpu_memory")" "$(json "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)")" "$(nproc)"
    printf ' "dry_run": %s,\n "steps": [' "$([[ $dry == 1 ]] && echo true || echo false)"
    for i in "${!step_names[@]}"; do
      ((i == 0)) || printf ','
      printf '\n  {"name": %s, "state": "%s", "seconds": %d, "note": %s}' "$(json "${step_names[i]}")" "${step_states[i]}" \
        "${step_seconds[i]}" "$(json "${step_notes[i]}")"
    done
    printf '\n ],\n "facts": ['
    [[ ! -s "$facts" ]] || sed 's/^/\n  /; $!s/$/,/' "$facts" | sed 's/^n  /  /'
    printf '\n ]\n}\n'
  } >"$file"
}

# finish_report: the result is 1 when a step failed.
finish_report() {
  local failed=0 i
  write_report
  for i in "${!step_states[@]}"; do [[ "${step_states[i]}" != failed ]] || failed=1; done
  printf '%s: %s\n' "$( ((failed)) && echo FAILED || echo 'nothing failed')" "$report_file"
  return $failed
}
