# shellcheck shell=bash
# A private PostgreSQL. Sourced by servers.sh.

# Sets AS_POSTGRES: what runs a command as a user that PostgreSQL accepts. It refuses root, so root
# becomes its package's user, or nobody where there is none.
servers_postgres_user() {
  AS_POSTGRES=() POSTGRES_USER=$(id -un)
  if ((EUID == 0)); then
    POSTGRES_USER=postgres
    id -u postgres >/dev/null 2>&1 || POSTGRES_USER=nobody
    AS_POSTGRES=(setpriv "--reuid=$POSTGRES_USER" "--regid=$(id -g "$POSTGRES_USER")" --clear-groups)
  fi
}

servers_postgres_init() {
  local data=$TEST_SERVERS_DIR/postgres
  (umask 077 && mkdir "$data" && printf '%s' "$POSTGRES_SECRET" >"$data.password")
  if ((EUID == 0)); then chown "$POSTGRES_USER" "$data" "$data.password"; fi
  # The password goes over loopback in the clear: SCRAM in an unoptimised client costs more than
  # the tests, and without any password every local user would be the superuser.
  "${AS_POSTGRES[@]}" "$PG_BIN/initdb" -D "$data" -U postgres --pwfile "$data.password" \
    --auth=password -E UTF8 --no-locale --no-sync || return 1
  # Durable as in production: fsync and synchronous_commit stay on. The last line that names a
  # setting holds, so SERVERS_POSTGRES_CONF may say more.
  cat >>"$data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $POSTGRES_PORT
unix_socket_directories = ''
max_connections = 300
shared_buffers = 128MB
max_wal_size = 1GB
fsync = on
synchronous_commit = on
jit = off
log_min_messages = warning
log_line_prefix = '%m [%p] '
timezone = 'UTC'
${SERVERS_POSTGRES_CONF:-}
CONF
}

servers_postgres_run() {
  local data=$TEST_SERVERS_DIR/postgres
  servers_postgres_user
  cd / # the user may not read the caller's directory
  if [[ ! -d $data ]]; then servers_postgres_init || exit 1; fi
  exec "${AS_POSTGRES[@]}" "$@" "$PG_BIN/postgres" -D "$data"
}

# The eighth line of postmaster.pid is the server's own word for how far it is.
servers_postgres_ready() {
  [[ $(sed -n 8p "$TEST_SERVERS_DIR/postgres/postmaster.pid") == ready* ]]
}
