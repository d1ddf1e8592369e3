# Sourced by the scripts beside it: numbered steps with their time, and a stop at the first failure.

step_number=0
all_began=$(date +%s)

# step TITLE COMMAND...: says what begins, runs it, says how long it took.
step() {
    step_title=$1
    shift
    step_number=$((step_number + 1))
    step_began=$(date +%s)
    echo "== $step_number  $step_title"
    if "$@"; then
        echo "   $step_number  ok, $(($(date +%s) - step_began)) s"
    else
        status=$?
        echo "   $step_number  FAILED with status $status after $(($(date +%s) - step_began)) s: $step_title" >&2
        echo "   to run it alone: $*" >&2
        exit "$status"
    fi
}

# skip TITLE REASON: what was not run, and why, in the same list.
skip() {
    step_number=$((step_number + 1))
    echo "== $step_number  $1: SKIPPED, $2"
}

finish() {
    echo "== $1: all $step_number steps done in $(($(date +%s) - all_began)) s"
}
