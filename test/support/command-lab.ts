import { execFileSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCommands, type MachineCommands } from "../../src/commands/commands.ts";
import { createRedactor, type Redactor } from "../../src/support/redact.ts";
import { systemClock } from "../../src/support/system-clock.ts";

/** A folder with scripts of its own, and the driver that may run some of them. */
export interface CommandLab extends AsyncDisposable {
  readonly dir: string;
  readonly redactor: Redactor;
  readonly commands: MachineCommands;
  /** A driver with another list. */
  allowing(...programs: readonly string[]): MachineCommands;
  /** Writes an executable script and gives its real path. */
  script(name: string, body: string): string;
  read(name: string): string | null;
  /** A named pipe: who has it open can be seen to end. */
  pipe(name: string): Pipe;
}

export interface Pipe {
  readonly path: string;
  /** Resolves with the first line that somebody wrote. */
  readonly line: Promise<string>;
  /** Resolves when nobody has it open any more. */
  readonly closed: Promise<void>;
}

export function commandLab(secrets: Readonly<Record<string, string>> = {}): CommandLab {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "fd-command-")));
  const redactor = createRedactor();
  const secret = async (ref: string): Promise<string> => {
    const value = secrets[ref] ?? "";
    redactor.add(value);
    return value;
  };
  const allowed: string[] = [];
  const driver = (list: readonly string[]): MachineCommands =>
    createCommands({ allowed: list, clock: systemClock(), redactor, secret });
  return {
    dir,
    redactor,
    commands: driver(allowed),
    allowing: (...programs) => driver(programs),
    script(name, body) {
      const path = join(dir, name);
      writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
      allowed.push(path);
      return path;
    },
    read: (name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), "utf8") : null),
    pipe: (name) => namedPipe(join(dir, name)),
    [Symbol.asyncDispose]: async () => rmSync(dir, { recursive: true, force: true }),
  };
}

function namedPipe(path: string): Pipe {
  execFileSync("mkfifo", [path]);
  const stream = createReadStream(path, "utf8");
  const line = new Promise<string>((resolve) => {
    let text = "";
    stream.on("data", (chunk) => {
      text += String(chunk);
      if (text.includes("\n")) resolve(text.split("\n")[0] ?? "");
    });
  });
  const closed = new Promise<void>((resolve) => stream.once("end", () => resolve()));
  return { path, line, closed };
}
