import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { SystemFaults } from "../steps/ports/system-faults.ts";
import { instant } from "../support/clock.ts";
import { incomplete, readLocator, unavailable } from "./fault-errors.ts";
import { newFaultId, parseFaultId } from "./fault-id.ts";
import { iptables } from "./iptables.ts";
import { listeningAt } from "./listening.ts";
import { nftables } from "./nftables.ts";
import type { PacketFilter } from "./packet-filter.ts";
import { findTool } from "./run-tool.ts";
import type { SystemFaultsDeps } from "./system-faults.ts";
import type { Undo } from "./undo.ts";

export interface NetworkDrop extends Undo {
  readonly port: SystemFaults["network"];
  /** Of this installation, in force now; none when we could not have put any in. */
  list(signal: AbortSignal): Promise<readonly { readonly run: string; readonly id: string; readonly tool: string }[]>;
}

export function networkDrop(deps: SystemFaultsDeps): NetworkDrop {
  const schema = locatorSchema(deps.installation);
  const filterOf = (tool: PacketFilter["tool"]): Promise<PacketFilter> => findFilter(tool, deps.path);
  const inForce = async ({ tool, id }: z.output<typeof schema>, signal: AbortSignal): Promise<boolean> =>
    (await (await filterOf(tool)).ids(signal)).includes(id);
  return {
    port: {
      async plan({ host, port }, run) {
        const { tool } = await usableFilter(deps.path);
        const at = await listeningAt(host, port);
        if (at.kind === "elsewhere") throw notHere(host, port, at.seen);
        const id = newFaultId(deps.installation, run, deps.random);
        return { tool, id, port, addresses: at.kind === "at" ? at.addresses.map((one) => ({ ...one })) : [] };
      },
      async drop(locator, signal) {
        const { tool, ...drop } = readLocator(schema, locator);
        const filter = await filterOf(tool);
        const begun = instant(deps.clock);
        const failure = await filter.put(drop, signal);
        const done = instant(deps.clock);
        if (failure !== null) throw incomplete(`${tool} does not take the rules: ${failure}`, "try it by hand");
        return { begun, done, detail: `${tool}: packets to and from port ${drop.port} are dropped (${drop.id})` };
      },
      dropped: (locator, signal) => inForce(readLocator(schema, locator), signal),
    },
    async undo(locator, signal) {
      const { tool, id } = readLocator(schema, locator);
      await (await filterOf(tool)).remove(id, signal);
    },
    async verifyGone(locator, signal) {
      const read = readLocator(schema, locator);
      const there = await inForce(read, signal);
      return { gone: !there, how: `${read.tool}: ${read.id} is ${there ? "still in force" : "not there"}` };
    },
    list: (signal) => listOurs(deps, signal),
  };
}

function locatorSchema(installation: string) {
  return z.object({
    tool: z.enum(["nft", "iptables"]),
    id: z.string().refine((id) => parseFaultId(id)?.installation === installation),
    port: z.number().int().min(1).max(65_535),
    addresses: z.array(
      z.object({ family: z.union([z.literal(4), z.literal(6)]), address: z.string().regex(/^[0-9a-fA-F:.]+$/u) }),
    ),
  });
}

/** Bit of CAP_NET_ADMIN (capability.h). */
const NET_ADMIN = 12n;

async function usableFilter(path: string): Promise<PacketFilter> {
  if (!(await mayFilter())) {
    throw unavailable(
      "dropping packets needs the capability CAP_NET_ADMIN, which we lack",
      "run as root, or use fault/freeze",
    );
  }
  const reasons: string[] = [];
  for (const tool of ["nft", "iptables"] as const) {
    const filter = await findFilter(tool, path).catch(() => null);
    const lacks = filter === null ? "not installed" : await filter.lacks(AbortSignal.timeout(10_000));
    if (filter !== null && lacks === null) return filter;
    reasons.push(`${tool}: ${lacks}`);
  }
  throw unavailable(`nothing here can drop packets (${reasons.join("; ")})`, "install nftables, or use fault/freeze");
}

async function mayFilter(): Promise<boolean> {
  const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(await readFile("/proc/self/status", "latin1"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> NET_ADMIN) & 1n) === 1n;
}

async function findFilter(tool: PacketFilter["tool"], path: string): Promise<PacketFilter> {
  const program = await findTool(tool, path);
  if (program === null) throw unavailable(`${tool} is not installed`, "install it, or undo by hand: docs/faults.md");
  return tool === "nft" ? nftables(program) : iptables({ 4: program, 6: await findTool("ip6tables", path) });
}

async function listOurs(deps: SystemFaultsDeps, signal: AbortSignal) {
  if (!(await mayFilter())) return [];
  const found: { run: string; id: string; tool: string }[] = [];
  for (const tool of ["nft", "iptables"] as const) {
    const filter = await findFilter(tool, deps.path).catch(() => null);
    if (filter === null || (await filter.lacks(signal)) !== null) continue;
    for (const id of await filter.ids(signal)) {
      const parsed = parseFaultId(id);
      if (parsed?.installation === deps.installation) found.push({ run: parsed.run, id, tool });
    }
  }
  return found;
}

function notHere(host: string, port: number, seen: readonly string[]): Error {
  const listeners = seen.length === 0 ? "nothing listens on that port" : `it is listened on at ${seen.join(", ")}`;
  return unavailable(
    `${host}:${port} is not served in this machine's own network: ${listeners}`,
    "a server in a container or behind an address translation needs command/run",
  );
}
