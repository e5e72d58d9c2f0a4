# shellcheck shell=bash
# The servers that tests, benchmarks and chaos runs need: finds or installs the programs, starts
# private instances on free loopback ports in a temporary directory, and stops them by process id.
# It never touches an instance that it did not start. To be sourced, never run.
#
#   servers_ensure                    the programs are there afterwards, or the reason is printed
#   servers_up [NAME…]                postgres, rabbitmq, smtp-sink (default: all); exports TEST_*
#   servers_supervise CMD…            runs CMD so that signals reach it and us
#   servers_down                      stops what was started and removes the directory
#   servers_start NAME / servers_crash NAME   for chaos, within a running set
#
# Every server is a child in its own session, so that Ctrl-C in a terminal reaches the tests first,
# and is told by the kernel to end when this shell is killed.

servers_say() { printf 'servers: %s\n' "$*" >&2; }

# shellcheck source=scripts/lib/packages.sh
source "${BASH_SOURCE[0]%/*}/packages.sh"
# shellcheck source=scripts/lib/process.sh
source "${BASH_SOURCE[0]%/*}/process.sh"
# shellcheck source=scripts/lib/postgres.sh
source "${BASH_SOURCE[0]%/*}/postgres.sh"
# shellcheck source=scripts/lib/rabbitmq.sh
source "${BASH_SOURCE[0]%/*}/rabbitmq.sh"
# shellcheck source=scripts/lib/smtp_sink.sh
source "${BASH_SOURCE[0]%/*}/smtp_sink.sh"

servers_launch() {
  case $1 in
    postgres) servers_spawn postgres QUIT servers_postgres_run ;;
    rabbitmq)
      if [[ ! -d $TEST_SERVERS_DIR/rabbitmq ]]; then servers_rabbitmq_init; fi
      # Its own name server, and up before the node, or the node would leave one behind.
      if ! servers_alive epmd; then
        servers_spawn epmd TERM servers_epmd_run
        servers_wait epmd 10 servers_listening "$EPMD_PORT" || return 1
      fi
      servers_spawn rabbitmq KILL servers_rabbitmq_run
      ;;
    smtp-sink) servers_spawn smtp-sink TERM servers_smtp_sink_run ;;
    *) servers_say "no such server: $1 (postgres, rabbitmq, smtp-sink)" && return 1 ;;
  esac
}

servers_ready() {
  case $1 in
    postgres) servers_wait postgres 60 servers_postgres_ready ;;
    rabbitmq) servers_wait rabbitmq 120 servers_rabbitmq_ready ;;
    smtp-sink) servers_wait smtp-sink 10 servers_listening "$SMTP_SINK_PORT" ;;
  esac
}

# Starts one server of the running set again, on its old port with its old data.
servers_start() {
  if servers_alive "$1"; then return 0; fi
  if [[ $1 == postgres ]]; then rm -f "$TEST_SERVERS_DIR/postgres/postmaster.pid"; fi
  servers_launch "$1" && servers_ready "$1"
}

# Kills one server of the running set as a power cut would; its children are gone on return.
servers_crash() {
  local pid child children limit=$((SECONDS + 10))
  servers_alive "$1" || return 0
  read -r pid _ <"$TEST_SERVERS_DIR/$1.pid"
  read -r -a children <"/proc/$pid/task/$pid/children" || true
  servers_kill "$1" KILL
  for child in "${children[@]}"; do
    while servers_birth "$child" >/dev/null; do
      if ((SECONDS >= limit)); then servers_say "$1's child $child outlives it" && return 1; fi
      sleep 0.02
    done
  done
}

# Starts all (or the named) servers side by side and exports what tests read.
servers_up() {
  local name ports base=${TMPDIR:-/tmp}
  SERVERS_NAMES=("$@")
  if (($# == 0)); then SERVERS_NAMES=(postgres rabbitmq smtp-sink); fi
  TEST_SERVERS_DIR=$(mktemp -d "$base/budstikke-servers.XXXXXX")
  # Others may pass through (the database runs as another user), not list; secrets are 0600.
  chmod 711 "$TEST_SERVERS_DIR"
  read -r -a ports < <(servers_ports 6)
  POSTGRES_PORT=${ports[0]} RABBITMQ_PORT=${ports[1]} RABBITMQ_DIST_PORT=${ports[2]}
  RABBITMQ_API_PORT=${ports[3]} EPMD_PORT=${ports[4]} SMTP_SINK_PORT=${ports[5]}
  POSTGRES_SECRET=$(servers_secret) RABBITMQ_SECRET=$(servers_secret)
  TEST_POSTGRES_URL="postgres://postgres:$POSTGRES_SECRET@127.0.0.1:$POSTGRES_PORT/postgres"
  TEST_AMQP_URL="amqp://admin:$RABBITMQ_SECRET@127.0.0.1:$RABBITMQ_PORT/%2f"
  TEST_RABBITMQ_API="http://admin:$RABBITMQ_SECRET@127.0.0.1:$RABBITMQ_API_PORT"
  TEST_RABBITMQCTL=$(printf %q "$TEST_SERVERS_DIR/rabbitmq/rabbitmqctl")
  TEST_SMTP_URL="smtp://127.0.0.1:$SMTP_SINK_PORT"
  (
    umask 077
    for name in PG_BIN RABBITMQ_BIN TEST_SMTP_SINK TEST_PYTHON POSTGRES_PORT RABBITMQ_PORT \
      RABBITMQ_DIST_PORT RABBITMQ_API_PORT EPMD_PORT SMTP_SINK_PORT POSTGRES_SECRET \
      RABBITMQ_SECRET; do printf '%s=%q\n' "$name" "${!name}"; done >"$TEST_SERVERS_DIR/env"
  )
  export TEST_SERVERS_DIR TEST_SMTP_SINK TEST_PYTHON
  SERVERS_BOUND=yes
  for name in "${SERVERS_NAMES[@]}"; do
    servers_launch "$name" || return 1
    case $name in
      postgres) export TEST_POSTGRES_URL ;;
      rabbitmq) export TEST_AMQP_URL TEST_RABBITMQ_API TEST_RABBITMQCTL ;;
      smtp-sink) export TEST_SMTP_URL ;;
    esac
  done
  for name in "${SERVERS_NAMES[@]}"; do servers_ready "$name" || return 1; done
}

# Stops everything that was started here; the directory goes unless SERVERS_KEEP is set.
servers_down() {
  if [[ -z ${TEST_SERVERS_DIR:-} ]]; then return 0; fi
  trap '' INT TERM HUP
  # The data is thrown away, so nobody waits for a checkpoint.
  servers_kill smtp-sink TERM
  servers_kill rabbitmq KILL
  servers_kill epmd TERM
  servers_kill postgres QUIT
  if [[ -n ${SERVERS_KEEP:-} ]]; then
    servers_say "data and logs are kept in $TEST_SERVERS_DIR"
  else
    rm -rf "$TEST_SERVERS_DIR"
  fi
  unset TEST_SERVERS_DIR
}
