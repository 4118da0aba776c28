import { printable } from "../support/printable.ts";

/** What must hold while a drill disrupts a system; when it does not, the run stops into its cleanup. Plain data of the plan. */
export interface StopCondition {
  readonly title: string;
  readonly look: StopLook;
  /** From the begin of one look to the begin of the next. */
  readonly everyMs: number;
  /** Breaches in a row that stop the run. */
  readonly breaches: number;
  /** Deadline of one look. */
  readonly timeoutMs: number;
  /** What an answer that does not come, or says nothing, counts as: nothing, or a breach. */
  readonly whenUnknown: "continue" | "stop";
}

/** How it is looked at. `expect` is the text of an expectation (docs/playbook.md). */
export type StopLook =
  /** One value, read on the path of the system's clients. */
  | { readonly kind: "sql"; readonly query: string; readonly expect: string }
  | { readonly kind: "http"; readonly url: string; readonly status: number }
  /** An instant query; `url` is the server's base. */
  | { readonly kind: "prometheus"; readonly url: string; readonly query: string; readonly expect: string };

/** One look: a condition is breached only by an answer. */
export interface StopReading {
  readonly kind: "holds" | "breached" | "unknown";
  /** For people: the value, or why there is none. */
  readonly seen: string;
}

/** What is expected, in words. */
export function expectedOf({ look }: StopCondition): string {
  switch (look.kind) {
    case "sql":
    case "prometheus":
      return look.expect;
    case "http":
      return `status ${look.status}`;
    default:
      return look satisfies never;
  }
}

/** What stands for a condition that has no title. */
export function titleOfLook(look: StopLook): string {
  switch (look.kind) {
    case "sql":
    case "prometheus":
      return printable(look.query);
    case "http":
      return printable(look.url);
    default:
      return look satisfies never;
  }
}
