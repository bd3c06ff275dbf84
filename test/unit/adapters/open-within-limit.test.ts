import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { inspect, promisify } from 'node:util'
import fc from 'fast-check'
import { createPool as createGenericPool } from 'generic-pool'
import { createPool as createMariadbPool, type PoolConnection as MariadbConnection } from 'mariadb'
import { createPool as createMysqlPool, type PoolConnection } from 'mysql2'
import pg from 'pg'
import { Pool as SequelizePool } from 'sequelize-pool'
import { Pool as TarnPool } from 'tarn'
import { afterAll, afterEach, expect, test, vi } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'
import type { PoolCounts } from '../../../src/pool/contract.ts'
import { startHelloServer } from '../../support/hello-server.ts'
import { until } from '../../support/until.ts'
import { connectByWire } from '../../support/wire.ts'

const RUNS = 500
/** They compute for seconds: several times as long on a machine that is busy. */
const TIMEOUT_MS = 60_000
/** Of those whose connections are spoken on, which takes longer. */
const RUNS_ON_CONNECTIONS = 40
const ON_CONNECTIONS = ['mysql2', 'mariadb']
const LIMIT_MAX = 4
/** Longer than any program takes: nobody times out, and nothing is idle for long enough. */
const LONG_MS = 60_000

/**
 * Longer than until the next look for strangers: of pg's, a connect that fails tells nobody. And than mariadb takes for
 * as many failures as a step brings.
 */
const PATIENCE_MS = 5_000
/** When what a stranger has given back to mariadb has been taken over, in ms. */
const SEEN_AFTER_MS = 5
/** More than any pool takes for what it does by itself: tarn waits for a millisecond before it replaces an unfit one. */
const SOME_TURNS = 1_000

interface Thing {
  readonly id: number
}

/** Makes things that take some turns of the event loop to open, and some to close; counts those not being closed. */
class Factory {
  open = 0
  turns = 1
  /** So many of the next creates fail. */
  failing = 0
  readonly spoilt = new Set<Thing>()
  /** What is spoilt fails when it is asked, instead of answering. */
  isThrowing = false
  #made = 0

  readonly create = async (): Promise<Thing> => {
    const isFailing = this.failing > 0
    if (isFailing) this.failing -= 1
    this.open += 1
    for (let left = this.turns; left > 0; left--) await nextTurn()
    if (isFailing) {
      this.open -= 1
      throw new Error('no room')
    }
    return { id: ++this.#made }
  }

  readonly validate = (thing: Thing): boolean => {
    const isSpoilt = this.spoilt.has(thing)
    if (isSpoilt && this.isThrowing) throw new Error('cannot even be asked')
    return !isSpoilt
  }

  readonly destroy = async (): Promise<void> => {
    this.open -= 1
    for (let left = this.turns; left > 0; left--) await nextTurn()
  }
}

/** As much of a pg.Client as its pool touches. One that is spoilt loses its connection as soon as it is idle. */
class FakeClient extends EventEmitter {
  readonly factory!: Factory
  readonly _queryable = true
  readonly _poolUseCount = 0
  _ending = false
  id = 0

  connect(done: (error?: Error) => void): void {
    this.on('error', () => {}) // its pool listens while it is idle
    this.factory.create().then(({ id }) => {
      this.id = id
      done()
    }, done)
  }

  end(done?: () => void): void {
    if (this._ending) return done?.()
    this._ending = true
    void this.factory.destroy().then(() => {
      this.emit('end')
      done?.()
    })
  }

  isConnected(): boolean {
    return !this._ending
  }

  getTransactionStatus(): string {
    return 'I'
  }

