# shellcheck shell=bash
# Which programs the tests need, where they are, and how they get here. Sourced by servers.sh.

# Sets PG_BIN, RABBITMQ_BIN, TEST_SMTP_SINK and TEST_PYTHON, empty where nothing was found.
servers_find() {
  local candidate
  PG_BIN='' RABBITMQ_BIN='' TEST_SMTP_SINK='' TEST_PYTHON=''
  while IFS= read -r candidate; do # the newest, and Debian's place before others
    if [[ -x $candidate/initdb && -x $candidate/postgres ]]; then PG_BIN=$candidate && break; fi
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV
    printf '%s\n' /usr/bin /usr/local/bin
  )
  for candidate in /usr/lib/rabbitmq/bin /usr/lib/rabbitmq/lib/*/sbin /opt/rabbitmq/sbin; do
    # Not the wrappers in /usr/sbin: they insist on being the user rabbitmq.
    if [[ -x $candidate/rabbitmq-server ]]; then RABBITMQ_BIN=$candidate && break; fi
  done
  if ! command -v epmd >/dev/null; then RABBITMQ_BIN=''; fi
  for candidate in /usr/sbin/smtp-sink /usr/libexec/postfix/smtp-sink "$(command -v smtp-sink)"; do
    if [[ -x $candidate ]]; then TEST_SMTP_SINK=$candidate && break; fi
  done
  for candidate in /usr/bin/python3 "$(command -v python3)"; do
    if [[ -x $candidate ]] && "$candidate" -c 'import pika' 2>/dev/null; then
      TEST_PYTHON=$candidate && break
    fi
  done
}

# The Debian packages that are missing, one a line.
servers_missing() {
  if [[ -z $PG_BIN ]]; then echo postgresql; fi
  if [[ -z $RABBITMQ_BIN ]]; then echo rabbitmq-server; fi
  if [[ -z $TEST_SMTP_SINK ]]; then echo postfix; fi
  if [[ -z $TEST_PYTHON ]]; then echo python3-pika; fi
}

# Makes sure that every program is there; installs on Debian and Ubuntu as root.
servers_ensure() {
  local missing
  servers_find
  mapfile -t missing < <(servers_missing)
  if ((${#missing[@]} == 0)); then return 0; fi
  if ! command -v apt-get >/dev/null; then
    servers_say "missing, under their Debian names: ${missing[*]}"
    servers_say "install PostgreSQL, RabbitMQ 3.10 or later, Postfix' smtp-sink and Python's pika, then run this again"
    return 1
  fi
  if ((EUID != 0)); then
    servers_say "missing packages: ${missing[*]}"
    servers_say "run: sudo apt-get install --no-install-recommends ${missing[*]}"
    servers_say "(they may start system services; these are not used and may be disabled again)"
    return 1
  fi
  servers_apt_install "${missing[@]}" || return 1
  servers_find
  mapfile -t missing < <(servers_missing)
  if ((${#missing[@]} > 0)); then
    servers_say "installed, and yet the programs of these packages are not found: ${missing[*]}"
    return 1
  fi
}

# Installs packages without starting their daemons and without removing anything.
servers_apt_install() {
  local log
  log=$(mktemp "${TMPDIR:-/tmp}/budstikke-apt.XXXXXX")
  servers_say "installing $*"
  if servers_apt_install_locked "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  tail -n 30 "$log" >&2
  servers_say "apt-get could not install: $* (whole output: $log)"
  return 1
}

servers_apt_install_locked() (
  local policy=/usr/sbin/policy-rc.d marker='# temporary, written by budstikke scripts/test'
  exec 9>/var/lock/budstikke-apt.lock
  flock -w 600 9 || { echo "another installation holds /var/lock/budstikke-apt.lock" && exit 1; }
  # A policy of the machine's owner stays as it is; ours goes whatever happens.
  if [[ ! -e $policy ]] || grep -qxF "$marker" "$policy"; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\n%s\nexit 101\n' "$marker" >"$policy"
    chmod 755 "$policy"
  fi
  export DEBIAN_FRONTEND=noninteractive
  if [[ " $* " == *' postfix '* ]]; then
    debconf-set-selections <<<'postfix postfix/main_mailer_type select No configuration'
  fi
  # One unreachable third-party source must not stop us; the installation itself decides.
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update || true
  apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    install -y --no-install-recommends --no-remove "$@"
)
