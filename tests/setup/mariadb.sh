# MariaDB 10.11 (Debian bookworm) and 11.8 (sid), each in a folder of its own under $CACHE: server, the server's
# plugins (ed25519 among them) and client. Nothing is installed on the machine, so no service can start.
#
# Starting a server: copy $CACHE/mariadb-data-template-VERSION and run
#   $CACHE/bin/mariadbd-VERSION --datadir=COPY --port=P --socket=COPY/mariadbd.sock ...
# The wrapper adds --no-defaults, --basedir, --plugin-dir, --lc-messages-dir, --character-sets-dir and, as
# root, --user=root. root@localhost has no password. There is no TLS without --ssl-cert and --ssl-key, except
# in 11.8, which then makes a certificate of its own at every start.

MARIADB_VERSIONS=(10.11 11.8)

install_mariadb() {
    local version
    for version in "${MARIADB_VERSIONS[@]}"; do
        [ -e "$CACHE/mariadb-$version/.packages" ] || timed "download MariaDB $version" mariadb_tree "$version"
        [ -x "$CACHE/bin/mariadbd-$version" ] || mariadb_wrappers "$version"
        [ -e "$CACHE/mariadb-data-template-$version/mysql/global_priv.frm" ] ||
            timed "initialise MariaDB $version's data template" mariadb_new_template "$version"
    done
}

mariadb_tree() {
    local suite=bookworm
    [ "$1" = 10.11 ] || suite=sid
    debian_tree "$suite" "$CACHE/mariadb-$1" mariadb-server-core mariadb-client-core -- mariadb-server
}

# Where a version keeps its messages, character sets and SQL scripts.
mariadb_share() {
    local share
    for share in "$CACHE/mariadb-$1"/usr/share/{mariadb,mysql}; do
        [ -e "$share/fill_help_tables.sql" ] && printf '%s\n' "$share" && return
    done
    die "MariaDB $1 has no fill_help_tables.sql" "remove $CACHE/mariadb-$1 and run this again"
}

mariadb_wrappers() {
    local version=$1 tree=$CACHE/mariadb-$1 share plugins options
    share=$(mariadb_share "$version")
    plugins=$(dirname "$(find "$tree/usr/lib" -name auth_ed25519.so)")
    options=("--basedir=$tree/usr" "--plugin-dir=$plugins" "--lc-messages-dir=$share" "--character-sets-dir=$share/charsets")
    [ "$(id -u)" -ne 0 ] || options+=(--user=root)
    mkdir -p "$CACHE/bin"
    debian_program "$tree" usr/bin/mariadb "$CACHE/bin/mariadb-$version" \
        "--plugin-dir=$(dirname "$(find "$tree/usr/lib" -name client_ed25519.so | head -n 1)")" "--character-sets-dir=$share/charsets" \
        --skip-ssl-verify-server-cert
    # The server's last: `install` takes it for a sign that all are there.
    debian_program "$tree" usr/sbin/mariadbd "$CACHE/bin/mariadbd-$version" "${options[@]}"
}

# What mariadb-install-db does, which itself insists on starting the server without its libraries.
mariadb_new_template() {
    local version=$1 template=$CACHE/mariadb-data-template-$1 share script
    share=$(mariadb_share "$version")
    rm -rf "$template" "$template.new"
    mkdir -p "$template.new"
    {
        printf 'create database if not exists mysql;\nuse mysql;\nset @auth_root_socket=NULL;\n'
        for script in system_tables performance_tables system_tables_data; do
            cat "$share"/m{ariadb,ysql}_$script.sql 2>/dev/null || true
        done
        cat "$share"/{fill_help_tables,maria_add_gis_sp_bootstrap}.sql
        cat "$share"/m{ariadb,ysql}_sys_schema.sql 2>/dev/null || true
    } >"$template.sql"
    "$CACHE/bin/mariadbd-$version" --no-defaults --bootstrap --datadir="$template.new" --max-allowed-packet=8M \
        --innodb-log-file-size=8M --log-warnings=0 --enforce-storage-engine= --net-buffer-length=16K <"$template.sql"
    rm "$template.sql"
    mv "$template.new" "$template"
}
