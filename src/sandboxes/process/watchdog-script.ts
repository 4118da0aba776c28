/**
 * Prints the pids of a sandbox: $1 its folder, $2 its marker. One line each. The watchdog and, where root may not look into
 * other users' processes, the cleanup run it as the service user.
 */
export const LOOK_SCRIPT = `
dir=$1 marker=$2
for proc in /proc/[0-9]*; do
  [ "$proc" = "/proc/$$" ] && continue
  cwd=$(readlink "$proc/cwd" 2>/dev/null) || continue
  case $cwd in "$dir" | "$dir/"* | "$dir (deleted)") echo "\${proc#/proc/}" ;; esac
done
grep -lsF -- "$marker" /proc/[0-9]*/environ | while read -r file; do
  file=\${file#/proc/}
  echo "\${file%/environ}"
done
`;

/**
 * The process that ends a sandbox. POSIX sh, because there is one per sandbox: 1 MB and 2 ms instead of 45 MB and 60 ms.
 * $1 folder, $2 seconds to live, $3 boot id, $4 marker, $5 LOOK_SCRIPT, $6 seconds between two looks, then a command prefix
 * that runs a program as the service user (empty where we may look ourselves). Time is /proc/uptime (CLOCK_BOOTTIME): it goes on while the machine
 * sleeps, and nobody can set it. TERM ends the sandbox at once.
 */
export const WATCHDOG_SCRIPT = `
dir=$1 ttl=$2 boot=$3 marker=$4 look=$5 pause=$6
shift 6
now() { read -r up rest </proc/uptime && up=\${up%%.*}; }
same_boot() { read -r id </proc/sys/kernel/random/boot_id && [ "$id" = "$boot" ]; }
members() {
  sh -c "$look" look "$dir" "$marker"
  [ $# -eq 0 ] || "$@" sh -c "$look" look "$dir" "$marker"
}

over=
trap 'over=1' TERM INT
trap '' HUP
ip link set lo up 2>/dev/null
now || exit 1
end=$((up + ttl))
echo ready
exec >&2

while [ -d "$dir" ] && [ -z "$over" ] && same_boot && now && [ "$up" -lt "$end" ]; do
  # Never past the end.
  left=$((end - up))
  [ "$left" -lt "$pause" ] || left=$pause
  sleep "$left"
done

cd /
tries=0
while [ "$tries" -lt 60 ]; do
  pids=$(members "$@")
  for pid in $pids; do [ "$pid" = "$$" ] || kill -9 "$pid" 2>/dev/null; done
  if [ -z "$pids" ]; then
    [ -d "$dir" ] || exit 0
    rm -rf -- "$dir" || chmod -R u+rwX "$dir"
  fi
  [ "$tries" -lt 5 ] || sleep 1
  tries=$((tries + 1))
done
exit 1
`;
