import type { Drop, PacketFilter } from "./packet-filter.ts";
import { refusedBy } from "./packet-filter-error.ts";
import { runTool } from "./run-tool.ts";

/** A table of our own: to remove it is to remove all of it (nft(8)). */
export function nftables(program: string): PacketFilter {
  const ids = async (signal: AbortSignal): Promise<readonly string[]> => {
    const listed = await runTool([program, "list", "tables"], "", signal);
    if (!listed.ok) throw refusedBy("nft list tables", listed.output);
    return [...listed.output.matchAll(/^table inet (firedrill_\S+)$/gmu)].map(([, id = ""]) => id);
  };
  return {
    tool: "nft",
    async lacks(signal) {
      const { ok, output } = await runTool([program, "list", "tables"], "", signal);
      return ok ? null : output.trim();
    },
    async put(drop, signal) {
      // From standard input it is one transaction.
      const { ok, output } = await runTool([program, "-f", "-"], nftRules(drop), signal);
      return ok ? null : output.trim();
    },
    async remove(id, signal) {
      if (!(await ids(signal)).includes(id)) return;
      const { ok, output } = await runTool([program, "delete", "table", "inet", id], "", signal);
      if (!ok && (await ids(signal)).includes(id)) throw refusedBy("nft delete table", output);
    },
    ids,
  };
}

/**
 * Before connection tracking, so that it holds for established connections too. Only what comes in for the port and what goes
 * out from it: a connection of this machine to another server with the same port passes.
 */
export function nftRules({ id, port, addresses }: Drop): string {
  const at = (side: "daddr" | "saddr"): readonly string[] =>
    addresses.length === 0
      ? [""]
      : addresses.map(({ family, address }) => `${family === 4 ? "ip" : "ip6"} ${side} ${address} `);
  const input = chain(
    "input",
    at("daddr").map((match) => `    ${match}tcp dport ${port} drop`),
  );
  const output = chain(
    "output",
    at("saddr").map((match) => `    ${match}tcp sport ${port} drop`),
  );
  return `table inet ${id} {\n${input}\n${output}\n}\n`;
}

function chain(hook: "input" | "output", rules: readonly string[]): string {
  const type = `    type filter hook ${hook} priority -300; policy accept;`;
  return [`  chain ${hook} {`, type, ...rules, "  }"].join("\n");
}
