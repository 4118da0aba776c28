/** `./base/1/` to `base/1`: GNU tar and PostgreSQL write the same names differently. */
export function normalizeName(name: string): string {
  return name.replace(/^(?:\.\/+)+/u, "").replace(/\/+$/u, "");
}

/** Relative, without `..`, empty parts or control characters; otherwise what is wrong with it. */
export function nameFault(name: string): string | undefined {
  if (name.startsWith("/")) return "is absolute";
  const parts = name.split("/");
  if (parts.includes("..")) return "leaves the archive";
  if (parts.some((part) => part === "" || part === ".")) return "has empty parts";
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u001f\u007f\ufffd]/u.test(name)) return "has control characters or invalid bytes";
  return undefined;
}
