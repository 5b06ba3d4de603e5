# MySQL 9.7: server (with the semi-synchronous, clone and group_replication plugins) and clients, from Debian
# sid, under $CACHE/mysql-9.7. ROLECALL_MYSQLD names another, installed mysqld to use instead.
#
# Starting a server: copy the template (`cp -a`), which has no auto.cnf, to a folder anywhere and run
#   $CACHE/bin/mysqld --datadir=COPY --port=P --socket=COPY/mysqld.sock --mysqlx=OFF ...
# The wrapper adds --no-defaults, --basedir, --secure-file-priv= (empty: LOAD DATA and INTO OUTFILE anywhere)
# and, as root, --user=root, before the caller's own options. root@localhost has no password.

MYSQL_TREE=$CACHE/mysql-9.7

install_mysql() {
    if [ -z "${ROLECALL_MYSQLD:-}" ]; then
        [ -e "$MYSQL_TREE/.packages" ] ||
            timed "download MySQL from Debian sid" debian_tree sid "$MYSQL_TREE" mysql-server-core mysql-client-core
        case $(debian_version "$MYSQL_TREE" mysql-server-core) in
        9.7.*) ;;
        *) say "warning: sid has moved on to MySQL $(debian_version "$MYSQL_TREE" mysql-server-core); the tests were written for 9.7" ;;
        esac
        [ -x "$CACHE/bin/mysqld" ] || mysql_wrappers
    fi
    [ -e "$(mysql_template)/mysql.ibd" ] || timed "initialise MySQL's data template" mysql_new_template
}

mysql_wrappers() {
    local program options=("--basedir=$MYSQL_TREE/usr" --secure-file-priv=)
    mkdir -p "$CACHE/bin"
    [ "$(id -u)" -ne 0 ] || options+=(--user=root)
    for program in mysql mysqladmin mysqldump mysqlbinlog mysqlslap; do
        debian_program "$MYSQL_TREE" "usr/bin/$program" "$CACHE/bin/$program"
    done
    debian_program "$MYSQL_TREE" usr/sbin/mysqld "$CACHE/bin/mysqld" "${options[@]}"
}

mysqld() { printf '%s\n' "${ROLECALL_MYSQLD:-$CACHE/bin/mysqld}"; }

# A server that is named by hand has a template of its own, by its version: data files do not go back.
mysql_template() {
    if [ -z "${ROLECALL_MYSQLD:-}" ]; then
        printf '%s\n' "$CACHE/mysql-data-template"
    else
        [ -x "$ROLECALL_MYSQLD" ] || die "ROLECALL_MYSQLD=$ROLECALL_MYSQLD is not a program" "unset it to use Debian's MySQL 9.7"
        printf '%s\n' "$CACHE/mysql-data-template-$("$ROLECALL_MYSQLD" --no-defaults --version | md5sum | cut -c1-8)"
    fi
}

mysql_new_template() {
    local template user=()
    template=$(mysql_template)
    [ "$(id -u)" -ne 0 ] || user=(--user=root)
    rm -rf "$template" "$template.new"
    # A small redo log keeps the copies small; --initialize also writes the TLS and RSA keys.
    "$(mysqld)" --no-defaults --initialize-insecure "${user[@]}" --datadir="$template.new" \
        --innodb-redo-log-capacity=8M
    rm -f "$template.new/auto.cnf"
    mv "$template.new" "$template"
}
