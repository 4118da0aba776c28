/**
 * The program behind `restore_command`: a POSIX shell script in the spool folder, so that it runs wherever a server
 * runs and starts in a millisecond. It talks to the feed by file names only:
 *
 * - `ready/<name>`: a checked file, complete (it was renamed into place); taken with `mv`.
 * - `request/<name>`: made by the script when nothing is ready.
 * - `absent/<name>`: the feed's answer that there is no such file: exit 1, which ends recovery normally.
 * - `failed`: the feed found damage: exit 201. Above 125 the server aborts recovery instead of ending it early and
 *   promoting with less data (manual: 26.3 "restore_command", 20.5.5).
 * - `feed`: process id of the feed; when that is gone, or `closed` is there, exit 202.
 */
export const RESTORE_SCRIPT_NAME = "restore-wal.sh";

export const RESTORE_SCRIPT = `#!/bin/sh
# Hands WAL to the server: restore-wal.sh %f %p
spool=\${0%/*}
name=$1
target=$2
case $name in
  '' | *[!0-9A-Za-z.]* | .*) echo "restore-wal: not a WAL file name: $name" >&2; exit 203 ;;
esac
asked=0
while :; do
  if [ -f "$spool/ready/$name" ]; then
    mv -f "$spool/ready/$name" "$target" && exit 0
    exit 204
  fi
  if [ -e "$spool/absent/$name" ]; then
    rm -f "$spool/absent/$name"
    exit 1
  fi
  if [ -e "$spool/failed" ]; then
    cat "$spool/failed" >&2
    exit 201
  fi
  if [ -e "$spool/closed" ]; then exit 202; fi
  if [ "$asked" = 0 ]; then
    : > "$spool/request/$name"
    asked=1
  fi
  read -r pid < "$spool/feed" || exit 202
  if ! [ -d "/proc/$pid" ] && ! kill -0 "$pid" 2>/dev/null; then exit 202; fi
  sleep 0.01 2>/dev/null || sleep 1
done
`;

/**
 * Value for the server's setting: the script's path in single quotes, `%` doubled, a quote written without a backslash
 * (a configuration file would eat it). A path that a configuration file
 * cannot hold (line breaks) is named from the data directory, where the server runs.
 */
export function restoreCommand(scriptPath: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  const path = /[\u0000-\u001f\u007f]/u.test(scriptPath) ? `../spool/${RESTORE_SCRIPT_NAME}` : scriptPath;
  const quoted = path.replaceAll("'", `'"'"'`).replaceAll("%", "%%");
  return `/bin/sh '${quoted}' %f "%p"`;
}
