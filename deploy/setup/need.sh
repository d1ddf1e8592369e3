#!/bin/sh
# Makes sure that this machine has what a target needs. Usage: need.sh rust|cc|go|openssl|postgres ...
#
# Missing Debian packages are installed as root or with passwordless sudo. Where neither is at hand,
# the one line to run is printed and the exit status is 1. Nothing is installed that is there already,
# nothing is downloaded except Debian packages, and no service is left running.
set -eu

packages=""
want() {
    for package; do
        case " $packages " in *" $package "*) ;; *) packages="$packages $package" ;; esac
    done
}
PATH=$PATH:${HOME:-/root}/.cargo/bin

for need in "$@"; do
    case $need in
    rust)
        version=$(rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
        set -- $version
        if [ $# -ne 2 ] || [ "$1" -lt 1 ] || { [ "$1" -eq 1 ] && [ "$2" -lt 95 ]; }; then
            echo "This needs Rust 1.95 or newer; found: $(rustc --version 2>/dev/null || echo none). Run this once, then try again:" >&2
            echo "    rustup toolchain install 1.95 && rustup default 1.95      (rustup is at https://rustup.rs)" >&2
            exit 1
        fi
        ;;
    cc)
        command -v cc >/dev/null 2>&1 && [ -e /usr/include/stdio.h ] || want gcc libc6-dev
        ;;
    go)
        # Debian's own Go and x/mod, whatever other Go is on the PATH: the checks must not be ours.
        [ -x /usr/bin/go ] || want golang-go
        [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/note ] || want golang-golang-x-mod-dev
        ;;
    openssl)
        # Makes the certificates of the tests of TLS: like Go, it is not ours.
        command -v openssl >/dev/null 2>&1 || want openssl
        ;;
    postgres)
        [ -x /usr/lib/postgresql/15/bin/initdb ] || want postgresql-15
        [ -e /usr/share/postgresql/15/extension/pgcrypto.control ] || want postgresql-15
        [ -x /usr/sbin/runuser ] || [ -x /sbin/runuser ] || want util-linux
        ;;
    *)
        echo "need.sh: I do not know '$need'" >&2
        exit 2
        ;;
    esac
done

[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    as_root="none"
fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
    install="apt-get update && apt-get install --yes --no-install-recommends$packages"
    echo "Missing:$packages. Run this once, then try again:" >&2
    if command -v sudo >/dev/null 2>&1; then
        echo "    sudo sh -c '$install'" >&2
    else
        echo "    su -c '$install'" >&2
    fi
    exit 1
fi

echo "== installing:$packages"
case $packages in *postgresql*)
    # The bench makes a cluster of its own; Debian's default one would only listen on 5432 for nothing.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        $as_root mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" |
            $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    ;;
esac
log=$(mktemp)
# shellcheck disable=SC2086 # as_root and packages are lists of words
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install --yes --no-install-recommends \
        -o Dpkg::Options::=--force-confold $packages
} >"$log" 2>&1 || {
    tail -20 "$log" >&2
    rm -f "$log"
    echo "The packages could not be installed; the end of apt-get's output is above." >&2
    exit 1
}
rm -f "$log"
