import type { FailureClass } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import type { CopiedOrder } from "./copy-queue.ts";
import { errnoOf } from "./subject-error.ts";

/** What a thread of a copy says. */
export type CopyReport =
  | { readonly kind: "copied"; readonly files: readonly CopiedOrder[] }
  | { readonly kind: "failed"; readonly error: PackedError };

/** An error on its way between threads, which would lose its class and its code. */
export type PackedError =
  | {
      readonly kind: "step";
      readonly class: FailureClass;
      readonly code: string;
      readonly message: string;
      readonly hint: string | null;
    }
  | { readonly kind: "system"; readonly code: string; readonly syscall: string; readonly message: string }
  | { readonly kind: "other"; readonly error: unknown };

export function packError(error: unknown): PackedError {
  if (error instanceof StepError) {
    return { kind: "step", class: error.class, code: error.code, message: error.message, hint: error.hint ?? null };
  }
  const code = errnoOf(error);
  if (code === undefined || !(error instanceof Error) || !("syscall" in error)) return { kind: "other", error };
  return { kind: "system", code, syscall: String(error.syscall), message: error.message };
}

export function unpackError(packed: PackedError): unknown {
  switch (packed.kind) {
    case "step": {
      const hint = packed.hint === null ? {} : { hint: packed.hint };
      return new StepError(packed.class, packed.code, packed.message, hint);
    }
    case "system":
      return Object.assign(new Error(packed.message), { code: packed.code, syscall: packed.syscall });
    case "other":
      return packed.error;
    default:
      return packed satisfies never;
  }
}
