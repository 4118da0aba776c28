/** What `postgres --version` says: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `... 19devel`. */
export interface BinaryVersion {
  readonly version: string;
  readonly major: number;
}

const LINE = /^postgres \([^)]*\) ((\d+)\S*)/u;

export function parseBinaryVersion(output: string): BinaryVersion | null {
  const match = LINE.exec(output.trim());
  if (match === null) return null;
  const [, version = "", major = ""] = match;
  return { version, major: Number(major) };
}
