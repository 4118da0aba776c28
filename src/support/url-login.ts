/** Whether a URL carries a user or a password: such a text is a secret and belongs in no file. */
export function hasLogin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.username !== "" || url.password !== "");
}