  ref(): void {}
  unref(): void {}
}

interface Holder {
  readonly pool: object
  /** How many are open. @defaultValue as the factory counts */
  readonly open?: () => number
  /** Of what the engine counts, at least so many may be open. @defaultValue the live ones */
  readonly allowed?: (counts: PoolCounts) => number
  /** Lets the others go on. @defaultValue a turn of the event loop */
  readonly turn?: () => Promise<void>
  /** The pool's own end, where it has one that closes all. */
  readonly end?: () => Promise<unknown>
  acquire(): Promise<Thing>
  release(thing: Thing): unknown
  destroy(thing: Thing): unknown
}

const server = await startHelloServer()
afterAll(() => server.close())
afterEach(() => {
  vi.useRealTimers()
})
/** Nobody listens there: no service of this kind is on a test machine. */
const CLOSED_PORT = 1

const TIMING = { acquireTimeoutMillis: LONG_MS, idleTimeoutMillis: LONG_MS, reapIntervalMillis: LONG_MS }

const POOLS: Readonly<Record<string, (factory: Factory, min: number) => Holder>> = {
  'sequelize-pool': ({ create, destroy, validate }, min) => {
    const isFit = (thing: object) => validate(thing as Thing)
    const pool = new SequelizePool({ create, destroy, validate: isFit, max: LIMIT_MAX, min, ...TIMING })
    return {
      pool,
      acquire: () => pool.acquire() as Promise<Thing>,
      release: (thing) => pool.release(thing),
      destroy: (thing) => pool.destroy(thing),
    }
  },
  tarn: ({ create, destroy, validate, spoilt }, min) => {
    const pool = new TarnPool<Thing>({ create, destroy, validate, max: LIMIT_MAX, min, ...TIMING })
    return {
      pool,
      acquire: () => pool.acquire().promise,
      release: (thing) => pool.release(thing),
      destroy: (thing) => pool.release(spoil(spoilt, thing)), // it has no other way
    }
  },
  pg: (factory, min) => {
    class Client extends FakeClient {
      override readonly factory = factory
    }
    const pool = new pg.Pool({ Client, max: LIMIT_MAX, min, idleTimeoutMillis: 0 } as unknown as pg.PoolConfig)
    pool.on('error', () => {})
    const released = (client: Thing, isBroken: boolean) => (client as unknown as pg.PoolClient).release(isBroken)
    return {
      pool,
      acquire: async () => (await pool.connect()) as unknown as Thing,
      release(client) {
        released(client, false)
        if (factory.spoilt.has(client))
          setImmediate(() => (client as unknown as FakeClient).emit('error', new Error('gone')))
      },
      destroy: (client) => released(client, true),
    }
  },
  mysql2: (factory) => {
    const stream = () => {
      if (factory.failing > 0) {
        factory.failing -= 1
        return connect(CLOSED_PORT, server.host)
      }
      const socket = connect(server.port, server.host)
      factory.open += 1
      socket.once('close', () => {
        factory.open -= 1
      })
      return socket
    }
    const pool = createMysqlPool({ stream, connectionLimit: LIMIT_MAX, user: 'anybody' })
    const bare = pool.getConnection
    const early = new Set<PoolConnection>()
    return {
      pool,
      allowed: ({ size }) => size, // what is being closed is open until its socket is
      async acquire() {
        const isEarly = pool.getConnection === bare
        const connection = await promisify(pool.getConnection.bind(pool))()
        if (isEarly) early.add(connection)
        return connection as unknown as Thing
      },
      release(thing) {
        const connection = thing as unknown as PoolConnection & { readonly stream: Socket }
        connection.release()
        if (factory.spoilt.has(thing)) setImmediate(() => connection.stream.destroy())
      },
      /** Of one from before adoption, nobody awaits the end of the socket: it is just given back. */
      destroy(thing) {
        const connection = thing as unknown as PoolConnection
        if (early.has(connection)) connection.release()
        else connection.destroy()
      },
    }
  },
  mariadb: (factory) => {
    // It tries again half a second after a failure: a turn is a millisecond.
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    })
    let opening = 0
    const stream = () => {
      if (factory.failing > 0) {
        factory.failing -= 1
        return connectByWire()
      }
      opening += 1
      return server.connect()
    }
    const options = { stream, connectionLimit: LIMIT_MAX, minimumIdle: 0, acquireTimeout: LONG_MS }
    const pool = createMariadbPool(options as object)
    const seen = (what: () => void) => setTimeout(what, SEEN_AFTER_MS)
    pool.on('connection', () => seen(() => --opening))
    const bare = pool.getConnection
    const early = new Set<Thing>()
    let strangers = 0
    let hadStrangers = false
    const released = async (thing: Thing): Promise<void> => {
      await (thing as unknown as MariadbConnection).release()
      if (early.delete(thing)) seen(() => --strangers)
    }
    return {
      pool,
      // At the server: the client's sockets lose their listeners where mariadb gives them up.
      open: server.counter(),
      // Whoever asked before adoption is held by the pool's own limit alone, and seen a moment later. Where one of them
      // gives back what somebody of ours waits for, the pool goes on opening another.
      allowed: ({ size, destroying }) => {
        if (strangers > 0) return LIMIT_MAX + destroying
        return hadStrangers ? size + opening : size
      },
      turn() {
        vi.advanceTimersByTime(1)
        return nextTurn()
      },
      end: () => pool.end(),
      async acquire() {
        const isEarly = pool.getConnection === bare
        if (isEarly) {
          strangers += 1
          hadStrangers = true
        }
        const thing = (await pool.getConnection()) as unknown as Thing
        if (isEarly) early.add(thing)
        return thing
      },
      async release(thing) {
        await released(thing)
        if (factory.spoilt.has(thing)) server.cut((thing as unknown as MariadbConnection).threadId as number)
      },
      /** Of one from before adoption, nobody awaits the end of the socket: it is just given back. */
      destroy: (thing) => (early.has(thing) ? released(thing) : (thing as unknown as MariadbConnection).destroy()),
    }
  },
  'generic-pool': (factory, min) => genericPool(factory, min, false),
  'generic-pool with testOnBorrow': (factory, min) => genericPool(factory, min, true),
}

