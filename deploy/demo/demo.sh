#!/bin/sh
# make demo: an invented council's ledger from nothing to a found tampering. Everything it makes lies in
# target/demo and is made anew each time; every name, number and address in it is invented.
set -eu

demo=$PWD/target/demo
bin=$PWD/target/release/counterfoil
bench=$PWD/target/release/bench
config=$demo/counterfoil.toml
count=${COUNTERFOIL_DEMO_EVENTS:-20000}
server=""

banner() { printf '\n== invented data ==  %s\n' "$*"; }

# The command as a reader would type it, then its output. A name goes in on standard input.
show() {
    printf '\n$ counterfoil %s\n' "$*"
    "$bin" --config "$config" "$@"
}

serve() {
    "$bin" --config "$config" serve >"$demo/serve.log" 2>&1 &
    server=$!
    tries=0
    until address=$(sed -n 's/.*listening[^0-9]*\(127\.0\.0\.1:[0-9]*\).*/\1/p' "$demo/serve.log" | head -n 1) \
        && [ -n "$address" ]; do
        kill -0 "$server" 2>/dev/null || { cat "$demo/serve.log" >&2; exit 1; }
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "the ledger did not start; see $demo/serve.log" >&2; exit 1; }
        sleep 0.1
    done
}

stop() {
    [ -z "$server" ] || kill "$1" "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    server=""
}
trap 'stop -TERM' EXIT
trap 'stop -TERM; exit 130' INT TERM

banner "building (some minutes from a clean clone)"
cargo build --release --locked -p counterfoil -p bench

banner "a ledger for Westmere, a council that does not exist"
rm -rf "$demo"
mkdir -p "$demo"
printf 'dir = "%s/ledger"\nlisten = "127.0.0.1:0"\n' "$demo" >"$config"
show init --origin test.westmere.example/counterfoil --dir "$demo/ledger" --dpo demo-dpo --accept-unproven
serve
show publisher add crm --source urn:westmere:crm --family collection,notice,consent,disclosure \
    | tee "$demo/publisher.txt"
grep -o 'cf_[A-Za-z0-9_-]*' "$demo/publisher.txt" | head -n 1 >"$demo/token"

banner "$count events through the HTTP door"
"$bench" story --address "$address" --token-file "$demo/token" --count "$count"

banner "who is this person, and what happened to their data?"
"$bench" person >"$demo/person"
show find --purpose demo <"$demo/person" | tee "$demo/found.txt"
show ask trail --purpose demo <"$demo/person"

banner "is everything still as it was recorded?"
show verify
show proof 100 -o "$demo/event-100.tlog-proof"
show keys show | tee "$demo/keys.txt"
show verify "$demo/event-100.tlog-proof" --key "$(grep -o 'test\.westmere\.example[^ ]*+[^ ]*' "$demo/keys.txt" | head -n 1)"

banner "kill -9 in the middle of publishing, and what came back"
"$bench" story --address "$address" --token-file "$demo/token" --count "$count" --seed 2 \
    >"$demo/killed.log" 2>&1 &
publisher=$!
sleep 1
stop -KILL
wait "$publisher" || true
serve
show status
show verify

banner "one flipped byte in a copy of the journal, and how it is found"
stop -TERM
cp -r "$demo/ledger" "$demo/tampered"
segment=$(find "$demo/tampered" -name '*.seg' -o -name 'segment-*' | sort | head -n 1)
printf '\377' | dd of="$segment" bs=1 seek=20000 conv=notrunc 2>/dev/null
show verify --ledger "$demo/tampered" && { echo "the flipped byte was NOT found" >&2; exit 1; }

banner "done; the ledger is in $demo, and the same commands work on it"
