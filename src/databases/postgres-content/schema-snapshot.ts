import type { Definition, SchemaKind, SchemaOptions, SchemaSnapshot } from "../../steps/ports/checks.ts";
import type { Session } from "../../steps/ports/postgres.ts";
import { withContentSession } from "./content-session.ts";
import { SCHEMA_QUERIES } from "./schema-queries.ts";

type DefinitionRow = Readonly<Record<string, string>> & { readonly name: string };

/** All definitions of a database on one snapshot, in a spelling that does not depend on the session. */
export function readSchema(session: Session, options: SchemaOptions): Promise<SchemaSnapshot> {
  return withContentSession(session, async () => ({
    tables: await read(session, "tables", options),
    columns: await read(session, "columns", options),
    indexes: await read(session, "indexes", options),
    constraints: await read(session, "constraints", options),
    sequences: await read(session, "sequences", options),
    views: await read(session, "views", options),
    functions: await read(session, "functions", options),
    triggers: await read(session, "triggers", options),
    extensions: await read(session, "extensions", options),
  }));
}

async function read(
  session: Session,
  kind: SchemaKind,
  options: SchemaOptions,
): Promise<Readonly<Record<string, Definition>>> {
  const rows = await session.query<DefinitionRow>(SCHEMA_QUERIES[kind], [options.excludeSchemas]);
  const sorted = rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(sorted.map(({ name, ...definition }) => [name, definition]));
}
