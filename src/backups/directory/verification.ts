import type { BackupManifest, ChecksumAlgorithm, ManifestFile } from "../../formats/postgres/backup-manifest.ts";
import { missing, wrongSize } from "./completeness.ts";
import { createDigest, type Digest } from "./digest.ts";
import { isLeftOut, isUnverified } from "./exclusions.ts";
import { subjectError, subjectErrors } from "./subject-error.ts";

/** Checks files against the manifest while they pass by, and keeps count. */
export class Verification {
  readonly #root: string;
  readonly #files: ReadonlyMap<string, ManifestFile>;
  readonly #hasManifest: boolean;
  readonly #seen = new Set<string>();
  verifiedFiles = 0;
  verifiedBytes = 0;
  files = 0;
  bytes = 0;

  constructor(root: string, manifest: BackupManifest | null) {
    this.#root = root;
    this.#hasManifest = manifest !== null;
    this.#files = new Map(manifest?.files.map((file) => [file.path, file]));
  }

  /** Throws `BACKUP_EXTRA_FILE`, `BACKUP_FILE_SIZE` before a byte of the file is copied. */
  begin(path: string, sizeBytes: number): FileCheck {
    const expected = isUnverified(path) ? undefined : this.#files.get(path);
    if (expected === undefined && this.#hasManifest && !isUnverified(path)) {
      throw subjectError({
        code: "BACKUP_EXTRA_FILE",
        message: `${this.#root}: ${path} is in the backup but not in its manifest`,
      });
    }
    if (expected !== undefined && expected.sizeBytes !== sizeBytes)
      throw subjectError(wrongSize(this.#root, path, expected.sizeBytes, sizeBytes));
    return new FileCheck(this, path, sizeBytes, expected ?? null);
  }

  /** Throws `BACKUP_FILE_SIZE` (the file changed while it was read) and `BACKUP_CHECKSUM`. */
  end(
    path: string,
    expected: ManifestFile | null,
    sizes: { readonly stated: number; readonly seen: number },
    hex: string | null,
  ): void {
    if (sizes.seen !== sizes.stated) throw subjectError(wrongSize(this.#root, path, sizes.stated, sizes.seen));
    this.#seen.add(path);
    this.files += 1;
    this.bytes += sizes.seen;
    if (expected === null || hex === null) return;
    if (hex !== expected.checksum.hex) throw this.#mismatch(path, expected, hex);
    this.verifiedFiles += 1;
    this.verifiedBytes += sizes.seen;
  }

  #mismatch(path: string, expected: ManifestFile, hex: string): Error {
    const { algorithm } = expected.checksum;
    return subjectError({
      code: "BACKUP_CHECKSUM",
      message: `${this.#root}: ${path} has ${algorithm} ${hex}, the manifest says ${expected.checksum.hex}`,
      hint: "The file was damaged after the backup was taken: restore an undamaged copy of the backup.",
    });
  }

  /** Throws `BACKUP_FILE_MISSING` for what the manifest names and nobody brought. */
  requireAll(): void {
    const lacking = [...this.#files.keys()].filter(
      (path) => !this.#seen.has(path) && !isLeftOut(path) && !isUnverified(path),
    );
    if (lacking.length > 0) throw subjectErrors(lacking.slice(0, 20).map((path) => missing(this.#root, path)));
  }
}

/** One file on its way. */
export class FileCheck {
  readonly #all: Verification;
  readonly #path: string;
  readonly #stated: number;
  readonly #expected: ManifestFile | null;
  #digest: Digest | null = null;
  #seen = 0;

  constructor(all: Verification, path: string, stated: number, expected: ManifestFile | null) {
    this.#all = all;
    this.#path = path;
    this.#stated = stated;
    this.#expected = expected;
  }

  /** What to compute of its content; null: nothing is known to compare with. */
  get algorithm(): ChecksumAlgorithm | null {
    return this.#expected?.checksum.algorithm ?? null;
  }

  update(bytes: Uint8Array): void {
    if (this.#seen === 0 && this.algorithm !== null) this.#digest = createDigest(this.algorithm);
    this.#seen += bytes.length;
    this.#digest?.update(bytes);
  }

  end(): void {
    const digest = this.#digest ?? (this.algorithm === null ? null : createDigest(this.algorithm));
    this.endWith(this.#seen, digest?.hex() ?? null);
  }

  /** The same for a file whose bytes passed by elsewhere. */
  endWith(seenBytes: number, hex: string | null): void {
    this.#all.end(this.#path, this.#expected, { stated: this.#stated, seen: seenBytes }, hex);
  }
}
