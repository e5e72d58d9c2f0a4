# shellcheck shell=bash
# Postfix' smtp-sink, which takes every mail and keeps none. Sourced by servers.sh.

servers_smtp_sink_run() {
  local who=()
  if ((EUID == 0)); then
    who=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups)
  fi
  exec "${who[@]}" "$@" "$TEST_SMTP_SINK" "127.0.0.1:$SMTP_SINK_PORT" 256
}
