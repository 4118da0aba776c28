import { closeSync, constants, openSync } from "node:fs";

/** `sun_path` holds 108 bytes with its final NUL (unix(7)). */
const LONGEST_SOCKET_PATH = 107;

/** `/.s.PGSQL.65535` and the like: what a client puts behind the folder. */
const ROOM_FOR_NAME = 16;

export interface SocketDirectory extends AsyncDisposable {
  /** What a client takes as its host: the folder, or a short name for it that works in this process only. */
  readonly host: string;
  /** Lets go of the short name; connections that are open stay open. May be called twice. */
  release(): void;
}

/**
 * A folder of unix sockets under a name short enough to connect to. A path that is too long is reached through
 * `/proc/self/fd/<n>` of the opened folder. Throws what `open(2)` says when the folder cannot be entered.
 */
export function openSocketDirectory(dir: string): SocketDirectory {
  const fd =
    Buffer.byteLength(dir) + ROOM_FOR_NAME <= LONGEST_SOCKET_PATH
      ? null
      : openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  let open = fd !== null;
  const release = (): void => {
    if (open && fd !== null) closeSync(fd);
    open = false;
  };
  return { host: fd === null ? dir : `/proc/self/fd/${fd}`, release, [Symbol.asyncDispose]: async () => release() };
}
