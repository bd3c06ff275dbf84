// What compiles with generic-pool has to compile with ours; and a pool of ours goes wherever one of theirs is wanted.
import type * as theirs from 'generic-pool'
import genericPool, { createPool, type Factory, type Options, type Pool } from '../../src/generic-pool/index.ts'

interface Connection {
  query(sql: string): Promise<number>
}

declare const factory: Factory<Connection>
declare const theirFactory: theirs.Factory<Connection>
declare const theirOptions: theirs.Options

const options: Options = { max: 10, min: 2, fifo: false, adaptive: { limitMax: 50 }, destroyTimeoutMillis: 5 }
export const pool: Pool<Connection> = createPool(factory, options)
export const sameFactory: theirs.Factory<Connection> = factory
export const asTheirs: theirs.Pool<Connection> = createPool(theirFactory, theirOptions)
export const whole: Pool<Connection> = genericPool.createPool(theirFactory)

export async function use(): Promise<number> {
  const connection: Connection = await pool.acquire(1)
  await pool.release(connection)
  await pool.use((one) => one.query('select 1'), 1)
  const plain: string = await pool.use(() => 'plain')
  pool.on('factoryCreateError', (error) => error).once('factoryDestroyError', (error) => error)
  // @ts-expect-error: there is no such option
  createPool(factory, { maximum: 5 })
  // @ts-expect-error: not one of this pool's resources
  await pool.release('connection')
  return plain.length + pool.size + pool.available + pool.borrowed + pool.pending + pool.max + pool.min
}
