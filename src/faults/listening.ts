import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { BlockList } from "node:net";
import type { Drop } from "./packet-filter.ts";

/** Who listens on a port of this machine (proc(5), `/proc/net/tcp`). */
export type Listening =
  | { readonly kind: "everywhere" }
  | { readonly kind: "at"; readonly addresses: Drop["addresses"] }
  | { readonly kind: "elsewhere"; readonly seen: readonly string[] };

/** `at`: of the host's addresses those that have a listener, so that a server on another address keeps its packets. */
export async function listeningAt(host: string, port: number): Promise<Listening> {
  const listeners = [...(await listenersOf("tcp", port)), ...(await listenersOf("tcp6", port))];
  if (listeners.some(({ address }) => address === "0.0.0.0" || /^[0:]+$/u.test(address))) return { kind: "everywhere" };
  const wanted = await lookup(host, { all: true }).catch(() => []);
  const addresses = wanted
    .map(({ address, family }): Address => ({ address, family: family === 6 ? 6 : 4 }))
    .filter((address) => listeners.some((one) => same(one, address)));
  return addresses.length > 0
    ? { kind: "at", addresses }
    : { kind: "elsewhere", seen: listeners.map((one) => one.address) };
}

type Address = Drop["addresses"][number];

/** An IPv6 address has many spellings. */
function same(one: Address, other: Address): boolean {
  if (one.family !== other.family) return false;
  const list = new BlockList();
  const type = one.family === 4 ? "ipv4" : "ipv6";
  list.addAddress(one.address, type);
  return list.check(other.address, type);
}

const LISTEN = "0A";

async function listenersOf(table: "tcp" | "tcp6", port: number): Promise<readonly Address[]> {
  const text = await readFile(`/proc/net/${table}`, "latin1").catch(() => "");
  const found: Address[] = [];
  for (const line of text.split("\n").slice(1)) {
    const [, local = "", , state] = line.trim().split(/\s+/u);
    const [address = "", hex = ""] = local.split(":");
    if (state !== LISTEN || Number.parseInt(hex, 16) !== port) continue;
    found.push(table === "tcp" ? { family: 4, address: ipv4(address) } : { family: 6, address: ipv6(address) });
  }
  return found;
}

/** The kernel prints words of 32 bits in the machine's byte order: little-endian here. */
function bytes(hex: string): Buffer {
  return Buffer.from(hex, "hex").swap32();
}

function ipv4(hex: string): string {
  return bytes(hex).join(".");
}

function ipv6(hex: string): string {
  return (bytes(hex).toString("hex").match(/.{4}/gu) ?? []).join(":");
}
