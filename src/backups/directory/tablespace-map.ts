/** `tablespace_map`: one `<oid> <path>` per line, line breaks and backslashes in the path escaped (xlog.c, do_pg_backup_start). */
export interface TablespaceEntry {
  readonly oid: string;
  /** Where the tablespace was on the primary. */
  readonly path: string;
}

export function parseTablespaceMap(text: string): readonly TablespaceEntry[] {
  const entries: TablespaceEntry[] = [];
  for (const line of text.split(/(?<!\\)\n/u)) {
    const match = /^(\d{1,10}) (.+)$/su.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined)
      entries.push({ oid: match[1], path: match[2].replaceAll(/\\([\s\S])/gu, "$1") });
  }
  return entries;
}
