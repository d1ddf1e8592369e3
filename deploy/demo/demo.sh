#!/bin/sh
# make demo: an invented council's ledger from nothing to a found tampering. Everything it makes lies in
# target/demo and is made anew each time; every name, number and address in it is invented.
set -eu

root=$PWD
demo=$root/target/demo
bin=$root/target/release/counterfoil
bench=$root/target/release/bench
count=${COUNTERFOIL_DEMO_EVENTS:-20000}
# The byte that is flipped: in the first segment, below the checkpoint.
flipped_at=1000000
server=""
began=$(date +%s)

# A heading, with the seconds since the start.
part() { printf '\n== %s   (*invented data*, %s s)\n' "$*" "$(($(date +%s) - began))"; }
say() { printf '   %s\n' "$*"; }

# The command as a reader would type it here, then what it says.
show() {
    printf '\n$ counterfoil'
    for word; do
        case $word in *[!A-Za-z0-9_./:=@%,+-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$bin" "$@" 2>&1
}

# Starts the ledger and waits for its ready line on a pipe.
serve() {
    rm -f "$demo/ready"
    mkfifo "$demo/ready"
    "$bin" serve >"$demo/ready" 2>>"$demo/serve.log" &
    server=$!
    exec 3<"$demo/ready"
    if ! read -r line <&3; then
        echo "the ledger did not start; the end of $demo/serve.log:" >&2
        tail -n 5 "$demo/serve.log" >&2
        exit 1
    fi
    address=$(printf '%s' "$line" | sed -n 's/.*"http":"\([^"]*\)".*/\1/p')
}

# How many events the ledger has.
events() { "$bin" status --format json 2>/dev/null | sed -n 's/^ *"events": \([0-9]*\).*/\1/p' | head -n 1; }

# What the last start says it found: numbers from its log line, in words.
found() {
    opened=$(grep '"the ledger is open"' ../serve.log | tail -n 1)
    of() { printf '%s' "$opened" | sed -n 's/.*"'"$1"'":\([a-z0-9]*\).*/\1/p'; }
    torn="the last group was whole"
    [ "$(of torn_tail_zeroed)" != true ] || torn="a group that was only half written, acknowledged to nobody, was zeroed"
    say "  $(of events) events; groups $(of read_from_group) to $(of last_group) were read in full; $torn"
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

part "building: about ten minutes of processor time from a clean clone, seconds after that"
# Cargo's own progress where somebody watches, nothing in a log.
quiet=--quiet
[ ! -t 2 ] || quiet=""
# shellcheck disable=SC2086 # nothing, or one word
cargo build --release --locked $quiet -p counterfoil -p bench

part "a ledger for Westmere, a council that does not exist"
rm -rf "$demo"
mkdir -p "$demo"
cd "$demo"
# Overlay, btrfs and zfs do not overwrite in place, so that erasure is unproven there. The demo goes on
# all the same; a council's ledger would not.
say "--accept-unproven: the demo runs on any disk; leave it out and be told whether erasure is proven here"
show init --origin test.westmere.example/counterfoil --dir ledger --listen 127.0.0.1:0 --accept-unproven
cd ledger
printf '\n$ cd ledger\n$ counterfoil serve 2>../serve.log &\n'
serve
say "ready on http://$address and on run/counterfoil.sock"
show publisher add crm --source urn:westmere:crm --family collection,notice,consent,disclosure \
    --token-out ../crm.token

part "$count events through the HTTP door"
"$bench" story --count "$count" >../events.jsonl
say "the first of them, a line in events.jsonl:"
head -n 1 ../events.jsonl | sed -e 's/,\("[A-Za-z]*":\)/,\n\1/g' | sed 's/^/     /'
show publish ../events.jsonl --url "http://$address" --token-file ../crm.token

receipt=../../../../shared/data/receipt.csv
if [ -r "$receipt" ]; then
    part "beside invented people, a real log without any: 8,577 rows of a permit office, through a map"
    show publisher add permits --source //permits.example/receipt-phase --family collection --map-ids \
        --token-out ../permits.token
    show publish "$receipt" --map ../../../ledger/intake/data/maps/receipt.toml --imported \
        --token-file ../permits.token
else
    part "a real log, the 8,577 rows of a permit office: SKIPPED"
    say "it is not in this repository (doi 10.4121/uuid:a07386a5-7be3-4367-9535-70bc9e77dbe6); where it lies at"
    say "../shared/data/receipt.csv beside the clone, it is published here through ledger/intake/data/maps/receipt.toml"
fi

part "who is this person, and what happened to their data?"
# Somebody about whom the police asked; customer numbers count from 1,000,000.
number=$(grep -m 1 disclosure.made ../events.jsonl | sed 's/.*"localId":"C-\([0-9]*\)".*/\1/')
"$bench" person --number $((${number:-1000042} - 1000000)) >../whom.txt
say "whom.txt (persons are never named in arguments, but on test ledgers):"
sed 's/^/     /' ../whom.txt
show find --from ../whom.txt --purpose demo
show ask trail --from ../whom.txt --purpose demo
show ask person --from ../whom.txt --purpose demo
say "references are sealed too: with --reveal, which is recorded as such, a closing finds its request"

part "is everything still as it was recorded?"
show verify
show keys show
key=$("$bin" keys show --format csv 2>/dev/null | tr -d '\r' | sed -n 's/^checkpoint,0,//p')
show proof 100 -o ../event-100.tlog-proof
show verify ../event-100.tlog-proof --key "$key"

part "kill -9 in the middle of publishing, and what comes back"
"$bench" story --count "$count" --seed 2 >../more.jsonl
before=$(events)
say "the ledger has $before events; $count more through the socket, and a kill after four tenths"
mkfifo "$demo/progress"
"$bin" publish ../more.jsonl --token-file ../crm.token >"$demo/published" 2>"$demo/progress" &
publisher=$!
while read -r line; do
    say "$line"
    case $line in
    *'] '*' 4'[0-9]' %'* | *'] '*' 5'[0-9]' %'*)
        [ -n "${killed:-}" ] || {
            killed=yes
            say "$ kill -9 $server"
            stop -KILL
            say "$ counterfoil serve 2>../serve.log &"
            serve
            say "ready again; its log says what it found before it answered anyone:"
            found
        }
        ;;
    esac
done <"$demo/progress"
wait "$publisher"
cat "$demo/published"
say "before $before, now $(events): every event is there, and none twice"
show status
show verify

part "one flipped bit in a copy of the journal, and how it is found"
stop -TERM
mkdir ../tampered
cp -r journal checkpoints ../tampered
segment=../tampered/journal/0000000000.segment
byte() { od -An -tu1 -j$flipped_at -N1 $segment | tr -d ' '; }
was=$(byte)
# shellcheck disable=SC2059 # the format is the byte
printf "\\$(printf '%03o' $((was ^ 1)))" | dd of=$segment bs=1 seek=$flipped_at conv=notrunc 2>/dev/null
say "byte $flipped_at of $segment was $was and is now $(byte)"
if show verify --ledger ../tampered --key "$key"; then
    echo "the flipped bit was NOT found" >&2
    exit 1
fi
say "found, and where. The ledger itself, stopped, from its files alone:"
show verify --offline --key "$key"

part "done"
say "the ledger is still there. To go on:"
say "  cd target/demo/ledger"
say "  PATH=\$PATH:'$root/target/release'"
say "  counterfoil serve 2>../serve.log &"
say "  counterfoil find --from ../whom.txt --purpose demo"
say "  counterfoil --help"
