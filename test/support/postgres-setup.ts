import type { TestProject } from 'vitest/node'
import { startPostgres } from '../../src/cli/embedded-postgres.ts'
import './servers.ts'

/** Starts the PostgreSQL that the tests share, and returns what stops it. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ maxConnections: 200 })
  const { host, port, user, database, url } = server
  project.provide('postgres', { host, port, user, password: '', database, url })
  return () => server.stop()
}
