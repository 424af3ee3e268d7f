#!/bin/sh
# Fails when a generated file in workload/ differs from what go generate makes
# now. Only the generated files are compared, so that work in progress beside
# them does not matter; the new ones stay, ready to be committed.
set -eu
cd "$(dirname "$0")/.."

old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT

cp workload/*.json "$old/"
"${GO:-go}" generate ./workload
for file in workload/*.json; do
	cmp -s "$file" "$old/$(basename "$file")" && continue
	echo "$file was not what go generate ./workload makes; it is now: commit it" >&2
	exit 1
done
