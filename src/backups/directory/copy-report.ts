import type { FailureClass } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import type { CopiedOrder } from "./copy-queue.ts";

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
  | { readonly kind: "other"; readonly error: unknown };

export function packError(error: unknown): PackedError {
  if (!(error instanceof StepError)) return { kind: "other", error };
  return { kind: "step", class: error.class, code: error.code, message: error.message, hint: error.hint ?? null };
}

export function unpackError(packed: PackedError): unknown {
  if (packed.kind === "other") return packed.error;
  return new StepError(packed.class, packed.code, packed.message, packed.hint === null ? {} : { hint: packed.hint });
}
