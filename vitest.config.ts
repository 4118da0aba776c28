import { defineConfig } from 'vitest/config';

// eslint-disable-next-line import/no-default-export -- the file format of vitest asks for one
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false } },
      { test: { name: 'integration', include: ['test/integration/**/*.test.ts'], maxWorkers: 2, testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
});
