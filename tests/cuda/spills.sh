#!/usr/bin/env bash
# What ptxas says of every kernel, per architecture: no register spills, no stack frame that is not listed below, and
# no file that takes long to compile. The device part of each .cu file is compiled once more, as in the build.
#   spills.sh BUILD ARCHITECTURES FILE.cu...      ARCHITECTURES: as CMAKE_CUDA_ARCHITECTURES, "87-real;90-real"
set -euo pipefail

most_seconds=60  # of processor time, one file for one architecture

# Kernels that may keep something in local memory: parts of their mangled names, with the reason beside each.
stack_allowed=(
)

build="$1" architectures="$2"
shift 2
export build most_seconds

# The build's own command for a file, without the compiler cache, the architectures and the output.
command_of() {
  sed -n "s|^ *\"command\": \"\(.*nvcc .*\) -x cu .*-c $1 -o .*\",\$|\1|p" "$build/compile_commands.json" | head -n 1 |
    sed -E 's|^[^ ]*ccache ||; s/\\"//g; s| --generate-code=[^ ]+||g'
}

# check FILE ARCHITECTURE: the report, "FILE ARCHITECTURE SECONDS" at its end.
check() {
  local file="$1" arch="$2" command start
  command="$(command_of "$file")"
  [[ -n "$command" ]] || { echo "error: $file is not in $build/compile_commands.json" && return; }
  local -a words
  read -ra words <<<"$command"
  local TIMEFORMAT='seconds %U %S'
  { time "${words[@]}" "-gencode=arch=compute_$arch,code=sm_$arch" -x cu -cubin -Xptxas=-v -o /dev/null "$file" ||
    echo "error: $file does not compile for sm_$arch"; } 2>&1 | sed "s|^|$(basename "$file") sm_$arch |"
}
export -f check command_of

numbers=()
IFS=';,' read -ra entries <<<"$architectures"
for entry in "${entries[@]}"; do numbers+=("${entry%-*}"); done

report="$(for file in "$@"; do for number in "${numbers[@]}"; do printf '%s %s\n' "$file" "$number"; done; done |
  xargs -P "$(nproc)" -L 1 bash -c 'check "$@"' check)"

awk -v allowed="${stack_allowed[*]}" -v most="$most_seconds" '
  function bad(text) { print text; failed = 1 }
  BEGIN { count = split(allowed, names, " ") }
  $3 == "error:" || $1 == "error:" { bad($0) }
  /Compiling entry function/ { split($0, quoted, "\047"); kernel[$1 $2] = quoted[2] }
  /bytes stack frame/ {
    ++kernels
    where = $1 " " $2 ": " kernel[$1 $2]
    if ($7 + $11 > 0) bad(where " spills registers: " $7 " bytes stored, " $11 " loaded")
    listed = 0
    for (i = 1; i <= count; ++i) if (index(kernel[$1 $2], names[i])) listed = 1
    if ($3 > 0 && $7 + $11 == 0 && !listed) bad(where " has a stack frame of " $3 " bytes")
  }
  $3 == "seconds" {
    ++files
    spent = $4 + $5
    if (spent > most) bad($1 " takes " spent " s to compile for " $2 ", more than " most)
    if (spent > slowest) { slowest = spent; which = $1 " " $2 }
  }
  END {
    printf "%d kernels in %d compilations; the slowest: %s, %.1f s\n", kernels, files, which, slowest
    if (kernels < files) bad("too few kernels: the report of ptxas was not understood")
    exit failed
  }' <<<"$report"
