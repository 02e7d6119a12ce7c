#!/usr/bin/env bash
# Makes the corpus of every target, or of those named, as few files as cover all that the corpus
# and what was found (fuzz/found, or FUZZ_KEEP) cover together. The vectors for `decode` stay.
set -euo pipefail
cd "$(dirname "$0")"
. ./cargo_fuzz.sh

readonly FUZZ_KEEP=${FUZZ_KEEP:-$PWD/found}
readonly FILES_MAX=290 BYTES_MAX=150000

main() {
    [ $# -gt 0 ] || set -- corpus/*/
    for target in "$@"; do
        minimise "$(basename "$target")"
    done
}

# What counts is which code is reached, not how often, or there would be thousands. Where there is
# no room for all, the largest go in: they reach the most.
minimise() {
    local target=$1 all minimal files bytes=0
    all=$(mktemp -d) minimal=$(mktemp -d)
    cp -r "corpus/$target/." "$all/"
    [ ! -d "$FUZZ_KEEP/corpus/$target" ] || cp -r "$FUZZ_KEEP/corpus/$target/." "$all/"
    cargo_fuzz run "$target" "$minimal" "$all" -- -merge=1 -set_cover_merge=1 -use_counters=0
    find "corpus/$target" -type f -regextype egrep -regex '.*/[0-9a-f]{40}' -delete
    files=$(find "corpus/$target" -type f | wc -l)
    while read -r size path; do
        [ $((files + 1)) -le "$FILES_MAX" ] || break
        [ $((bytes + size)) -le "$BYTES_MAX" ] || continue
        cp "$path" "corpus/$target/"
        files=$((files + 1)) bytes=$((bytes + size))
    done < <(find "$minimal" -type f -printf '%s %p\n' | sort -rn)
    rm -r "$all" "$minimal"
    echo "$target: $files files"
}

main "$@"
