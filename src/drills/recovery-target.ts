/** Up to where a restore replays. Written in a playbook as one string, see {@link parseRecoveryTarget}. */
export type RecoveryTarget =
  | { readonly kind: "latest" }
  | { readonly kind: "immediate" }
  | { readonly kind: "time"; readonly wallUs: number; readonly text: string }
  | { readonly kind: "lsn"; readonly lsn: string }
  | { readonly kind: "name"; readonly name: string };

const LSN = /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/u;
/** Date, time and an explicit offset: a time without a zone means another instant on another machine. */
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d{1,6})?(Z|[+-]\d{2}:?\d{2})$/u;

/**
 * `latest`, `immediate`, an LSN (`16/B374D848`), a time with zone (`2026-11-21T03:00:00Z`, up to microseconds) or
 * `name:<restore point>`. Undefined when it is none of them.
 */
export function parseRecoveryTarget(text: string): RecoveryTarget | undefined {
  if (text === "latest" || text === "immediate") return { kind: text };
  if (LSN.test(text)) return { kind: "lsn", lsn: text.toUpperCase() };
  if (text.startsWith("name:") && text.length > 5 && text.length <= 5 + 63)
    return { kind: "name", name: text.slice(5) };
  return parseTime(text);
}

function parseTime(text: string): RecoveryTarget | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, date = "", time = "", fraction = "", zone = ""] = match;
  const milliseconds = Date.parse(
    `${date}T${time}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`,
  );
  if (Number.isNaN(milliseconds)) return undefined;
  return { kind: "time", wallUs: milliseconds * 1000 + Number(fraction.slice(1).padEnd(6, "0")), text };
}

export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case "latest":
    case "immediate":
      return target.kind;
    case "time":
      return target.text;
    case "lsn":
      return target.lsn;
    case "name":
      return `name:${target.name}`;
    default:
      return target satisfies never;
  }
}