function genericPool({ create, destroy, validate }: Factory, min: number, testOnBorrow: boolean): Holder {
  const pool = createGenericPool(
    { create, destroy, validate: async (thing: Thing) => validate(thing) },
    { max: LIMIT_MAX, min, testOnBorrow },
  )
  return {
    pool,
    acquire: () => pool.acquire() as Promise<Thing>,
    release: (thing) => pool.release(thing),
    destroy: (thing) => pool.destroy(thing),
  }
}

function spoil(spoilt: Set<Thing>, thing: Thing): Thing {
  spoilt.add(thing)
  return thing
}

interface Step {
  readonly do: 'acquire' | 'turn' | 'release' | 'spoil' | 'destroy' | 'resize' | 'turns' | 'fail' | 'throw'
  /**
   * Which of those held; to what limit; how many turns the next creates and destroys take; how many creates fail. From
   * 2 on, what is spoilt throws.
   */
  readonly n: number
}

const few = (weight: number, what: Step['do'], min = 0) => ({
  weight,
  arbitrary: fc.record({ do: fc.constant(what), n: fc.integer({ min, max: LIMIT_MAX }) }),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  few(5, 'acquire'),
  few(5, 'turn'),
  few(4, 'release'),
  few(1, 'spoil'),
  few(1, 'destroy'),
  few(2, 'resize', 1),
  few(1, 'turns'),
  few(1, 'fail'),
  few(1, 'throw'),
)

interface Program {
  /** The pool's own: how many it keeps. */
  readonly min: number
  /** Who asks before adoption, and how many turns of the event loop before it. */
  readonly early: { readonly asks: number; readonly turns: number }
  readonly steps: readonly Step[]
  /** What ends it, with some still waiting. */
  readonly end: 'drain' | 'detach' | 'calm'
}

/** What was found took a hundred steps. */
const program: fc.Arbitrary<Program> = fc.record({
  min: fc.integer({ min: 0, max: 2 }),
  early: fc.record({ asks: fc.integer({ min: 0, max: 2 * LIMIT_MAX }), turns: fc.integer({ min: 0, max: 3 }) }),
  steps: fc.array(step, { minLength: 40, maxLength: 200, size: 'max' }),
  end: fc.constantFrom('drain', 'detach', 'calm'),
})

for (const [name, make] of Object.entries(POOLS)) {
  test(`${name}: nothing is open that the engine does not count, whatever happens`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(program, (one) => run(make, one)),
      { numRuns: ON_CONNECTIONS.includes(name) ? RUNS_ON_CONNECTIONS : RUNS },
    )
  })
}

for (const name of ['sequelize-pool', 'generic-pool']) {
  test(`${name}: as many as its min are kept open, within the limit, and none once it is drained`, async () => {
    const factory = new Factory()
    const make = POOLS[name] as (typeof POOLS)[string]
    const { pool, acquire, destroy } = make(factory, 2)
    const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1, limitMax: LIMIT_MAX })
    const openAfter = async (act: () => unknown): Promise<number> => {
      act()
      for (let turns = 0; turns < SOME_TURNS; turns++) await nextTurn()
      expect(control.counts().live).toBe(factory.open)
      return factory.open
    }
    expect(await openAfter(() => {})).toBe(2)
    expect(await openAfter(() => control.resize(1))).toBe(1)
    expect(await openAfter(() => control.resize(4))).toBe(2)
    const held = await acquire()
    expect(await openAfter(() => destroy(held))).toBe(2)
    expect(await openAfter(() => control.drain())).toBe(0)
  })
}

test('generic-pool: what its own evictor closes is replaced, up to its min', async () => {
  const factory = new Factory()
  const { create, destroy } = factory
  const eviction = { idleTimeoutMillis: 1, evictionRunIntervalMillis: 50, numTestsPerEvictionRun: LIMIT_MAX }
  const pool = createGenericPool({ create, destroy }, { max: LIMIT_MAX, min: 3, ...eviction })
  const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1, limitInitial: 2 })
  control.resize(LIMIT_MAX)
  let closed = 0
  control.on('destroyed', () => {
    closed += 1
  })
  await until(
    () => closed >= LIMIT_MAX && factory.open === 3 && control.counts().live === 3,
    () => ({ closed, open: factory.open, ...control.counts() }),
  )
  await control.drain()
})

