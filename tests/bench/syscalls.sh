#!/bin/bash
# Shows the system calls that the fiber server makes for one keep-alive request: counts them with
# strace -c while wrk drives 64 connections. One read, one write and a share of one epoll_wait each.
#   tests/bench/syscalls.sh [folder of the servers; default build/examples/http_server]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
servers=${1:-$root/build/examples/http_server}
[[ -x $servers/http_fiber_server ]] || { echo "run examples/run.sh first, which builds it" >&2; exit 1; }
"$root/tests/support/setup.sh" serve trace

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
strace -f -c -o "$folder/calls" "$servers/http_fiber_server" --port 0 --workers 1 >"$folder/out" &
tracer=$!
until grep -q 'listening on' "$folder/out"; do sleep 0.1; done
port=$(grep -oE '[0-9]+$' "$folder/out")
wrk -t1 -c64 -d3s "http://127.0.0.1:$port/" >"$folder/wrk"
pkill -TERM -P "$tracer"
wait "$tracer"

requests=$(awk '/requests in/ { print $1 }' "$folder/wrk")
echo "$requests requests; calls per request, the rarest left out:"
awk -v requests="$requests" '$4 ~ /^[0-9]+$/ && $NF != "total" && $4 / requests >= 0.001 {
  printf "  %-14s %8.4f\n", $NF, $4 / requests }' "$folder/calls" | sort -k2,2nr
