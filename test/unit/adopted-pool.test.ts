import { expect, test } from 'vitest'
import { AdoptedOne } from '../../src/adapt.ts'
import { type OptionsReader, readOptions } from '../../src/base/options.ts'
import { fixed } from '../../src/control/fixed.ts'
import { CONTROL_DEFAULTS, type ControlOptions, resolveControlOptions } from '../../src/handle.ts'
import type { Adapter, Gate, GateSettings, Lease, Source } from '../../src/pool/contract.ts'
import { POOL_DEFAULTS, type PoolOptions, resolvePoolOptions } from '../../src/pool/pool-options.ts'
import { VirtualClock } from '../../src/sim/virtual-clock.ts'

/** A driver that keeps its idle resources itself, and lends and closes them behind our back if told to. */
class FakeDriver implements Adapter<string>, Source<string> {
  readonly kind = 'fake'
  readonly keeps = {}
  readonly inherited = {}
  readonly isClosed = false
  readonly source = this
  readonly idle: string[] = []
  readonly log: string[] = []
  /** What the next hand-out of an idle resource fails with. */
  handOutFailure: Error | undefined
  gate!: Gate<string>
  #made = 0

  attach(gate: Gate<string>, _settings: GateSettings): void {
    this.gate = gate
  }
  detach(): void {
    this.log.push('detached')
  }
  async create(): Promise<string> {
    this.#made += 1
    return `resource ${this.#made}`
  }
  async prepare(): Promise<string> {
    const resource = this.idle.pop() as string
    const failure = this.handOutFailure
    this.handOutFailure = undefined
    if (failure !== undefined) throw failure
    return resource
  }
  giveBack(resource: string): boolean {
    this.idle.push(resource)
    return true
  }
  destroy(resource: string | undefined, reason: string): undefined {
    const gone = resource ?? (reason === 'invalid' ? undefined : this.idle.shift())
    this.log.push(`${reason}: ${gone}`)
  }
  idleCount(): number {
    return this.idle.length
  }
}

function newAdopted(options: PoolOptions = {}) {
  const driver = new FakeDriver()
  const clock = new VirtualClock()
  const given = { controller: fixed(), watch: false as const, clock, queue: 'fifo' as const, ...options }
  const read = readOptions<PoolOptions & ControlOptions>('test', given, { ...POOL_DEFAULTS, ...CONTROL_DEFAULTS })
  const control = new AdoptedOne(
    driver as Adapter<unknown>,
    {
      pool: resolvePoolOptions('test', read as OptionsReader<PoolOptions>),
      control: resolveControlOptions('test', read as OptionsReader<ControlOptions>),
    },
    () => driver.log.push('forgotten'),
  )
  const acquire = () => new Promise<Lease<string>>((granted, refused) => driver.gate.request({}, { granted, refused }))
  return { driver, clock, control, acquire }
}

test('what the driver has idle is lent, not created anew', async () => {
  const { driver, control, acquire } = newAdopted()
  driver.idle.push('theirs')
  driver.gate.reconcile(0)
  expect(control.counts()).toMatchObject({ live: 1, idle: 1 })
  const lease = await acquire()
  expect(lease.resource).toBe('theirs')
  expect(control.stats().created).toBe(0)
  lease.release()
  expect(driver.idle).toEqual(['theirs'])
  expect(control.counts()).toMatchObject({ live: 1, idle: 1, inUse: 0 })
})

test('an idle resource that the driver closes is gone, with its cause', () => {
  const { driver, control } = newAdopted()
  driver.idle.push('a', 'b')
  driver.gate.reconcile(0)
  const seen: unknown[] = []
  control.on('destroyed', (event) => seen.push(event))
  driver.idle.pop()
  driver.gate.reconcile(0, new Error('terminated'))
  expect(control.counts()).toMatchObject({ live: 1, idle: 1 })
  expect(seen).toEqual([{ pool: control.name, reason: 'source', cause: new Error('terminated') }])
})

test('a resource lent outside the gate counts as a lease while it is out, and is neither created nor destroyed', () => {
  const { driver, control } = newAdopted({ limitMax: 2, limitInitial: 2 })
  driver.idle.push('a', 'b')
  driver.gate.reconcile(0)
  const lent = driver.idle.splice(0)
  driver.gate.reconcile(2)
  expect(control.counts()).toMatchObject({ live: 2, idle: 0, inUse: 2 })
  driver.idle.push(...lent)
  driver.gate.reconcile(0)
  expect(control.counts()).toMatchObject({ live: 2, idle: 2, inUse: 0 })
  expect(control.stats()).toMatchObject({ acquired: 2, released: 2, created: 0, destroyed: 0, evicted: 0 })
  expect(driver.log).toEqual([])
})

