#!/bin/bash
# part.sh NAME: runs one part of CI, keeps its log and notes its time. part.sh --times: the table.
set -euo pipefail
# shellcheck source=parts.sh
source "$(dirname "$0")/parts.sh"

if [[ $1 == --times ]]; then
  [[ -f $RAMIE_CI_DIR/times ]] || exit 0
  awk '{ printf "%-16s %4d:%02d  %s\n", $1, $2 / 60, $2 % 60, $3; all += $2 }
       END { printf "%-16s %4d:%02d\n", "in all", all / 60, all % 60 }' "$RAMIE_CI_DIR/times"
  exit 0
fi

name=$1
start=$SECONDS
finish() {
  local -r outcome=$([[ $1 == 0 ]] && echo passed || echo FAILED)
  echo "$name $((SECONDS - start)) $outcome" >>"$RAMIE_CI_DIR/times"
  echo "$name: $outcome in $((SECONDS - start)) s; log: $RAMIE_CI_DIR/$name.log"
}
trap 'finish $?' EXIT
exec > >(tee "$RAMIE_CI_DIR/$name.log") 2>&1
echo "part $name"
"part_${name//-/_}"
