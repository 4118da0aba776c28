import { z } from "zod";
import { pathSpecSchema } from "./path-spec.ts";

const common = {
  /** Of the traffic; payloads follow from it. */
  id: z.string(),
  run: z.string(),
  /** `NAME=value` as it stands in the environment of the process. */
  marker: z.string(),
  /** The file that the process makes and writes. */
  file: z.string(),
  schema: z.string(),
  table: z.string(),
  path: pathSpecSchema,
  answerTimeoutUs: z.number().int().positive(),
  ttlMs: z.number().int().positive(),
};

export const writerSpecSchema = z.object({
  ...common,
  writers: z.number().int().positive(),
  intervalUs: z.number().int().positive(),
  payloadBytes: z.number().int().nonnegative(),
  /** A level of the setting; it becomes part of a statement. */
  synchronousCommit: z.enum(["off", "local", "remote_write", "on", "remote_apply"]).nullable(),
  /** Of each writer; above 1 when an earlier process of the same traffic has used the numbers below. */
  firstSeq: z.array(z.number().int().positive()),
});
export type WriterSpec = z.infer<typeof writerSpecSchema>;

export const proberSpecSchema = z.object({ ...common, intervalUs: z.number().int().positive() });
export type ProberSpec = z.infer<typeof proberSpecSchema>;

export const LEDGER_VERSION = "firedrill/canary-ledger/v1";
export const PROBE_LOG_VERSION = "firedrill/probe-log/v1";

/** First line of both files: what the reader needs, and what a person wants to know. Without the password. */
export function headerOf(schemaVersion: string, spec: WriterSpec | ProberSpec, bootId: string): object {
  const { path, marker: _marker, file: _file, ...rest } = spec;
  const { password: _password, ...open } = path;
  return { schemaVersion, ...rest, path: open, pid: process.pid, bootId };
}
