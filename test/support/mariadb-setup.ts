import type { TestProject } from 'vitest/node'
import { startMariadb } from './mariadb-server.ts'
import { SERVERS_ARE_REQUIRED } from './servers.ts'

/** Starts the MariaDB that the tests share, and returns what stops it; without a MariaDB its tests are skipped. */
export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  try {
    const server = await startMariadb()
    const { host, port, user, password, database, url } = server
    project.provide('mariadb', { host, port, user, password, database, url })
    return () => server.stop()
  } catch (error) {
    if (SERVERS_ARE_REQUIRED) throw error
    console.warn(`\n  NO MARIADB: its tests are SKIPPED. ${error instanceof Error ? error.message : error}\n`)
    project.provide('mariadb', undefined)
    return undefined
  }
}
