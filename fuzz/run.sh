#!/usr/bin/env bash
# Every parser under the fuzzer, all at the same time, FUZZ_SECONDS each (default 600), at the
# lowest priority. Ends with an error if one of them crashes, hangs, leaks or asks for a large
# block of memory; the input that did it is then in fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${FUZZ_SECONDS:-600}
targets=${*:-npy npz csv model store source network graphs_npz graphs_tu graphs_csv}

command -v cargo-fuzz >/dev/null || {
    echo "cargo-fuzz is needed: cargo install cargo-fuzz --locked" >&2
    exit 2
}
python3 seeds.py
# The address sanitizer asks for an unstable option; this lets a stable compiler take it.
export RUSTC_BOOTSTRAP=1
nice -n 19 cargo fuzz build

triple=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p artifacts
pids=()
for target in $targets; do
    mkdir -p "corpus/$target" "artifacts/$target"
    # Inputs are at most 16 KiB. The most that may honestly become of them is 1032 times as much
    # by inflating, and eight times that as doubles from bytes: 129 MiB.
    nice -n 19 "target/$triple/release/$target" "corpus/$target" "seeds/$target" \
        -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -max_len=16384 \
        -timeout=100 -malloc_limit_mb=150 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=1 \
        >"artifacts/$target.log" 2>&1 &
    pids+=("$!:$target")
done
failed=0
for entry in "${pids[@]}"; do
    if wait "${entry%%:*}"; then verdict=clean; else verdict=FAILED failed=1; fi
    target=${entry##*:}
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "artifacts/$target.log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "artifacts/$target.log")
    echo "$target: $verdict, ${runs:-?} executions, peak ${peak:-?} MiB"
done
exit "$failed"
