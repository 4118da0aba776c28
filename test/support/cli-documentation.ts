import { parse } from "yaml";
import { z } from "zod";

/** A fenced block of a page. */
export interface Block {
  /** `docs/cli.md:12`. */
  readonly where: string;
  readonly lines: readonly Line[];
}

interface Line {
  readonly where: string;
  readonly text: string;
  toString(): string;
}

export interface DocumentedCommand {
  readonly where: string;
  readonly text: string;
  readonly argv: readonly string[];
  /** 0, or what a comment behind it says: `# exit 1`. */
  readonly exit: number;
}

export function blocks(page: string, text: string, language: string): readonly Block[] {
  const found: { where: string; lines: Line[] }[] = [];
  let open: Line[] | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const where = `${page}:${index + 1}`;
    if (line.startsWith("```")) {
      const begins: boolean = open === null;
      open = begins ? [] : null;
      if (begins && line.slice(3).trim() === language) found.push({ where, lines: open ?? [] });
    } else open?.push({ where, text: line, toString: () => line });
  }
  return found;
}

/** Empty for a line without a command. A variable put before a command is not understood. */
export function commandOf({ where, text }: Line): readonly DocumentedCommand[] {
  const [command = "", ...comment] = text.split(/\s#\s?/u);
  const argv = words(command.trim());
  if (argv.length === 0 || text.trim().startsWith("#")) return [];
  const exit = Number(/exit (\d)/u.exec(comment.join(" "))?.[1] ?? 0);
  return [{ where, text: text.trim(), argv, exit }];
}

/** Splits as a shell does where nothing but quotes is used; anything else a shell would act on is refused. */
export function words(command: string): readonly string[] {
  if (/[|&;<>$`\\*?]/u.test(command)) throw new Error(`a shell would be needed for: ${command}`);
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/gu)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? "",
  );
}

const stepsSchema = z.array(z.looseObject({ uses: z.string() }));
const partSchema = z.looseObject({ apiVersion: z.string().optional(), systems: z.array(z.unknown()).optional() });
const inventoryHead = { apiVersion: "firedrill/v1", kind: "Inventory" };

/** A page may show a part: steps of a playbook, systems, or fields of one. It is put where it belongs, the rest is plain. */
export function wholeDocument(text: string): string {
  const value: unknown = parse(text);
  const steps = stepsSchema.safeParse(value);
  if (steps.success) return JSON.stringify(playbookWith(steps.data));
  const part = partSchema.parse(value);
  if (part.apiVersion !== undefined) return `${text}\n`;
  const { systems = [{ name: "orders", engine: "postgresql", ...part }] } = part;
  return JSON.stringify({ ...inventoryHead, systems });
}

type Steps = z.infer<typeof stepsSchema>;

function playbookWith(steps: Steps): object {
  const of = (family: RegExp): Steps => steps.filter((step) => family.test(step.uses));
  const output = (step: string, name: string): string => `\${{ steps.${step}.outputs.${name} }}`;
  const restore = { backup: output("backup", "backup"), into: output("sandbox", "sandbox") };
  const shown = of(/^postgres\/restore$/u).map((step) => ({ id: "restore", ...step }));
  const promotes = JSON.stringify(steps).includes("steps.promote.");
  const looked = promotes ? [{ id: "replicas", uses: "postgres/replica-status" }] : [];
  const promoted = promotes ? [{ id: "promote", uses: "postgres/promote" }] : [];
  const check = { uses: "verify/sql", with: { on: output("restore", "database"), query: "select 1", expect: "== 1" } };
  return {
    apiVersion: "firedrill/v1",
    kind: "Playbook",
    metadata: { name: "part" },
    phases: {
      prepare: [{ id: "backup", uses: "backup/find", with: { select: "newest" } }, ...of(/^backup\//u), ...looked],
      disaster: [{ uses: "disaster/declare" }],
      recover: [
        { id: "sandbox", uses: "sandbox/create", with: { kind: "process", ttl: "2h" } },
        ...of(/^sandbox\//u),
        ...(shown.length > 0 ? shown : [{ id: "restore", uses: "postgres/restore", with: restore, timeout: "30m" }]),
        ...promoted,
      ],
      verify: [check, ...steps.filter((step) => !/^(?:backup|sandbox)\/|^postgres\/restore$/u.test(step.uses))],
    },
  };
}
