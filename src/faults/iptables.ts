import type { Drop, PacketFilter } from "./packet-filter.ts";
import { refusedBy } from "./packet-filter-error.ts";
import { runTool } from "./run-tool.ts";

/** Two rules for each address, with our name as their comment (iptables-extensions(8)). */
export function iptables(programs: { readonly 4: string; readonly 6: string | null }): PacketFilter {
  const all = [programs[4], ...(programs[6] === null ? [] : [programs[6]])];
  const remove = async (id: string, signal: AbortSignal): Promise<void> => {
    for (const program of all) {
      for (const rule of await rules(program, signal)) {
        if (commentOf(rule) !== id) continue;
        const args = rule.replace(/^-A /u, "-D ").replaceAll('"', "").split(" ");
        const { ok, output } = await runTool([program, "-w", "5", ...args], "", signal);
        if (!ok) throw refusedBy("iptables -D", output);
      }
    }
  };
  return {
    tool: "iptables",
    async lacks(signal) {
      const { ok, output } = await runTool([programs[4], "-w", "5", "-S"], "", signal);
      return ok ? null : output.trim();
    },
    async put(drop, signal) {
      for (const { family, args } of iptablesRules(drop)) {
        const program = programs[family];
        if (program === null) continue;
        const { ok, output } = await runTool([program, "-w", "5", ...args], "", signal);
        if (ok) continue;
        await remove(drop.id, signal);
        return output.trim();
      }
      return null;
    },
    remove,
    async ids(signal) {
      const lines = (await Promise.all(all.map((program) => rules(program, signal)))).flat();
      return [...new Set(lines.map((rule) => commentOf(rule)).filter((id) => id !== null))];
    },
  };
}

/** As `nftRules`: in for the port, out from it. */
export function iptablesRules({
  id,
  port,
  addresses,
}: Drop): readonly { readonly family: 4 | 6; readonly args: readonly string[] }[] {
  const places = addresses.length === 0 ? ([4, 6] as const).map((family) => ({ family, address: null })) : addresses;
  const name = ["-m", "comment", "--comment", id, "-j", "DROP"];
  return places.flatMap(({ family, address }) => {
    const at = (flag: "-d" | "-s"): readonly string[] => (address === null ? [] : [flag, address]);
    return [
      { family, args: ["-I", "INPUT", "1", ...at("-d"), "-p", "tcp", "--dport", String(port), ...name] },
      { family, args: ["-I", "OUTPUT", "1", ...at("-s"), "-p", "tcp", "--sport", String(port), ...name] },
    ];
  });
}

function commentOf(rule: string): string | null {
  return /^-A .*--comment "?(firedrill_[A-Za-z0-9_-]+)"?(?: |$)/u.exec(rule)?.[1] ?? null;
}

async function rules(program: string, signal: AbortSignal): Promise<readonly string[]> {
  const listed = await runTool([program, "-w", "5", "-S"], "", signal);
  if (!listed.ok) throw refusedBy("iptables -S", listed.output);
  return listed.output.split("\n");
}
