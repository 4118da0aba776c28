/** How far a long copy, replay or check is; shown live, never journaled. */
export interface Progress {
  readonly what: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: "bytes" | "files" | "tables" | "steps";
}
