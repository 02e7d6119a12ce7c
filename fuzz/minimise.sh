#!/usr/bin/env bash
# Makes the corpus of every target, or of those named, as few files as cover all that the corpus and
# what was found (fuzz/found, or FUZZ_KEEP) cover together. The vectors in the corpus of `decode` stay.
set -euo pipefail
cd "$(dirname "$0")"

readonly FUZZ_KEEP=${FUZZ_KEEP:-$PWD/found}
readonly FILES_MAX=300 BYTES_MAX=200000

main() {
    [ $# -gt 0 ] || set -- corpus/*/
    for target in "$@"; do
        minimise "$(basename "$target")"
    done
}

# The smallest inputs come first, and stay; of a corpus that is too large, the largest go.
minimise() {
    local target=$1 all minimal
    all=$(mktemp -d) minimal=$(mktemp -d)
    cp -r "corpus/$target/." "$all/"
    [ ! -d "$FUZZ_KEEP/corpus/$target" ] || cp -r "$FUZZ_KEEP/corpus/$target/." "$all/"
    merge "$target" "$minimal" "$all"
    find "corpus/$target" -type f -regextype egrep -regex '.*/[0-9a-f]{40}' -delete
    find "$minimal" -type f -printf '%s %p\n' | sort -n | head -n "$FILES_MAX" |
        while read -r size path; do
            kept=$((${kept:-0} + size))
            [ "$kept" -gt "$BYTES_MAX" ] || cp "$path" "corpus/$target/"
        done
    rm -r "$all" "$minimal"
    echo "$target: $(find "corpus/$target" -type f | wc -l) files"
}
