# shellcheck shell=bash
# A private RabbitMQ node with its own Erlang name server. Sourced by servers.sh.

# The environment of the private node, for the server and for rabbitmqctl.
servers_rabbitmq_environment() {
  local dir=$TEST_SERVERS_DIR/rabbitmq
  cat <<ENVIRONMENT
HOME=$dir
RABBITMQ_NODENAME=budstikke-$RABBITMQ_PORT@localhost
RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
RABBITMQ_NODE_PORT=$RABBITMQ_PORT
RABBITMQ_DIST_PORT=$RABBITMQ_DIST_PORT
RABBITMQ_MNESIA_BASE=$dir/data
RABBITMQ_LOG_BASE=$dir/log
RABBITMQ_LOGS=-
RABBITMQ_PID_FILE=$dir/pid
RABBITMQ_ENABLED_PLUGINS_FILE=$dir/enabled_plugins
RABBITMQ_CONFIG_FILE=$dir/rabbitmq.conf
RABBITMQ_CONFIG_FILES=$dir/conf.d
RABBITMQ_ADVANCED_CONFIG_FILE=$dir/none
RABBITMQ_CONF_ENV_FILE=$dir/none
RABBITMQ_GENERATED_CONFIG_DIR=$dir/generated
ERL_EPMD_PORT=$EPMD_PORT
ERL_EPMD_ADDRESS=127.0.0.1
ERL_CRASH_DUMP=$dir/crash.dump
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none
RABBITMQ_CTL_ERL_ARGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}
RABBITMQ_CTL_DIST_PORT_MIN=$((RABBITMQ_DIST_PORT + 10000))
RABBITMQ_CTL_DIST_PORT_MAX=$((RABBITMQ_DIST_PORT + 10400))
LC_ALL=C.UTF-8
ENVIRONMENT
}

servers_rabbitmq_init() {
  local dir=$TEST_SERVERS_DIR/rabbitmq
  (umask 077 && mkdir "$dir" "$dir"/{data,log,conf.d,generated})
  (umask 077 && servers_secret >"$dir/.erlang.cookie")
  chmod 400 "$dir/.erlang.cookie"
  # The management API makes a virtual host in milliseconds; rabbitmqctl takes a second or two.
  # Its statistics are off: they are no use here and cost processor time.
  echo '[rabbitmq_management].' >"$dir/enabled_plugins"
  (
    umask 077
    cat >"$dir/rabbitmq.conf" <<CONF
listeners.tcp.default = 127.0.0.1:$RABBITMQ_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBITMQ_API_PORT
management_agent.disable_metrics_collector = true
management.rates_mode = none
default_user = admin
default_pass = $RABBITMQ_SECRET
default_user_tags.administrator = true
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = warning
CONF
    {
      printf '#!/bin/sh\nexec env'
      while IFS= read -r line; do printf ' %q' "$line"; done < <(servers_rabbitmq_environment)
      printf ' %q -q "$@"\n' "$RABBITMQ_BIN/rabbitmqctl"
    } >"$dir/rabbitmqctl"
  )
  chmod 700 "$dir/rabbitmqctl"
}

servers_epmd_run() {
  exec "$@" epmd -port "$EPMD_PORT" -address 127.0.0.1
}

servers_rabbitmq_run() {
  local environment
  mapfile -t environment < <(servers_rabbitmq_environment)
  cd "$TEST_SERVERS_DIR/rabbitmq" || exit 1
  # With RUNNING_UNDER_SYSTEMD the start script becomes the server instead of watching it.
  unset NOTIFY_SOCKET
  exec "$@" env "${environment[@]}" RUNNING_UNDER_SYSTEMD=1 \
    "$RABBITMQ_BIN/rabbitmq-server"
}

servers_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# The broker answers an AMQP greeting; it opens its port last, when the node has booted.
servers_rabbitmq_ready() (
  exec 3<>"/dev/tcp/127.0.0.1/$RABBITMQ_PORT" || exit 1
  printf 'AMQP\x00\x00\x09\x01' >&3
  IFS= read -r -t 5 -N 1 answer <&3 && [[ $answer == $'\x01' ]]
)
