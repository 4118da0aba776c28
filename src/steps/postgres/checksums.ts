import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { sandboxRefSchema } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step } from "../../engine/step-contract.ts";
import { formatBytes } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import type { BadPage, PageReport, PageRequest, PageVerifier } from "../ports/checks.ts";
import type { Session, Sessions } from "../ports/postgres.ts";
import { CONNECT_TIMEOUT_MS } from "./timeouts.ts";

const inputSchema = z.strictObject({
  on: databaseRefSchema,
  sandbox: sandboxRefSchema.describe("The sandbox the copy runs in: its files are read."),
});

const outputSchema = z.object({
  pages: z.number().int().describe("Pages read."),
  bytes: z.number().int().describe("Bytes read."),
  bad: z.number().int().describe("Pages whose checksum is wrong."),
  bytesPerSecond: z.number().int().describe("Rate of reading and verifying."),
});

/** Verifies the checksum of every page on disk, of all databases of the copy. */
export function checksumsStep(deps: {
  readonly sessions: Sessions;
  readonly pages: PageVerifier;
}): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "postgres/checksums",
    summary: "Verifies the page checksums of all files of the restored copy.",
    role: "check",
    effect: "sandbox",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 10 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const options = {
        readOnly: false,
        statementTimeoutMs: 0,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: ctx.signal,
      };
      await using session = await deps.sessions.open(input.on, options);
      const request = await prepare(session, input.sandbox.dir);
      // What is still in the server's memory is not on disk; from here on the files are complete.
      await session.query("checkpoint");
      const report = await deps.pages.verify(request, {
        signal: ctx.signal,
        progress: (progress) => ctx.progress(progress),
      });
      if (report.pages === 0) {
        throw new StepError("permanent", "CHECKSUMS_NOTHING", `there is not a single page below ${request.dataDir}`, {
          hint: "was anything restored?",
        });
      }
      return answer(report, await name(session, report.bad));
    },
  });
}

type Settings = {
  readonly enabled: string;
  readonly dir: string;
  readonly block_bytes: number;
  readonly segment_blocks: number;
};

/** The data directory is the server's own answer: so the files are surely those of the copy that was asked for. */
async function prepare(session: Session, sandboxDir: string): Promise<PageRequest> {
  const [settings] = await session.query<Settings>(
    `select pg_catalog.current_setting('data_checksums') as enabled, pg_catalog.current_setting('data_directory') as dir,
       pg_catalog.current_setting('block_size')::int4 as block_bytes,
       (select setting::int4 from pg_catalog.pg_settings where name = 'segment_size') as segment_blocks`,
  );
  if (settings?.enabled !== "on") {
    throw new StepError(
      "permanent",
      "CHECKSUMS_OFF",
      "the cluster was made without data checksums: there is nothing to verify",
      {
        hint: "make the check `required: false`, or switch them on in the original with pg_checksums --enable",
      },
    );
  }
  if (!settings.dir.startsWith(`${sandboxDir}/`)) {
    throw new StepError(
      "permanent",
      "CHECKSUMS_OUTSIDE",
      `the server's files are in ${settings.dir}, not in the sandbox ${sandboxDir}`,
      {
        hint: "give the check the sandbox that `on` was restored into",
      },
    );
  }
  return {
    dataDir: settings.dir,
    root: sandboxDir,
    blockBytes: settings.block_bytes,
    segmentBlocks: settings.segment_blocks,
  };
}

const MAX_NAMED = 5;

/** `base/5/16384 block 3 (public.orders)`; relations of other databases stay with their file's name. */
async function name(session: Session, bad: readonly BadPage[]): Promise<readonly string[]> {
  const named: string[] = [];
  for (const { file, block, reason } of bad.slice(0, MAX_NAMED)) {
    const [row] = await session.query<{ readonly relation: string | null }>(
      `select (select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
               where pg_catalog.pg_relation_filepath(c.oid) = $1) as relation`,
      [file.replace(/(?:_[a-z]+)?(?:\.\d+)?$/u, "")],
    );
    const relation = row?.relation ?? null;
    named.push(
      `${file} block ${block}${relation === null ? "" : ` (${printable(relation, 140)})`}${reason === "short" ? ": cut off" : ""}`,
    );
  }
  return named;
}

function answer(report: PageReport, named: readonly string[]) {
  const { pages, bytes, badCount, durationUs, files } = report;
  const bytesPerSecond = Math.round((bytes * 1_000_000) / Math.max(1, durationUs));
  const more = badCount > named.length ? [`and ${badCount - named.length} more`] : [];
  const read = `${pages} pages in ${files} files, ${formatBytes(bytes)} at ${formatBytes(bytesPerSecond)}/s`;
  return {
    kind: "check" as const,
    passed: badCount === 0,
    outputs: { pages, bytes, bad: badCount, bytesPerSecond },
    check: {
      title: "page checksums",
      expected: "every page has the right checksum",
      actual:
        badCount === 0
          ? `all right: ${read}`
          : `${badCount} of ${pages} pages are wrong: ${[...named, ...more].join("; ")}`,
      coverage: { checked: pages, total: pages, unit: "pages" },
    },
  };
}
