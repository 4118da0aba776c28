import { z } from "zod";
import type { StopReading } from "../drills/stop-condition.ts";
import { judgeValue, unknown } from "./judge-value.ts";
import { fetchProblem, ONE_CONNECTION } from "./look-by-http.ts";

/** Instant query: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries */
const value = z.tuple([z.number(), z.string()]);
const answerSchema = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("success"),
    data: z.discriminatedUnion("resultType", [
      z.object({ resultType: z.literal("vector"), result: z.array(z.object({ value })) }),
      z.object({ resultType: z.literal("scalar"), result: value }),
      z.object({ resultType: z.literal("string"), result: value }),
    ]),
  }),
  z.object({ status: z.literal("error"), error: z.string() }),
]);

const LONGEST_ANSWER = 1_048_576;

/** Every series must meet the expectation; none at all is no answer. */
export async function lookByPrometheus(
  { url, query, expect }: { readonly url: string; readonly query: string; readonly expect: string },
  signal: AbortSignal,
): Promise<StopReading> {
  const values = await ask(url, query, signal);
  if (typeof values === "string") return unknown(values);
  const readings = values.map((text) => judgeValue(text, expect));
  const bad = readings.find(({ kind }) => kind === "breached") ?? readings.find(({ kind }) => kind === "unknown");
  return bad ?? readings[0] ?? unknown("no series");
}

/** The values, or what stood in the way. */
async function ask(url: string, query: string, signal: AbortSignal): Promise<readonly string[] | string> {
  const address = `${url.replace(/\/+$/u, "")}/api/v1/query?${new URLSearchParams({ query }).toString()}`;
  try {
    const response = await fetch(address, {
      signal,
      redirect: "manual",
      headers: { accept: "application/json", ...ONE_CONNECTION },
    });
    const text = await limited(response);
    if (text === null) return `an answer of over ${LONGEST_ANSWER} bytes`;
    return valuesOf(text) ?? `status ${response.status} and no answer of a Prometheus server`;
  } catch (error) {
    return fetchProblem(error);
  }
}

/** Null: it is longer than any sensible answer. */
async function limited(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // The body of a fetch is bytes; its type does not say so.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > LONGEST_ANSWER) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Null: it is no answer of a Prometheus server. */
function valuesOf(text: string): readonly string[] | string | null {
  const parsed = answerSchema.safeParse(jsonOf(text)).data;
  if (parsed === undefined) return null;
  if (parsed.status === "error") return parsed.error;
  const { data } = parsed;
  switch (data.resultType) {
    case "vector":
      return data.result.map((series) => series.value[1]);
    case "scalar":
    case "string":
      return [data.result[1]];
    default:
      return data satisfies never;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
