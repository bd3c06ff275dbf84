/** adapt(): what must compile, and what must not. Compiled by `npm run types`, never run. */
import pg from 'pg'
import { type AdoptedPool, adapt } from '../../src/index.ts'

const control: AdoptedPool = adapt(new pg.Pool(), { name: 'orders', limitMax: 50 })
control.resize(5)
control.on('limitChanged', ({ from, to }) => console.log(from + to))
control.detach()

// @ts-expect-error: people go on using their own pool object
control.acquire()
// @ts-expect-error: connections age as the driver says
adapt(new pg.Pool(), { lifetimeMs: 5 })
// @ts-expect-error: the driver creates
adapt(new pg.Pool(), { create: () => {} })
// @ts-expect-error: a URL is no pool
adapt('postgres://localhost')
