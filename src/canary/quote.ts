/** An identifier for SQL, always quoted (manual: 4.1.1). */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(schema: string, table: string): string {
  return `${quoted(schema)}.${quoted(table)}`;
}
