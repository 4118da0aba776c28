import { readFileSync } from "node:fs";
import { StepError } from "../../drills/step-error.ts";

export interface ServiceUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Who servers run as: we ourselves, or, when we are root, `postgres` where it exists, else `nobody`. Never root. */
export function serviceUser(self: { readonly uid: number; readonly gid: number }): ServiceUser {
  if (self.uid !== 0) return { name: "", uid: self.uid, gid: self.gid };
  const users = readFileSync("/etc/passwd", "utf8");
  const user = find(users, "postgres") ?? find(users, "nobody");
  if (user !== null) return user;
  throw new StepError(
    "permanent",
    "SANDBOX_USER",
    "Neither `postgres` nor `nobody` is in /etc/passwd, and a server must not run as root.",
    {
      hint: "Run firedrill as an ordinary user, or add the user `postgres` to this machine.",
    },
  );
}

function find(passwd: string, name: string): ServiceUser | null {
  const line = passwd.split("\n").find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = (line ?? "").split(":").map(Number);
  return uid === undefined || gid === undefined || !(uid > 0) || !(gid >= 0) ? null : { name, uid, gid };
}
