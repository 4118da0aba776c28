import type { ContentReader } from "../../steps/ports/checks.ts";
import { readFingerprint } from "./fingerprint.ts";
import { readSchema } from "./schema-snapshot.ts";

export const contentReader: ContentReader = { fingerprint: readFingerprint, schema: readSchema };
