#!/bin/sh
# check_safetensors.sh PROGRAM: PROGRAM writes a weight file, the Python package safetensors reads it back.
# Exit status 77 (skipped) when no Python with that package is found.
for python in python3 /usr/bin/python3; do
  if "$python" -c 'import safetensors, numpy' 2>/dev/null; then
    folder=$(mktemp -d) || exit 1
    trap 'rm -rf "$folder"' EXIT
    "$1" "$folder/sample.safetensors" || exit 1
    "$python" "$(dirname "$0")/check_safetensors.py" "$folder/sample.safetensors"
    exit $?
  fi
done
echo "skipped: no Python with the packages safetensors and numpy"
exit 77
