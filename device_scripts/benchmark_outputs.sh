#!/bin/sh
# The outputs of many inputs from a tool that takes one input a process.
#
# Usage: sh benchmark_outputs.sh INPUTS ITEM_BYTES COUNT VALUES_PREFIX COMMAND [ARGUMENT...]
#
# INPUTS holds COUNT inputs of ITEM_BYTES each, one after another. For each, COMMAND is run with two more arguments:
# VALUES_PREFIX followed by the path of a file with that input, and --output_filepath=PATH. Prints one line:
#
#   outputs PATH            PATH holds all outputs, one after another
#   failed INDEX STATUS     COMMAND ended with STATUS for the input INDEX (from 0), or with 0 and without outputs
#
# Standard error has what COMMAND printed for the first input and for the failed one.

set -u
inputs=$1 item_bytes=$2 count=$3 values_prefix=$4
shift 4

# Beside the inputs: whoever made that folder removes it, also when this is killed.
folder=${inputs%/*}/one
result=${inputs%/*}/outputs.bin
mkdir "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'rm -rf "$folder" "$result"; exit 1' HUP INT TERM
: >"$result" || exit 1

index=0
while [ "$index" -lt "$count" ]; do
    rm -f "$folder/out"
    dd if="$inputs" of="$folder/in" bs="$item_bytes" skip="$index" count=1 2>/dev/null
    "$@" "$values_prefix$folder/in" "--output_filepath=$folder/out" >"$folder/log" 2>&1 </dev/null
    status=$?
    if [ "$index" -eq 0 ] || [ "$status" -ne 0 ]; then
        cat "$folder/log" >&2
    fi
    if [ "$status" -ne 0 ] || [ ! -s "$folder/out" ]; then
        rm -f "$result"
        echo "failed $index $status"
        exit 0
    fi
    if ! cat "$folder/out" >>"$result"; then
        rm -f "$result"
        exit 1
    fi
    index=$((index + 1))
done
echo "outputs $result"
