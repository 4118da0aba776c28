/** Why something failed, as one word for a log: a SQLSTATE, an error code of the system, or a word of ours. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if ("code" in error && typeof error.code === "string" && error.code !== "") return word(error.code);
  // What pg says of a socket that the other side closed.
  if (error.message.startsWith("Connection terminated")) return "closed";
  return word(error.message.slice(0, 60));
}

/** Without blanks, which separate the fields of a line. */
export function word(text: string): string {
  return text.replaceAll(/[^\w.:,[\]/()-]+/gu, "_") || "unknown";
}

/** The server's own answer: pg's `DatabaseError` carries a severity, errors of the system do not. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("severity" in error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