for (const [name, make] of Object.entries(POOLS)) {
  test(`${name}: one more is opened ahead of anybody though others are idle`, async () => {
    const factory = new Factory()
    const { pool, acquire, release, open = () => factory.open, turn = nextTurn } = make(factory, 0)
    const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1, creatingMax: 1 })
    release(await acquire())
    await turn()
    await control.warmUp(2)
    expect(control.counts()).toMatchObject({ idle: 2, live: 2 })
    expect(open()).toBe(2)
    await turnUntilSettled(control.drain(), turn)
  })
}

for (const [name, make] of Object.entries(POOLS)) {
  test(`${name}: whom the limit has kept waiting since before adoption is served on detach`, async () => {
    const { pool, acquire, destroy, turn = nextTurn } = make(new Factory(), 0)
    const held = await Promise.all(Array.from({ length: LIMIT_MAX }, acquire))
    let isServed = false
    void acquire().then(() => {
      isServed = true
    })
    const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1 })
    control.resize(1)
    destroy(held[0] as Thing)
    for (let turns = 0; turns < SOME_TURNS; turns++) await turn()
    control.detach()
    for (let turns = 0; turns < SOME_TURNS; turns++) await turn()
    expect(isServed).toBe(true)
  })
}

async function run(
  make: (factory: Factory, min: number) => Holder,
  { min, early, steps, end }: Program,
): Promise<void> {
  const factory = new Factory()
  const holder = make(factory, min)
  const { pool, acquire, release, destroy, end: close } = holder
  const { open = () => factory.open, allowed = ({ live }) => live, turn = nextTurn } = holder
  const held: Thing[] = []
  let waiting = 0
  const ask = async (): Promise<void> => {
    waiting += 1
    try {
      held.push(await acquire())
    } catch {
      // Refused, since nothing can be created.
    }
    waiting -= 1
  }
  const giveBack = async (thing: Thing | undefined, how: (thing: Thing) => unknown): Promise<void> => {
    if (thing === undefined) return
    held.splice(held.indexOf(thing), 1)
    await how(thing)
  }
  for (let left = early.asks; left > 0; left--) void ask()
  for (let left = early.turns; left > 0; left--) await turn()
  const createBackoff = { initialMs: 1, maxMs: 1 }
  const control = adapt(pool, { controller: fixed(), watch: false, limitMin: 1, limitMax: LIMIT_MAX, createBackoff })
  for (const { do: what, n } of steps) {
    if (what === 'acquire') void ask()
    else if (what === 'release') void giveBack(held[n], release)
    else if (what === 'spoil') void giveBack(held[n], (thing) => release(spoil(factory.spoilt, thing)))
    else if (what === 'destroy') void giveBack(held[n], destroy)
    else if (what === 'resize') control.resize(n)
    else if (what === 'turns') factory.turns = n
    else if (what === 'fail') factory.failing = n
    else if (what === 'throw') factory.isThrowing = n >= 2
    else {
      await turn()
      expect(open()).toBeLessThanOrEqual(allowed(control.counts()))
    }
  }
  const over = end === 'drain' ? control.drain() : undefined
  if (end === 'detach') {
    factory.failing = 0 // tarn alone would try again 200 ms later
    factory.isThrowing = false // generic-pool alone would lose who waits
    control.detach()
  }
  const isServed = (): boolean => {
    for (const thing of [...held]) void giveBack(thing, release)
    if (end === 'detach' && close !== undefined) expect(open()).toBeLessThanOrEqual(LIMIT_MAX)
    return waiting === 0 && held.length === 0
  }
  await turnUntil(isServed, turn, control)
  if (end !== 'detach') {
    await turnUntilSettled(over ?? control.drain(), turn)
    expect(open()).toBeLessThanOrEqual(allowed(control.counts()))
  } else {
    expect(open()).toBeLessThanOrEqual(LIMIT_MAX)
    if (close === undefined) return
    await turnUntilSettled(close(), turn)
  }
  await turnUntil(() => open() === 0, turn, control)
}

async function turnUntil(isSo: () => boolean, turn: () => Promise<void>, told: unknown = undefined): Promise<void> {
  const hangsAtMs = performance.now() + PATIENCE_MS
  while (!isSo()) {
    if (performance.now() > hangsAtMs) throw new Error(`still not so: ${inspect(told)}`)
    await turn()
  }
}

async function turnUntilSettled(work: Promise<unknown>, turn: () => Promise<void>): Promise<void> {
  let isSettled = false
  const settled = work.finally(() => {
    isSettled = true
  })
  await turnUntil(() => isSettled, turn, work)
  await settled
}
