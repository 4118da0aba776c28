import { toDot } from "../machines/graph/to-dot.ts";
import { toMermaid } from "../machines/graph/to-mermaid.ts";
import { toStately } from "../machines/graph/to-stately.ts";
import { stepCatalogue } from "../wire.ts";
import type { CliIo } from "./io.ts";
import { loadPlan } from "./load-plan.ts";
import type { Options } from "./options.ts";

export async function command(io: CliIo, [path = ""]: readonly string[], options: Options): Promise<number> {
  const { plan } = await loadPlan(io, path, options, stepCatalogue());
  switch (options["format"]) {
    case "dot":
      io.out(toDot(plan));
      return 0;
    case "stately":
      io.out(`${JSON.stringify(toStately(plan), null, 2)}\n`);
      return 0;
    default:
      io.out(toMermaid(plan));
      return 0;
  }
}
