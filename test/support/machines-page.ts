import { fileURLToPath } from "node:url";

export const MACHINES_PAGE = fileURLToPath(new URL("../../docs/machines.md", import.meta.url));

const BEGIN = "<!-- edge tables: begin (written by scripts/generate-machines-page.ts) -->";
const END = "<!-- edge tables: end -->";

/** What stands between the marks. */
export function tablesIn(page: string): string {
  return page.slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)).trim();
}

export function withTables(page: string, tables: string): string {
  const [head] = page.split(BEGIN);
  const [, tail] = page.split(END);
  return `${head}${BEGIN}\n\n${tables}\n\n${END}${tail}`;
}
