#!/usr/bin/env bash
# Fuzzes every target in turn, SECONDS each, on top of the corpus in the repository, which stays as
# it is. Prints per target: executions, edges covered (cov), features (ft), findings. Fails if there
# is a finding, and if a target was not fuzzed: it executed nothing, covered nothing, or ended in an
# error of its own.
#
#     fuzz/run.sh SECONDS [TARGET...]
#
# FUZZ_KEEP=DIR: where new inputs (DIR/corpus) and findings (DIR/findings) are kept, and taken up
# again by the next run; fuzz/found by default. FUZZ_JOBS=N: so many targets at a time; 1 by
# default.
#
# Needs cargo-fuzz, and a nightly compiler or any with RUSTC_BOOTSTRAP=1.
set -euo pipefail
cd "$(dirname "$0")"
. ./cargo_fuzz.sh

readonly FUZZ_KEEP=${FUZZ_KEEP:-$PWD/found} FUZZ_JOBS=${FUZZ_JOBS:-1}
readonly INPUT_SECONDS_MAX=10 RSS_MB_MAX=2048

main() {
    local seconds=${1:?"usage: fuzz/run.sh SECONDS [TARGET...]"} failed=0 target
    shift
    local targets=("$@")
    [ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
    [ ${#targets[@]} -gt 0 ] || { echo "there are no targets" >&2 && exit 1; }
    cargo_fuzz build
    local running=() job
    for target in "${targets[@]}"; do
        fuzz "$target" "$seconds" &
        running+=($!)
        if [ ${#running[@]} -ge "$FUZZ_JOBS" ]; then
            wait "${running[0]}" || failed=1
            running=("${running[@]:1}")
        fi
    done
    for job in "${running[@]}"; do
        wait "$job" || failed=1
    done
    exit "$failed"
}

# Fuzzing goes on after a finding, until the time is up.
fuzz() {
    local target=$1 seconds=$2 corpus=$FUZZ_KEEP/corpus/$1 found=$FUZZ_KEEP/findings/$1 status=0
    local options=("-max_total_time=$seconds" "-timeout=$INPUT_SECONDS_MAX" -verbosity=1
        "-rss_limit_mb=$RSS_MB_MAX" "-artifact_prefix=$found/" -max_len=1024 -len_control=20
        -print_final_stats=1 -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1)
    mkdir -p "$corpus" "$found"
    [ ! -f "dict/$target" ] || options+=("-dict=dict/$target")
    cargo_fuzz run "$target" "$corpus" "corpus/$target" -- "${options[@]}" \
        >"$FUZZ_KEEP/$target.log" 2>&1 || status=$?
    summary "$target" "$found" "$status"
}

# One line; fails if there is anything wrong in it.
summary() {
    local target=$1 found=$2 status=$3 count
    count=$(find "$found" -type f | wc -l)
    awk -v target="$target" -v count="$count" -v found="$found" -v status="$status" '
        { for (i = 1; i < NF; i++) {
            if ($i == "cov:" && $(i + 1) > cov) cov = $(i + 1)
            if ($i == "ft:" && $(i + 1) > ft) ft = $(i + 1) } }
        $1 ~ /^#[0-9]+:?$/ { sub("#", "", $1); if ($1 + 0 > runs) runs = $1 + 0 }
        END { printf "%-9s %9d executions  cov %6d  ft %7d  findings %d", target, runs, cov, ft, count
              if (count) printf ", kept in %s", found
              if (status) printf ", ended with status %d", status
              print ""
              exit (count || status || !runs || !cov) }' "$FUZZ_KEEP/$target.log"
}

main "$@"
