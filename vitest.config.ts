import { defineConfig } from "vitest/config";
import { SummaryReporter } from "./scripts/vitest-summary-reporter.ts";

const slow = { testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 2 };

// oxlint-disable-next-line import/no-default-export -- the runner loads its configuration by default export
export default defineConfig({
  test: {
    reporters: ["default", new SummaryReporter()],
    coverage: { provider: "v8", include: ["src/**"], reportsDirectory: "coverage" },
    projects: [
      // Files share one module registry per worker: unit tests hold no state between them.
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], isolate: false, sequence: { groupOrder: 0 } },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "test/simulation/**/*.test.ts"],
          ...slow,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "long",
          include: ["test/long/**/*.test.ts"],
          ...slow,
          testTimeout: 3_600_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