test('leases outside the gate that end with more idle than the limit: the excess is evicted', () => {
  const { driver, control } = newAdopted({ limitMax: 2, limitInitial: 2 })
  driver.gate.reconcile(3)
  expect(control.counts()).toMatchObject({ live: 3, inUse: 3 })
  driver.idle.push('a', 'b', 'c')
  driver.gate.reconcile(0)
  expect(driver.log).toEqual(['excess: a'])
  expect(control.counts()).toMatchObject({ live: 2, idle: 2 })
})

test('a hand-out that fails costs nobody an acquire, and no other idle resource its life', async () => {
  const { driver, control, acquire } = newAdopted()
  driver.idle.push('a', 'b')
  driver.gate.reconcile(0)
  driver.handOutFailure = new Error('died on the way')
  expect((await acquire()).resource).toBe('a')
  expect(driver.log).toEqual(['invalid: undefined'])
  expect(control.stats().acquired).toBe(1)
})

test('a burst that idle resources will absorb opens one more, though the driver hands out on its next tick', async () => {
  const { driver, control, acquire } = newAdopted()
  driver.idle.push('a', 'b', 'c')
  driver.gate.reconcile(0)
  const waiting = Array.from({ length: 20 }, acquire)
  expect(control.counts()).toMatchObject({ validating: 3, creating: 1, waiters: 20 })
  for (const lease of waiting) (await lease).release()
  expect(control.stats().released).toBe(20)
})

test('a drain cut short ends a lease outside the gate, and touches no resource for it', async () => {
  const { driver, clock, control, acquire } = newAdopted()
  driver.gate.reconcile(1)
  await acquire()
  driver.log.length = 0
  const drained = control.drain({ timeoutMs: 100 })
  driver.idle.push('theirs') // one that the driver keeps: nobody's lease is about it
  await clock.advance(100)
  expect(await drained).toMatchObject({ leasesCut: 2, unfinished: 0 })
  expect(driver.log.filter((line) => line !== 'drain: theirs')).toEqual(['drain: resource 1'])
  driver.gate.reconcile(0) // its holder gives it back now
  expect(control.stats()).toMatchObject({ acquired: 2, released: 2 })
  expect(control.counts()).toMatchObject({ size: 0 })
})

test('what the driver closes by itself while it is idle is evicted: so the event says, and so do the totals', async () => {
  const { driver, control, clock } = newAdopted()
  driver.idle.push('a', 'b')
  driver.gate.reconcile(0)
  const evicted: unknown[] = []
  control.on('evicted', (event) => evicted.push(event))
  await clock.advance(70)
  driver.idle.shift()
  driver.gate.reconcile(0)
  expect(evicted).toEqual([{ pool: control.name, reason: 'source', idleMs: 70 }])
  expect(control.stats()).toMatchObject({ evicted: 1, destroyed: 1 })
})

test('detach refuses who waits, leaves what is out alone, and gives back what comes later', async () => {
  const { driver, control, acquire } = newAdopted({ limitMax: 1 })
  const lease = await acquire()
  const waiting = acquire().catch((error: { code: string }) => error.code)
  control.detach()
  control.detach()
  expect(await waiting).toBe('ERR_POOL_DRAINING')
  expect(driver.log).toEqual(['detached', 'forgotten'])
  lease.release()
  expect(driver.idle).toEqual(['resource 1'])
  await expect(control.drain()).resolves.toMatchObject({ leasesCut: 0 })
})

test('a resource still being created when the pool is detached goes to the driver', async () => {
  const { driver, control, acquire } = newAdopted()
  const waiting = acquire().catch((error: { code: string }) => error.code)
  control.detach()
  expect(await waiting).toBe('ERR_POOL_DRAINING')
  await Promise.resolve()
  expect(driver.idle).toEqual(['resource 1'])
})

// Slipped through: detach() ends by a drain() of nothing, and nobody listened to what that one tells.
test('detach tells of no drain: the driver goes on', async () => {
  const { control, acquire } = newAdopted()
  const drained: unknown[] = []
  control.on('drained', (event) => drained.push(event))
  const lease = await acquire()
  const underWay = control.drain()
  control.detach()
  lease.release()
  expect(await underWay).toMatchObject({ leasesCut: 0, unfinished: 1 })
  expect(drained).toEqual([])
})

// Slipped through: waiters were refused, and nobody asked what became of who awaits a warm-up.
test('a warm-up under way when the pool is detached is refused, as by a drain', async () => {
  const { control } = newAdopted({ limitMax: 3 })
  const warm = control.warmUp(3)
  control.detach()
  await expect(warm).rejects.toMatchObject({ code: 'ERR_POOL_DRAINING' })
})

test('a detached pool sets no timer and makes no decision any more', async () => {
  const { control, clock, acquire } = newAdopted()
  ;(await acquire()).release()
  control.detach()
  await Promise.resolve()
  expect(clock.timerCount).toBe(0)
})
