# Programs of any Debian suite beside the ones of this machine, without a chroot, a mount or root.
#
# `debian_tree` resolves packages and all that they depend on in an apt state of its own (as on an empty
# system) and unpacks them into a folder. `debian_program` writes a wrapper that starts one of the folder's
# programs with the folder's own dynamic loader and libraries: so a server of sid runs on bookworm, sees the
# machine's files and network as they are, and its process id is the one that the caller started.

# debian_tree SUITE FOLDER PACKAGE... [-- PACKAGE...] : those after -- come without what they depend on.
# FOLDER appears when it is whole; FOLDER/.packages has a line `package version` for each.
debian_tree() {
    local suite=$1 folder=$2 new=$2.new state=$2.apt mirror package packages=(base-files)
    shift 2
    mirror=$(debian_mirror)
    rm -rf "$new" "$state"
    mkdir -p "$new" "$state"/{lists,archives}/partial "$state/empty"
    : >"$state/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$state/sources.list"
    # Check-Valid-Until: a mirror's copy of sid may be older than the machine's clock.
    printf '%s\n' "Dir::State \"$state\";" "Dir::State::lists \"$state/lists\";" "Dir::State::status \"$state/status\";" \
        "Dir::Cache \"$state\";" "Dir::Cache::archives \"$state/archives\";" "Dir::Etc::sourcelist \"$state/sources.list\";" \
        "Dir::Etc::sourceparts \"$state/empty\";" "Dir::Etc::preferencesparts \"$state/empty\";" \
        'Acquire::Check-Valid-Until "false";' 'Acquire::Languages "none";' 'Acquire::Retries "3";' \
        'APT::Install-Recommends "false";' 'APT::Sandbox::User "";' 'Debug::NoLocking "true";' >"$state/apt.conf"
    APT_CONFIG=$state/apt.conf apt-get -q update
    while [ $# -gt 0 ] && [ "$1" != -- ]; do packages+=("$1"); shift; done
    APT_CONFIG=$state/apt.conf apt-get -q -y --download-only install "${packages[@]}"
    [ $# -le 1 ] || (shift; cd "$state/archives"; APT_CONFIG=$state/apt.conf apt-get -q download "$@")
    for package in "$state"/archives/*.deb; do
        dpkg-deb --extract "$package" "$new"
        dpkg-deb --show "$package" >>"$state/packages"
    done
    mv "$state/packages" "$new/.packages"
    rm -rf "$state" "$folder"
    mv "$new" "$folder"
}

# The mirror that this machine already uses, so that a proxy or a local mirror is honoured.
debian_mirror() {
    local mirror=
    if [ -n "${ROLECALL_DEBIAN_MIRROR:-}" ]; then
        mirror=$ROLECALL_DEBIAN_MIRROR
    elif [ -r /etc/apt/sources.list.d/debian.sources ]; then
        mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
    elif [ -r /etc/apt/sources.list ]; then
        mirror=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' /etc/apt/sources.list)
    fi
    printf '%s\n' "${mirror:-http://deb.debian.org/debian}"
}

# debian_version FOLDER PACKAGE : the version unpacked there.
debian_version() { awk -v package="$2" '$1 == package { print $2; exit }' "$1/.packages"; }

# debian_program FOLDER PROGRAM WRAPPER [OPTION...] : the options come before the caller's own, but after a
# leading --no-defaults or --defaults-*, which MySQL's programs take in the first place only. Without one,
# the wrapper gives --no-defaults when OPTIONS are given: the machine's own my.cnf never applies.
debian_program() {
    local folder=$1 program=$2 wrapper=$3 libraries=$1/usr/lib/x86_64-linux-gnu:$1/lib/x86_64-linux-gnu loader
    shift 3
    for loader in "$folder"/{usr/,}lib64/ld-linux-x86-64.so.2; do [ -e "$loader" ] && break; done
    [ -x "$folder/$program" ] || die "$folder/$program is missing" "remove $folder and run this again"
    {
        printf '#!/bin/bash\n# Written by tests/setup/install: %s with the libraries of its own suite.\n' "$program"
        if [ $# -gt 0 ]; then
            printf 'case ${1:-} in --no-defaults | --defaults-*) first=$1; shift ;; *) first=--no-defaults ;; esac\n'
            printf 'set -- "$first" %s "$@"\n' "$(printf '%q ' "$@")"
        fi
        printf 'exec %q --argv0 %q --library-path %q %q "$@"\n' "$loader" "$folder/$program" "$libraries" "$folder/$program"
    } >"$wrapper.new"
    chmod 755 "$wrapper.new"
    mv "$wrapper.new" "$wrapper"
}
