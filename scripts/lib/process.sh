# shellcheck shell=bash
# Starting, watching and ending processes by id. Sourced by servers.sh.

# The start time of a process in clock ticks: with the id it names one process for good.
servers_birth() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # split into fields on purpose
  set -- $stat
  if [[ $1 == Z ]]; then return 1; fi
  echo "${20}"
}

# Is the server NAME, as we started it, running?
servers_alive() {
  local pid birth
  read -r pid birth 2>/dev/null <"$TEST_SERVERS_DIR/$1.pid" || return 1
  [[ $(servers_birth "$pid") == "$birth" ]]
}

# servers_spawn NAME SIGNAL FUNCTION: calls FUNCTION with a launcher to put before the server; it
# must end in `exec`, so that its process id is the server's. In a bound set the kernel sends SIGNAL
# when this shell is gone.
servers_spawn() {
  local name=$1 signal=$2 pid
  shift 2
  (
    trap - EXIT INT TERM HUP
    launcher=(setsid)
    if [[ -n ${SERVERS_BOUND:-} ]]; then launcher+=(setpriv --pdeathsig "$signal"); fi
    "$@" "${launcher[@]}"
  ) >>"$TEST_SERVERS_DIR/$name.log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(servers_birth "$pid")" >"$TEST_SERVERS_DIR/$name.pid"
  disown "$pid" # or the shell reports how it ended
}

# servers_wait NAME SECONDS CHECK…: until CHECK holds; fails with the log when the server ended.
servers_wait() {
  local name=$1 limit=$((SECONDS + $2))
  shift 2
  until "$@" 2>/dev/null; do
    if ! servers_alive "$name"; then
      servers_say "$name ended while starting; the end of its log:"
      tail -n 40 "$TEST_SERVERS_DIR/$name.log" >&2
      return 1
    fi
    if ((SECONDS >= limit)); then
      servers_say "$name is not ready in time; the end of its log:"
      tail -n 40 "$TEST_SERVERS_DIR/$name.log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# servers_kill NAME SIGNAL: that process and nothing else, with KILL after ten seconds.
servers_kill() {
  local name=$1 signal=$2 pid limit=$((SECONDS + 10))
  servers_alive "$name" || return 0
  read -r pid _ <"$TEST_SERVERS_DIR/$name.pid"
  kill "-$signal" "$pid" 2>/dev/null || true
  while servers_alive "$name"; do
    if ((SECONDS >= limit)); then kill -KILL "$pid" 2>/dev/null || true; fi
    sleep 0.02
  done
}

# servers_ports N: free loopback ports. Below the range from which the kernel serves outgoing
# connections, so that nobody is given one between our look and the server's bind.
servers_ports() {
  "$TEST_PYTHON" - "$1" <<'PYTHON'
import random, socket, sys
held = []
while len(held) < int(sys.argv[1]):
    candidate = socket.socket()
    try:
        candidate.bind(("127.0.0.1", random.randint(20000, 31999)))
        held.append(candidate)
    except OSError:
        candidate.close()
print(*(one.getsockname()[1] for one in held))
PYTHON
}

servers_secret() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# The process and all below it, deepest last.
servers_tree() {
  local child children=()
  echo "$1"
  read -r -a children 2>/dev/null <"/proc/$1/task/$1/children" || true
  for child in "${children[@]}"; do servers_tree "$child"; done
}

# What a signal does outside servers_supervise: leave, through the caller's EXIT trap.
servers_traps() {
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
}

# Runs CMD in the terminal's foreground group and passes INT, TERM and HUP on. A CMD that does not
# end within three seconds is asked once more, after ten it is ended with all its descendants.
# Returns its status, or 128 + the signal.
servers_supervise() {
  local pid status=0 signal='' victim passed=0
  # A shell's background job ignores INT and QUIT and has no input; this one must not.
  setpriv --pdeathsig TERM env --default-signal=INT,QUIT "$@" <&0 &
  pid=$!
  # Ctrl-C in a terminal has reached CMD already, so INT is not passed on at once.
  trap 'signal=2' INT
  trap 'signal=15; kill -TERM "$pid" 2>/dev/null || true' TERM
  trap 'signal=1; kill -TERM "$pid" 2>/dev/null || true' HUP
  wait "$pid" || status=$?
  if [[ -n $signal ]]; then
    while servers_birth "$pid" >/dev/null; do
      if ((passed == 30)); then kill -TERM "$pid" 2>/dev/null || true; fi
      if ((passed == 100)); then
        for victim in $(servers_tree "$pid"); do kill -KILL "$victim" 2>/dev/null || true; done
      fi
      passed=$((passed + 1))
      sleep 0.1 || true
    done
    status=$((128 + signal))
  fi
  servers_traps
  return "$status"
}
