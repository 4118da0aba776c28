import { type CustomTypesConfig, types } from "pg";

/** Only what the client asks of it; its own type is a set of overloads over every format. */
type Parse = (value: string) => unknown;

const DATE_TYPES = { date: 1082, timestamp: 1114, timestamptz: 1184, interval: 1186 } as const;
const DATE_ARRAYS = { timestamp: 1115, date: 1182, timestamptz: 1185, interval: 1187, numeric: 1231 } as const;
const AS_TEXT: ReadonlySet<number> = new Set(Object.values(DATE_TYPES));
const AS_TEXT_ARRAY: ReadonlySet<number> = new Set(Object.values(DATE_ARRAYS));
const TEXT_ARRAY = 1009;

/**
 * Values as they were stored: `bigint` and `numeric` are strings already; dates and times become strings too, because a
 * JavaScript `Date` cuts microseconds and takes the machine's zone.
 */
export const textTypes: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary"): Parse => {
    if (AS_TEXT.has(oid)) return String;
    if (format === "binary") return String;
    // Boundary: pg's overloads return `any`; a parser takes the text of the wire.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- an oid of the wire may be any number; unknown ones get text
    return types.getTypeParser(AS_TEXT_ARRAY.has(oid) ? TEXT_ARRAY : oid, "text") as Parse;
  },
};
