/** An identifier for SQL, always quoted (manual: 4.1.1). */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string constant for SQL where a parameter is not possible (utility statements, replication commands). */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? ` E${quoted}` : quoted;
}

/** A value in a configuration file, where a backslash escapes (guc-file.l, DeescapeQuotedString). */
export function quoteSetting(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
