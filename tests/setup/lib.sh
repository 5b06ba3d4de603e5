# What the parts of `install` share: where things are kept, messages, locks, system packages.
# Sourced, never run. Expects `set -euo pipefail`.

SETUP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TESTS=$(dirname "$SETUP")
CACHE=${ROLECALL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rolecall}

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
    printf 'setup: error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf 'setup:        %s\n' "$line" >&2; done
    exit 1
}

# timed LABEL COMMAND... : runs it, quiet unless it fails; its output is kept in $CACHE/log/LABEL.log.
timed() {
    local label=$1 log began status=0
    shift
    log=$CACHE/log/$(printf '%s' "$label" | tr -c '[:alnum:].' -).log
    mkdir -p "$CACHE/log"
    began=$SECONDS
    say "$label ..."
    # The subshell keeps `set -e` in force inside a function that is called here.
    set +e
    (set -e; "$@") >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [ $status -ne 0 ]; then
        tail -n 25 "$log" >&2
        die "$label failed (status $status)" "the whole output is in $log"
    fi
    say "$label: $((SECONDS - began)) s"
}

# locked NAME FUNCTION... : runs the function while no other run of `install` holds the same lock.
locked() {
    local name=$1
    shift
    mkdir -p "$CACHE/lock"
    (
        flock --nonblock 9 || { say "waiting for another installation of $name"; flock 9; }
        "$@"
    ) 9>"$CACHE/lock/$name"
}

# system_packages PACKAGE... : installs the Debian packages that are missing. Libraries and tools only: no
# package named here may bring a service.
system_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || die "these Debian packages are missing: ${missing[*]}" \
        "run as root: apt-get install -y --no-install-recommends ${missing[*]}"
    timed "apt-get update" apt-get -q update
    timed "apt-get install ${missing[*]}" \
        env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${missing[@]}"
}

# need COMMAND WHY : a tool that a developer's machine brings along.
need() {
    command -v "$1" >/dev/null || die "$1 is needed $2, and is not in PATH" "install it and run this again"
}
