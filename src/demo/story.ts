import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startBeating } from "./beat.ts";
import { copyWithDamagedFile, copyWithoutSegment } from "./damage.ts";
import type { Lab } from "./lab.ts";
import { openShop } from "./shop.ts";
import type { App } from "../wire.ts";

/** Tells what happens, one line at a time. */
export type Tell = (text: string) => void;

/** One drill of the demo: what it is run on, and how it must end. */
export interface DemoCase {
  readonly name: string;
  readonly what: string;
  /** Of those that come with Firedrill. */
  readonly playbook: string;
  /** `name=value` each. */
  readonly params: readonly string[];
  readonly inventoryPath: string;
  readonly expectedExit: 0 | 1;
}

const SYSTEM = "orders";
const HEARTBEAT_MS = 250;
const ORDERS_PER_SECOND = 100;

/** Runs the shop, takes a backup while it sells, archives, and then loses the primary; prepares the damaged copies. */
export async function prepareCases(app: App, lab: Lab, tell: Tell, signal: AbortSignal): Promise<readonly DemoCase[]> {
  const shop = openShop(await lab.session(), ORDERS_PER_SECOND);
  const heart = startBeating(app, lab.database, HEARTBEAT_MS, signal);
  tell("the shop is open; a base backup is taken while it sells");
  await lab.takeBackup("base-1");
  const backedUpIn = await lab.archiveNow();
  for (let segment = 0; segment < 3; segment += 1) {
    await delay(500, undefined, { signal });
    await lab.archiveNow();
  }
  // What is written from here on is in no archive: it will be lost, and the drill must say how much that is.
  await delay(1000, undefined, { signal });
  tell(`the disaster: the primary is killed and its data directory is gone, after ${shop.orders()} more orders`);
  await lab.lose();
  await Promise.all([shop.close(), heart.stop()]);
  const damaged = await copyWithDamagedFile(lab.backupsDir, lab.path("backups-damaged"));
  const missing = await copyWithoutSegment(lab.archiveDir, lab.path("archive-with-a-hole"), backedUpIn);
  return [
    await demoCase(lab, "sound", "the newest backup and its archive", 0, {}),
    await demoCase(lab, "damaged-file", `a copy of the backup with one byte flipped in ${damaged}`, 1, {
      path: lab.path("backups-damaged"),
    }),
    await demoCase(lab, "missing-wal", `the archive without segment ${missing}`, 1, {
      wal: lab.path("archive-with-a-hole"),
    }),
  ];
}

async function demoCase(
  lab: Lab,
  name: string,
  what: string,
  expectedExit: 0 | 1,
  place: { path?: string; wal?: string },
): Promise<DemoCase> {
  const inventoryPath = lab.path(`inventory-${name}.yaml`);
  await writeFile(inventoryPath, inventory(lab, place), { mode: 0o600 });
  return { name, what, playbook: "restore-latest.yaml", params: [], inventoryPath, expectedExit };
}

function inventory(lab: Lab, { path = lab.backupsDir, wal = lab.archiveDir }: { path?: string; wal?: string }): string {
  return demoInventory({
    endpoints: { primary: { host: "127.0.0.1", port: lab.port } },
    backups: [{ kind: "directory", path, wal }],
    heartbeat: { interval: `${HEARTBEAT_MS}ms` },
  });
}

/** An inventory of the demo's one system. JSON is YAML. */
export function demoInventory(of: Readonly<Record<string, unknown>>): string {
  const system = { name: SYSTEM, engine: "postgresql", environment: "test", owner: "team-orders", tier: 1, ...of };
  return `${JSON.stringify({ apiVersion: "firedrill/v1", kind: "Inventory", systems: [system] }, null, 2)}\n`;
}

/** The folder with the playbooks that come with Firedrill. */
export function shippedPlaybook(name: string): string {
  return join(dirname(dirname(import.meta.dirname)), "playbooks", name);
}
