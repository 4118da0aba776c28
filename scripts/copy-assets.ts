// Copies what tsc leaves behind: every file below src that is not TypeScript keeps its place in dist.
import { chmod, copyFile, glob, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");

for await (const path of glob("**/*", { cwd: join(root, "src") })) {
  const from = join(root, "src", path);
  if (path.endsWith(".ts") || !(await stat(from)).isFile()) continue;
  const to = join(root, "dist", path);
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}
await chmod(join(root, "dist", "cli.js"), 0o755);
