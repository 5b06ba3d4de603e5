# Timed steps with a summary at the end, for ./test and .ci/run. Sourced. `step` is to be called on its own, not
# in a condition.

STEPS=()
STEPS_FAILED=0
STEPS_BEGAN=$SECONDS

# step NAME COMMAND... : runs it; the others still run when it fails, and the summary tells.
step() {
    local name=$1 began=$SECONDS status=0
    shift
    printf '\n==> %s\n' "$name"
    "$@" || status=$?
    [ $status -eq 0 ] || STEPS_FAILED=$((STEPS_FAILED + 1))
    STEPS+=("$(printf '%-34s %5d s  %s' "$name" $((SECONDS - began)) "$([ $status -eq 0 ] && echo ok || echo "FAILED ($status)")")")
    return 0
}

# steps_summary TITLE : prints the table; its status is that of the whole.
steps_summary() {
    printf '\n%s\n' "$1"
    printf '  %s\n' "${STEPS[@]}"
    printf '  %-34s %5d s  %s\n' total $((SECONDS - STEPS_BEGAN)) "$([ $STEPS_FAILED -eq 0 ] && echo ok || echo "$STEPS_FAILED failed")"
    [ $STEPS_FAILED -eq 0 ]
}
