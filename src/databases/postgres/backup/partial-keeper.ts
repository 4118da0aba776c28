import { z } from "zod";
import { StepError } from "../../../drills/step-error.ts";
import type { ResourceKeeper } from "../../../engine/step-contract.ts";
import type { JsonObject } from "../../../support/json.ts";
import { endProcesses, processesOf } from "./backup-process.ts";
import { isThere, type PartialPlace, partialPlace, readLabel, removePartial, stuck } from "./partial.ts";

/**
 * Removes base backups that were begun and not finished; a finished one it never touches, and never one of another run.
 * It cannot list them: they lie in folders of backups, which only the ledger knows.
 */
export function partialBackupKeeper(installation: string): ResourceKeeper {
  return {
    kind: "backup-directory",
    list: async () => [],
    async destroy(locator, signal) {
      const { place, token } = readLocator(locator);
      signal.throwIfAborted();
      const whose = await whoseIs(place, token, installation);
      if (whose === "nobody's") throw stuck(place, "nothing beside it says that this run made it");
      if (whose === "ours") await removePartial(place, token);
      else await endProcesses(token);
    },
    async verifyGone(locator) {
      const { place, token } = readLocator(locator);
      const whose = await whoseIs(place, token, installation);
      const { found, looked } = processesOf(token);
      const folder = {
        ours: "still exists",
        "nobody's": "still exists",
        "another's": "is another run's",
        gone: "does not exist",
      }[whose];
      const how = `lstat: ${place.partial} ${folder}; /proc: ${found.length} of ${looked} processes bear its marker`;
      return { gone: (whose === "gone" || whose === "another's") && found.length === 0, how };
    },
  };
}

/** By its label alone. `ours` also when only the label is left. */
async function whoseIs(
  place: PartialPlace,
  token: string,
  installation: string,
): Promise<"ours" | "another's" | "nobody's" | "gone"> {
  const label = await readLabel(place);
  if (label !== null) return label.installation === installation && label.token === token ? "ours" : "another's";
  return (await isThere(place.partial)) || (await isThere(place.label)) ? "nobody's" : "gone";
}

const locatorSchema = z.object({
  into: z.string().startsWith("/"),
  name: z.string(),
  partial: z.string(),
  token: z.string().min(1),
});

/** A locator comes from a file: it may name nothing but what `backup/create` makes. */
function readLocator(locator: JsonObject): { readonly place: PartialPlace; readonly token: string } {
  const read = locatorSchema.safeParse(locator).data;
  if (read !== undefined) {
    const place = partialPlace(read.into, read.name);
    if (place.partial === read.partial) return { place, token: read.token };
  }
  throw new StepError(
    "permanent",
    "BACKUP_PARTIAL_LOCATOR",
    `the ledger names no unfinished backup: ${JSON.stringify(locator)}`,
    { hint: "nothing was removed; look for `*.partial` in the folder of backups" },
  );
}
