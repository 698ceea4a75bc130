#!/usr/bin/env bash
# The servers that some tests ask: a PostgreSQL, a MySQL (MariaDB) and an S3-compatible one (moto), each on a free port of this machine, with
# all they write in one folder.
#
#   scripts/test-servers.sh start FOLDER     starts those that are installed; prints the `export` lines that the tests read
#   scripts/test-servers.sh stop FOLDER      stops them
#
# moto is looked for in $MOTO_SERVER, and on the PATH as `moto_server`. Servers that refuse to run as root are run as `nobody` then.
set -euo pipefail

say() { printf 'test-servers: %s\n' "$*" >&2; }

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

# Runs a command as a user who is not root.
unprivileged() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u nobody -- "$@"; else "$@"; fi
}

# A folder that such a user may write to.
folder_for() {
    mkdir -p "$1"
    [ "$(id -u)" -ne 0 ] || chown nobody "$1"
    printf '%s' "$1"
}

# The folder of PostgreSQL's programs, of the newest version; Debian keeps them off the PATH.
postgres_bin() {
    local newest
    newest="$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)"
    if [ -n "$newest" ]; then
        printf '%s' "$newest"
    elif command -v pg_ctl >/dev/null; then
        dirname "$(command -v pg_ctl)"
    fi
}

start_postgres() {
    local bin port data
    bin="$(postgres_bin)"
    [ -n "$bin" ] && [ -x "$bin/initdb" ] || { say "no PostgreSQL"; return; }
    port="$(free_port)"
    data="$(folder_for "$1/postgres")"
    printf 'swordfish\n' >"$1/postgres.password"
    chmod 644 "$1/postgres.password"
    unprivileged "$bin/initdb" -D "$data/db" -U tester -A scram-sha-256 --pwfile="$1/postgres.password" -E UTF8 \
        --no-locale >"$1/postgres.log" 2>&1 || return 1
    unprivileged "$bin/pg_ctl" -D "$data/db" -l "$data/server.log" -w -t 60 \
        -o "-p $port -k $data -c listen_addresses=127.0.0.1 -c fsync=off" start >>"$1/postgres.log" 2>&1 || return 1
    echo "export ASSETCTL_TEST_POSTGRES=postgres://tester:swordfish@127.0.0.1:$port/postgres"
}

stop_postgres() {
    [ ! -f "$1/postgres/db/postmaster.pid" ] || unprivileged "$(postgres_bin)/pg_ctl" -D "$1/postgres/db" -m immediate stop >/dev/null
}

start_mysql() {
    local server install port data
    server="$(command -v mariadbd || command -v /usr/sbin/mariadbd || true)"
    install="$(command -v mariadb-install-db || true)"
    [ -n "$server" ] && [ -n "$install" ] || { say "no MariaDB"; return; }
    port="$(free_port)"
    data="$(folder_for "$1/mysql")"
    # The user is made as the server starts, so that no client is needed.
    cat >"$1/mysql.init.sql" <<SQL
create database if not exists bars;
create user if not exists 'tester'@'%' identified by 'swordfish';
grant all on bars.* to 'tester'@'%';
SQL
    chmod 644 "$1/mysql.init.sql"
    unprivileged "$install" --no-defaults --datadir="$data/db" --auth-root-authentication-method=normal \
        --skip-test-db >"$1/mysql.log" 2>&1 || return 1
    unprivileged "$server" --no-defaults --datadir="$data/db" --socket="$data/socket" --port="$port" --bind-address=127.0.0.1 \
        --pid-file="$data/pid" --init-file="$1/mysql.init.sql" >"$data/server.log" 2>&1 &
    wait_for "$port" MariaDB || return 1
    echo "export ASSETCTL_TEST_MYSQL=mysql://tester:swordfish@127.0.0.1:$port/bars"
}

start_s3() {
    local server port data
    server="${MOTO_SERVER:-$(command -v moto_server || true)}"
    [ -n "$server" ] && [ -x "$server" ] || { say "no S3-compatible server"; return; }
    port="$(free_port)"
    data="$(folder_for "$1/s3")"
    "$server" -H 127.0.0.1 -p "$port" >"$data/server.log" 2>&1 &
    echo $! >"$data/pid"
    wait_for "$port" moto || return 1
    echo "export ASSETCTL_TEST_S3=http://127.0.0.1:$port"
}

# Waits up to a minute until a port answers.
wait_for() {
    local tries
    for tries in $(seq 1 120); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
            return 0
        fi
        sleep 0.5
    done
    say "$2 does not answer after $((tries / 2)) s"
    return 1
}

stop_by_pid() {
    [ ! -f "$1" ] || kill "$(cat "$1")" 2>/dev/null || true
}

case "${1:-}" in
start)
    mkdir -p "$2"
    folder="$(cd "$2" && pwd)"
    chmod 755 "$folder"
    for server in postgres mysql s3; do
        "start_$server" "$folder" || say "$server does not start: see the logs in $folder"
    done
    ;;
stop)
    stop_postgres "$2" || true
    stop_by_pid "$2/mysql/pid"
    stop_by_pid "$2/s3/pid"
    ;;
*)
    say "usage: $0 start|stop FOLDER"
    exit 2
    ;;
esac
