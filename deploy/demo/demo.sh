#!/bin/sh
# make demo: an invented council's ledger from nothing to a found tampering. Everything it makes lies in
# target/demo and is made anew each time; every name, number and address in it is invented.
set -eu

demo=$PWD/target/demo
ledger=$demo/ledger
bin=$PWD/target/release/counterfoil
bench=$PWD/target/release/bench
config=$ledger/counterfoil.toml
count=${COUNTERFOIL_DEMO_EVENTS:-20000}
server=""
began=$(date +%s)

# A heading, with the seconds since the start.
part() { printf '\n== %s   (invented data; %s s)\n' "$*" "$(($(date +%s) - began))"; }
say() { printf '   %s\n' "$*"; }

# The command as a reader would type it in target/demo/ledger, then its output.
show() {
    printf '\n$ counterfoil'
    for word; do
        case $word in *[!A-Za-z0-9_./:=@%,+-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$bin" --config "$config" "$@" 2>"$demo/said" || {
        status=$?
        grep -v '^\*invented data\*' "$demo/said" || true
        return "$status"
    }
    grep -v '^\*invented data\*' "$demo/said" || true
}

# Starts the ledger and waits for its ready line: a read of a pipe, so that nothing is polled.
serve() {
    rm -f "$demo/ready"
    mkfifo "$demo/ready"
    "$bin" --config "$config" serve >"$demo/ready" 2>>"$demo/serve.log" &
    server=$!
    # The pipe stays open as long as the server: it writes one line and keeps its end.
    exec 3<"$demo/ready"
    if ! read -r line <&3; then
        echo "the ledger did not start; the end of $demo/serve.log:" >&2
        tail -5 "$demo/serve.log" >&2
        exit 1
    fi
    address=$(printf '%s' "$line" | sed -n 's/.*"http":"\([^"]*\)".*/\1/p')
}

stop() {
    [ -n "$server" ] || return 0
    kill "$1" "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    exec 3<&-
    server=""
}
trap 'stop -TERM' EXIT
trap 'stop -TERM; exit 130' INT TERM

part "building (some minutes from a clean clone)"
cargo build --release --locked --quiet -p counterfoil -p bench

part "a ledger for Westmere, a council that does not exist"
rm -rf "$demo"
mkdir -p "$demo"
# Overlay, btrfs and zfs do not overwrite in place, so that erasure is unproven there. The demo goes on
# all the same; a council's ledger would not.
unproven=--accept-unproven
say "--accept-unproven: this may be any disk; on a real one leave it out and be told"
show init --origin test.westmere.example/counterfoil --dir "$ledger" --listen 127.0.0.1:0 $unproven
serve
say "it serves on http://$address"
show publisher add crm --source urn:westmere:crm --family collection,notice,consent,disclosure \
    --token-out "$demo/crm.token"

part "$count events through the HTTP door"
"$bench" story --count "$count" >"$demo/events.jsonl"
say "one of them, about an invented person:"
head -n 1 "$demo/events.jsonl" | fold -w 100 | sed 's/^/   /'
printf '\n$ counterfoil publish events.jsonl --url http://%s --token-file crm.token\n' "$address"
"$bin" publish "$demo/events.jsonl" --url "http://$address" --token-file "$demo/crm.token"

receipt=../shared/data/receipt.csv
if [ -r "$receipt" ]; then
    part "real input: 8,577 rows of a permit log, through a map"
    show publisher add permits --source //permits.example/receipt-phase --family collection --map-ids \
        --token-out "$demo/permits.token"
    show publish "$receipt" --map ledger/intake/data/maps/receipt.toml --imported \
        --token-file "$demo/permits.token"
else
    part "real input: SKIPPED, $receipt is not at hand"
fi

part "who is this person, and what happened to their data?"
"$bench" person --number 42 >"$demo/whom.txt"
say "whom.txt, since names never stand on a command line (but for test ledgers):"
sed 's/^/     /' "$demo/whom.txt"
show find --from "$demo/whom.txt" --purpose demo
show ask trail --from "$demo/whom.txt" --purpose demo
show ask person --from "$demo/whom.txt" --purpose demo

part "is everything still as it was recorded?"
show verify
show proof 100 -o "$demo/event-100.tlog-proof"
show keys show
key=$("$bin" --config "$config" keys show --format csv 2>/dev/null | tr -d '\r' | sed -n 's/^checkpoint,0,//p')
show verify "$demo/event-100.tlog-proof" --key "$key"

part "kill -9 in the middle of publishing, and what comes back"
"$bench" story --count "$count" --seed 2 >"$demo/more.jsonl"
say "publishing $count more through the socket, and killing the ledger on the way"
mkfifo "$demo/progress"
"$bin" --config "$config" publish "$demo/more.jsonl" --token-file "$demo/crm.token" \
    >"$demo/published" 2>"$demo/progress" &
publisher=$!
# Killed once four tenths are through, whatever this machine's speed.
while read -r line; do
    printf '   %s\n' "$line"
    case $line in
    *'] '*' 4'[0-9]' %'* | *'] '*' 5'[0-9]' %'*)
        [ -n "${killed:-}" ] || {
            killed=yes
            say "kill -9 $server"
            stop -KILL
            serve
            say "started again; the publisher sends its last batch once more"
        }
        ;;
    esac
done <"$demo/progress"
wait "$publisher"
sed 's/^/   /' "$demo/published"
say "what the new process found and did before it answered:"
grep '"the ledger is open"' "$demo/serve.log" | tail -n 1 | fold -w 100 | sed 's/^/     /'
show status
show verify

part "one flipped byte in a copy of the journal, and how it is found"
stop -TERM
mkdir "$demo/tampered"
cp -r "$ledger/journal" "$ledger/checkpoints" "$demo/tampered"
segment=$(find "$demo/tampered/journal" -name '*.segment' -o -name '*.seg' -o -name 'segment-*' | sort | head -n 1)
say "$segment"
say "byte 1000000 was $(od -An -tx1 -j1000000 -N1 "$segment" | tr -d ' ')"
flipped=$(od -An -tu1 -j1000000 -N1 "$segment" | tr -d ' ')
printf "\\$(printf '%03o' $((flipped ^ 1)))" | dd of="$segment" bs=1 seek=1000000 conv=notrunc 2>/dev/null
say "byte 1000000 is  $(od -An -tx1 -j1000000 -N1 "$segment" | tr -d ' ')"
if show verify --ledger "$demo/tampered" --key "$key"; then
    echo "the flipped byte was NOT found" >&2
    exit 1
fi
say "found. And the ledger itself, stopped, from its files:"
show verify --offline --key "$key"

part "done"
cat <<END
   Everything above is in target/demo, and goes on from here:
     cd target/demo/ledger
     PATH=\$PATH:$PWD/target/release
     counterfoil serve &
     counterfoil --help
END
