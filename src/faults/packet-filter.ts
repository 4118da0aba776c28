/** What is dropped: packets that reach a server's port on this machine, and its answers. */
export interface Drop {
  /** Name of ours under which it is put in. */
  readonly id: string;
  readonly port: number;
  /** Addresses the server listens on; empty: all of the machine's. */
  readonly addresses: readonly { readonly family: 4 | 6; readonly address: string }[];
}

/** A program that filters packets. */
export interface PacketFilter {
  readonly tool: "nft" | "iptables";
  /** Null: it works here; else why not. */
  lacks(signal: AbortSignal): Promise<string | null>;
  /** Null: done; else why not. All of it or nothing. */
  put(drop: Drop, signal: AbortSignal): Promise<string | null>;
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** Names of ours (`firedrill_...`) that are in force. */
  ids(signal: AbortSignal): Promise<readonly string[]>;
}
