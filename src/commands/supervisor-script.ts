/**
 * Starts a command beside a supervisor in one process group. $1 marker, then the program and its arguments. Descriptor 3 is a
 * pipe that firedrill holds open and never writes to: its end means that firedrill is gone, also by SIGKILL.
 *
 * The shell becomes the command, so that its exit status reaches firedrill as it is. The supervisor stays behind in the group:
 * while it is there the group's number is nobody else's, and `kill 0` can meet no stranger. It ends first those that went
 * into a session of their own, by the marker in their environment, and then its group, those that wiped their environment
 * included.
 */
export const SUPERVISOR_SCRIPT = `
marker=$1
shift
(
  trap '' HUP INT QUIT TERM
  unset FIREDRILL_COMMAND
  read -r self rest </proc/self/stat
  read -r line <&3
  exec 3<&-
  cd /
  tries=0
  while [ "$tries" -lt 30 ]; do
    killed=
    for file in $(grep -lsF -- "$marker" /proc/[0-9]*/environ); do
      pid=\${file#/proc/}
      pid=\${pid%/environ}
      [ "$pid" = "$self" ] || { kill -9 "$pid" 2>/dev/null && killed=1; }
    done
    [ -n "$killed" ] || break
    tries=$((tries + 1))
    [ "$tries" -lt 10 ] || sleep 1
  done
  kill -9 0
) >/dev/null 2>&1 &
exec 3<&-
exec "$@"
`;
