import { toDot } from "../machines/graph/to-dot.ts";
import { toMermaid } from "../machines/graph/to-mermaid.ts";
import { toStately } from "../machines/graph/to-stately.ts";
import { stepCatalogue } from "../wire.ts";
import { type CliIo, printJson } from "./io.ts";
import { loadPlan } from "./load-plan.ts";
import { flag, type Options, text } from "./options.ts";

export async function command(io: CliIo, [path = ""]: readonly string[], options: Options): Promise<number> {
  const { plan } = await loadPlan(io, path, options, stepCatalogue());
  const format = text(options, "format") ?? "mermaid";
  if (format === "stately") printJson(io, toStately(plan));
  else {
    const picture = format === "dot" ? toDot(plan) : toMermaid(plan);
    if (flag(options, "json")) printJson(io, { format, picture });
    else io.out(picture);
  }
  return 0;
}
