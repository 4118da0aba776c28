import { readFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { StepError } from "../drills/step-error.ts";
import type { SecretResolver } from "./engine-deps.ts";

/** `env:NAME` from the environment handed in, `file:/path` from a file, without its last line break. */
export function secretResolver(env: Readonly<Record<string, string | undefined>>): SecretResolver {
  return {
    async resolve(ref, signal) {
      const [scheme, rest] = splitReference(ref);
      switch (scheme) {
        case "env":
          return fromEnvironment(rest, env);
        case "file":
          return fromFile(rest, signal);
        default:
          throw unresolved(`${scheme}: is no kind of secret reference.`, "Write env:NAME or file:/absolute/path.");
      }
    },
  };
}

function splitReference(ref: string): readonly [string, string] {
  const colon = ref.indexOf(":");
  // The text itself may be a password somebody wrote where a reference belongs: it is not repeated.
  if (colon === -1)
    throw unresolved("A secret is given as text, not as a reference.", "Write env:NAME or file:/absolute/path.");
  return [ref.slice(0, colon), ref.slice(colon + 1)];
}

function fromEnvironment(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (value !== undefined && value !== "") return value;
  throw unresolved(`The environment variable ${name} is not set.`, `Set ${name} for the process that runs firedrill.`);
}

async function fromFile(path: string, signal: AbortSignal): Promise<string> {
  if (!isAbsolute(path))
    throw unresolved(`The secret file ${path} is not an absolute path.`, "Write file:/absolute/path.");
  const text = await readFile(path, { encoding: "utf8", signal }).catch((cause: unknown) => {
    throw unresolved(
      `The secret file ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      "Check the path and who may read it.",
    );
  });
  const value = text.replace(/\r?\n$/u, "");
  if (value === "") throw unresolved(`The secret file ${path} is empty.`, "Write the secret into it.");
  return value;
}

function unresolved(message: string, hint: string): StepError {
  return new StepError("permanent", "SECRET_UNRESOLVED", message, { hint });
}
