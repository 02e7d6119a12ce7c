# cargo fuzz with a compiler that lets it; sourced by the scripts beside it.
#
# Without a sanitizer, since there is no unsafe code to watch, and everything else is several times
# faster. Overflows and debug assertions are checked.

cargo_fuzz() {
    local verb=$1 toolchains
    shift
    toolchains=$(rustup toolchain list 2>/dev/null) || true
    if grep -q "^nightly" <<<"$toolchains"; then
        cargo +nightly fuzz "$verb" --sanitizer none "$@"
    else
        RUSTC_BOOTSTRAP=1 cargo fuzz "$verb" --sanitizer none "$@"
    fi
}
