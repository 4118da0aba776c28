import type { ResourceKeeper } from "../../src/engine/step-contract.ts";
import type { JsonObject } from "../../src/support/json.ts";
import type { World } from "./sweep-world.ts";

/** The key of a thing in the world; a sandbox's is its id. */
export function thingOf({ thing, id }: JsonObject): string {
  const key = thing ?? id;
  if (typeof key === "string") return key;
  throw new Error("the locator names nothing of the world");
}

/** Keeper of what is a mere entry of the world. */
export function thingKeeper(world: World, kind: ResourceKeeper["kind"]): ResourceKeeper {
  return {
    kind,
    async list(installation) {
      const { things } = await world.look();
      return Object.entries(things)
        .filter(([, thing]) => thing.kind === kind && thing.installation === installation)
        .map(([thing, { run, title }]) => ({ run, title, locator: { thing }, ownerAlive: false }));
    },
    destroy: (locator) =>
      world.change(({ things }) => {
        // Writers would make their table anew: they go first, as they were planned last.
        const writers = Object.values(things).some((thing) => thing.kind === "traffic-process");
        if (kind !== "canary-table" || !writers) delete things[thingOf(locator)];
      }),
    async verifyGone(locator) {
      const gone = !(thingOf(locator) in (await world.look()).things);
      return { gone, how: `the world ${gone ? "does not list" : "lists"} it` };
    },
  };
}
