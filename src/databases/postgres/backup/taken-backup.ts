/** What every way to take a backup knows when it is done. */
export interface TakenBackup {
  readonly files: number;
  readonly bytes: number;
  readonly startLsn: string;
  readonly stopLsn: string;
  readonly timeline: number;
}
