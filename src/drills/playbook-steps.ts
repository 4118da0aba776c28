import type { JsonObject, JsonValue } from "../support/json.ts";
import type { Draft } from "./load-document.ts";
import { WRITTEN_PHASES, type WrittenPhase } from "./phases.ts";
import { stepSchema, type PlaybookSpec, type StepSpec } from "./playbook-schema.ts";
import type { Path } from "./yaml-tree.ts";
import { valueAt } from "./zod-faults.ts";

/** A step as written, with the id it will have. */
export interface WrittenStep {
  readonly id: string;
  readonly phase: WrittenPhase;
  readonly path: Path;
  /** The step of the library it names, if it names one at all. */
  readonly uses: string | null;
  /** Null while its shape has faults; its id, input and outputs still count. */
  readonly spec: StepSpec | null;
  /** What `with:` says, templates as text. */
  readonly input: JsonObject;
}

/** All steps in drill order. Steps without id get one from `uses`: `verify-sql`, then `verify-sql-2`. */
export function collectSteps(draft: Draft<PlaybookSpec>): readonly WrittenStep[] {
  const raw = WRITTEN_PHASES.flatMap((phase) => rawSteps(draft, phase));
  const nextId = idMaker(new Set(raw.flatMap(({ value }) => textAt(value, "id") ?? [])));
  return raw.map(({ phase, path, value }) => {
    const spec = draft.isSound(path) ? (stepSchema.safeParse(value).data ?? null) : null;
    const uses = textAt(value, "uses") ?? null;
    const id = textAt(value, "id") ?? nextId(uses ?? "step");
    return { id, phase, path, uses, spec, input: asObject(valueAt(value, ["with"])) };
  });
}

interface RawStep {
  readonly phase: WrittenPhase;
  readonly path: Path;
  readonly value: JsonValue;
}

function rawSteps(draft: Draft<PlaybookSpec>, phase: WrittenPhase): readonly RawStep[] {
  const list = valueAt(draft.value, ["phases", phase]);
  if (!Array.isArray(list)) return [];
  return list.map((value: JsonValue, index) => ({ phase, path: ["phases", phase, index], value }));
}

function textAt(value: JsonValue, field: string): string | undefined {
  const text = valueAt(value, [field]);
  return typeof text === "string" ? text : undefined;
}

function idMaker(taken: ReadonlySet<string>): (uses: string) => string {
  const counts = new Map<string, number>();
  return (uses) => {
    const base = uses
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]+/gu, "-")
      .slice(0, 50);
    let count = (counts.get(base) ?? 0) + 1;
    while (taken.has(numbered(base, count))) count += 1;
    counts.set(base, count);
    return numbered(base, count);
  };
}

function numbered(base: string, count: number): string {
  return count === 1 ? base : `${base}-${count}`;
}

function asObject(value: JsonValue | undefined): JsonObject {
  // The one JSON value that is neither primitive nor list is an object.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
