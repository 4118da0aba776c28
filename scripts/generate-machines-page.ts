/** Writes the edge tables into `docs/machines.md` again: `node scripts/generate-machines-page.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { edgePage } from "../src/machines/graph/edge-page.ts";
import { MACHINES_PAGE, withTables } from "../test/support/machines-page.ts";

writeFileSync(MACHINES_PAGE, withTables(readFileSync(MACHINES_PAGE, "utf8"), edgePage()));
