#!/bin/bash
# Installs what is missing on Debian 12 and checks everything that a change must pass.
#   tests/run.sh                   all parts; ends in a table of times and CTest's summary over the parts
#   tests/run.sh --list            names the parts
#   tests/run.sh --part NAME       runs only this part; may be given several times
# Each part keeps its build and its log in build-ci/ (elsewhere: RAMIE_CI_DIR=folder).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export RAMIE_CI_DIR=${RAMIE_CI_DIR:-$root/build-ci}
# shellcheck source=ci/parts.sh
source "$root/tests/ci/parts.sh"

chosen=()
while (($#)); do
  case $1 in
    --list)
      printf '%s\n' "${ramie_parts[@]}"
      exit 0
      ;;
    --part)
      shift
      [[ " ${ramie_parts[*]} " == *" ${1-} "* ]] || { echo "no such part: ${1-}" >&2; exit 2; }
      chosen+=("$1")
      ;;
    *)
      sed -n '2,6s/^# //p' "$0" >&2
      exit 2
      ;;
  esac
  shift
done

"$root/tests/support/setup.sh" build test bench serve
mkdir -p "$RAMIE_CI_DIR"
RAMIE_NGINX=$("$root/tests/support/nginx.sh" "$RAMIE_CI_DIR/nginx")
export RAMIE_NGINX
rm -f "$RAMIE_CI_DIR/times"
((${#chosen[@]})) || chosen=("${ramie_parts[@]}")
cmake -S "$root/tests/ci" -B "$RAMIE_CI_DIR/parts" "-DPARTS=${chosen[*]}" >/dev/null
noise='^(Internal ctest|UpdateCTestConf|Constructing a|Done constructing|Updating test list|Added 0 tests'
noise+='|Checking test dep|test [0-9]+$)|^[0-9]+: (Working Directory|Test timeout|Test command)'
ctest --test-dir "$RAMIE_CI_DIR/parts" --verbose 2>&1 | grep --line-buffered -vE "$noise"
