import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Tests that need a server say so by their name: `*.mariadb.test.ts`, or `*.postgres.test.ts`, wherever they live. */
const POSTGRES_TESTS = ['test/**/*.postgres.test.ts']
const MARIADB_TESTS = ['test/**/*.mariadb.test.ts']
const SOAK_TESTS = ['test/soak/**']
/**
 * One waits for its server while the other computes. vitest runs a group by as many workers as each of its projects says,
 * which must say the same: of two projects without file parallelism, one would wait for the other.
 */
const SERVER_WORKERS = 2

export default defineConfig({
  test: {
    // Nothing sleeps, so that a test which takes seconds is stuck; whoever really computes for long says so per test.
    testTimeout: 10_000,
    hookTimeout: 30_000,
    setupFiles: ['test/support/seed-setup.ts'],
    // A service imports a library once, too: what one file left behind meets the next. A quarter of the time less.
    isolate: false,
    // vitest reads style sheets as empty; what `?raw` asks for is their text (the report page of the demo).
    css: { include: [/\?raw$/] },
    // Groups run one after the other: what measures real time shares the machine with one other file at most.
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: [...POSTGRES_TESTS, ...MARIADB_TESTS, ...SOAK_TESTS],
          // vitest keeps one core for itself, which it does not use: of two, one would idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: POSTGRES_TESTS,
          exclude: SOAK_TESTS,
          globalSetup: ['test/support/postgres-setup.ts'],
          testTimeout: 30_000,
          maxWorkers: SERVER_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'mariadb',
          include: MARIADB_TESTS,
          exclude: SOAK_TESTS,
          globalSetup: ['test/support/mariadb-setup.ts'],
          testTimeout: 30_000,
          maxWorkers: SERVER_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
