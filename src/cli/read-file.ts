import { readFile } from "node:fs/promises";
import { FiredrillError } from "../support/errors.ts";

/** Reads a file the user named. Throws FILE_NOT_FOUND or FILE_UNREADABLE with the path as it was typed. */
export async function readNamedFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT") {
      throw new FiredrillError("FILE_NOT_FOUND", `${path} does not exist`, {
        hint: "check the path; it is taken from the current folder",
      });
    }
    const why = code === "EISDIR" ? "it is a folder" : code;
    throw new FiredrillError("FILE_UNREADABLE", `${path} cannot be read: ${why}`, { cause: error });
  }
}
