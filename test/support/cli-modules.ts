// Preloaded into a process (`--import`): writes what it loads, one address a line, to the file MODULE_LOG names.
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const log = process.env["MODULE_LOG"] ?? "";
registerHooks({
  load(url, context, next) {
    appendFileSync(log, `${url}\n`);
    return next(url, context);
  },
});
