import { createConnection } from 'mysql2/promise'
import { describe, expect, inject, test } from 'vitest'
import './servers.ts'

const server = inject('mariadb')

describe.skipIf(server === undefined)('the shared MariaDB', () => {
  test('answers a query over TCP, in a database of its own', async () => {
    const connection = await createConnection(server?.url ?? '')
    const [rows] = await connection.query('select database() as name, 1 + 1 as two')
    await connection.end()
    expect(rows).toEqual([{ name: server?.database, two: 2 }])
  })
})
