import { z } from "zod";

const SECRET = /^(?:env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:\/[^\0\n]{1,4000})$/u;
const NO_REFERENCE =
  "PLAINTEXT_SECRET: a secret must be a reference, not the secret itself\nwrite { secret: env:NAME } or { secret: file:/path }";

/** A text as it is, or one that is looked up at the moment of use and kept out of every record. */
export const textOrSecretSchema = z.union([
  z.string().max(10_000),
  z.strictObject({
    secret: z
      .string()
      .refine((text) => SECRET.test(text), NO_REFERENCE)
      .describe("`env:NAME` or `file:/path`."),
  }),
]);
export type TextOrSecret = z.output<typeof textOrSecretSchema>;

/** The texts, secrets looked up one after the other. */
export async function resolveTexts(
  values: Readonly<Record<string, TextOrSecret>>,
  secret: (ref: string) => Promise<string>,
): Promise<Readonly<Record<string, string>>> {
  const texts: [string, string][] = [];
  for (const [name, value] of Object.entries(values))
    texts.push([name, typeof value === "string" ? value : await secret(value.secret)]);
  return Object.fromEntries(texts);
}
