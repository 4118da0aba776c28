import { basename } from "node:path";
import { z } from "zod";
import { StepError } from "../drills/step-error.ts";

/** Where a line stands, for the message when it is not what it should be. */
export interface LinePlace {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
}

/** A whole number of a line; throws `TRAFFIC_LOG`. */
export function numberAt(fields: readonly string[], index: number, place: LinePlace): number {
  const text = fields[index];
  const value = text === undefined || text === "" ? Number.NaN : Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw damaged(place, `field ${index + 1} is no number`);
}

export function textAt(fields: readonly string[], index: number, place: LinePlace): string {
  const text = fields[index];
  if (text !== undefined && text !== "") return text;
  throw damaged(place, `field ${index + 1} is missing`);
}

export function damaged({ path, line }: LinePlace, why: string): StepError {
  return new StepError("permanent", "TRAFFIC_LOG", `${basename(path)}, line ${line}: ${why}`, {
    hint: "the file was changed or damaged; what it says is not used",
  });
}

/** The first line. Throws `TRAFFIC_LOG` for a version that this program does not read. */
export function readHeader<S extends z.ZodType>(
  schema: S,
  version: string,
  line: string,
  place: LinePlace,
): z.output<S> {
  const document = parseJson(line);
  const found = z.object({ schemaVersion: z.string() }).safeParse(document).data?.schemaVersion;
  if (found !== version) throw damaged(place, `its version is ${found ?? "not told"}; this program reads ${version}`);
  const header = schema.safeParse(document);
  if (header.success) return header.data;
  throw damaged(place, "the header is not whole");
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
