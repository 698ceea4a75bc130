#!/usr/bin/env bash
# The servers that some tests ask: a PostgreSQL, a MySQL (MariaDB), an S3-compatible one (moto), a ClickHouse, a Redis, a RabbitMQ and a NATS with
# JetStream, each on a free port of this machine, with all they write in one folder.
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

start_clickhouse() {
    local server port tcp data
    server="$(command -v clickhouse-server || command -v /usr/sbin/clickhouse-server || true)"
    [ -n "$server" ] || { say "no ClickHouse"; return; }
    port="$(free_port)"
    tcp="$(free_port)"
    data="$(folder_for "$1/clickhouse")"
    cat >"$1/clickhouse.xml" <<XML
<yandex>
  <logger><level>warning</level><log>$data/server.log</log><errorlog>$data/errors.log</errorlog></logger>
  <listen_host>127.0.0.1</listen_host><http_port>$port</http_port><tcp_port>$tcp</tcp_port>
  <path>$data/</path><tmp_path>$data/tmp/</tmp_path><users_config>$1/clickhouse.users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>67108864</mark_cache_size><max_concurrent_queries>100</max_concurrent_queries>
</yandex>
XML
    cat >"$1/clickhouse.users.xml" <<XML
<yandex>
  <profiles><default></default></profiles>
  <users><tester><password>swordfish</password><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota></tester></users>
  <quotas><default></default></quotas>
</yandex>
XML
    chmod 644 "$1/clickhouse.xml" "$1/clickhouse.users.xml"
    (cd "$data" && unprivileged "$server" --config-file="$1/clickhouse.xml") >"$data/output.log" 2>&1 &
    wait_for "$port" ClickHouse || return 1
    sed -n 's/^PID: //p' "$data/status" >"$data/pid"
    echo "export ASSETCTL_TEST_CLICKHOUSE=http://tester:swordfish@127.0.0.1:$port"
}

start_redis() {
    local server port data
    server="$(command -v redis-server || true)"
    [ -n "$server" ] || { say "no Redis"; return; }
    port="$(free_port)"
    data="$(folder_for "$1/redis")"
    unprivileged "$server" --bind 127.0.0.1 --port "$port" --dir "$data" --requirepass swordfish --save "" --appendonly no \
        --pidfile "$data/pid" --logfile "$data/server.log" --daemonize yes >"$1/redis.log" 2>&1 || return 1
    wait_for "$port" Redis || return 1
    echo "export ASSETCTL_TEST_REDIS=redis://:swordfish@127.0.0.1:$port/0"
}

start_nats() {
    local server port data
    server="$(command -v nats-server || command -v /usr/sbin/nats-server || true)"
    [ -n "$server" ] || { say "no NATS"; return; }
    port="$(free_port)"
    data="$(folder_for "$1/nats")"
    unprivileged "$server" -js -sd "$data/streams" -a 127.0.0.1 -p "$port" --user tester --pass swordfish -P "$data/pid" \
        -l "$data/server.log" >"$1/nats.log" 2>&1 &
    wait_for "$port" NATS || return 1
    echo "export ASSETCTL_TEST_NATS=nats://tester:swordfish@127.0.0.1:$port"
}

# In the environment of a RabbitMQ of ours: a node with an Erlang port mapper of its own.
with_rabbitmq() {
    local data="$1/rabbitmq"
    unprivileged env -i PATH="$PATH" LANG=C.UTF-8 HOME="$data" ERL_EPMD_PORT="$(cat "$1/rabbitmq.epmd")" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME=assetctl@localhost RABBITMQ_DIST_PORT="$(cat "$1/rabbitmq.dist")" RABBITMQ_CONF_ENV_FILE=/dev/null \
        RABBITMQ_MNESIA_BASE="$data/mnesia" RABBITMQ_LOG_BASE="$data/log" RABBITMQ_PID_FILE="$data/pid" \
        RABBITMQ_CONFIG_FILE="$1/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$1/rabbitmq.plugins" "${@:2}"
}

start_rabbitmq() {
    local server port data
    server="$(find /usr/lib/rabbitmq -path '*/bin/rabbitmq-server' 2>/dev/null | sort | tail -1)"
    [ -n "$server" ] || { say "no RabbitMQ"; return; }
    port="$(free_port)"
    data="$(folder_for "$1/rabbitmq")"
    free_port >"$1/rabbitmq.epmd"
    free_port >"$1/rabbitmq.dist"
    printf 'listeners.tcp.default = 127.0.0.1:%s\ndefault_user = tester\ndefault_pass = swordfish\n' "$port" >"$1/rabbitmq.conf"
    printf '[].\n' >"$1/rabbitmq.plugins"
    chmod 644 "$1"/rabbitmq.*
    (cd "$data" && with_rabbitmq "$1" "$server") >"$data/output.log" 2>&1 &
    wait_for "$port" RabbitMQ || return 1
    echo "export ASSETCTL_TEST_RABBITMQ=amqp://tester:swordfish@127.0.0.1:$port"
}

# The port mapper outlives its node.
stop_rabbitmq() {
    stop_by_pid "$1/rabbitmq/pid"
    [ ! -f "$1/rabbitmq.epmd" ] || with_rabbitmq "$1" "$(command -v epmd || echo true)" -kill >/dev/null 2>&1
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
    for server in postgres mysql s3 clickhouse redis nats rabbitmq; do
        "start_$server" "$folder" || say "$server does not start: see the logs in $folder"
    done
    ;;
stop)
    stop_postgres "$2" || true
    stop_by_pid "$2/mysql/pid"
    for server in s3 clickhouse redis nats; do
        stop_by_pid "$2/$server/pid"
    done
    stop_rabbitmq "$2" || true
    ;;
*)
    say "usage: $0 start|stop FOLDER"
    exit 2
    ;;
esac
