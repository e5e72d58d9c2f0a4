# shellcheck shell=bash
# Postfix' smtp-sink, which takes every mail and keeps none. Sourced by servers.sh.

servers_smtp_sink_run() {
  local who=()
  if ((EUID == 0)); then who=(-u nobody); fi
  exec "$@" "$TEST_SMTP_SINK" "${who[@]}" "127.0.0.1:$SMTP_SINK_PORT" 256
}
