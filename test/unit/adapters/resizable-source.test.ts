import { expect, test } from 'vitest'
import { adapt } from '../../../src/adapt.ts'
import { fixed } from '../../../src/control/fixed.ts'
import type { ResizableSource } from '../../../src/index.ts'
import { settled } from '../../../src/sim/virtual-clock.ts'

interface Phone {
  readonly id: number
}

/** The plainest pool there is: it never waits, and keeps what comes back. */
class PhonePool implements ResizableSource<Phone> {
  readonly kind = 'phones'
  readonly idle: Phone[] = []
  readonly open = async (): Promise<Phone> => {
    this.total += 1
    this.totalMax = Math.max(this.totalMax, this.total)
    return { id: this.total }
  }
  max = 3
  total = 0
  totalMax = 0

  resize(max: number): void {
    this.max = max
  }

  counts() {
    return { total: this.total, idle: this.idle.length }
  }

  async acquire(): Promise<Phone> {
    return this.idle.pop() ?? this.open()
  }

  release(phone: Phone): void {
    this.idle.push(phone)
  }

  destroy(_phone: Phone): void {
    this.total -= 1
  }

  closeIdle(): void {
    if (this.idle.shift() !== undefined) this.total -= 1
  }
}

function adopted(limit: number) {
  const pool = new PhonePool()
  const control = adapt(pool, { limitMin: 1, limitMax: 9, limitInitial: limit, controller: fixed() })
  return { pool, control }
}

test('the gate keeps it to the limit, in order of arrival, as the limit moves', async () => {
  const { pool, control } = adopted(2)
  const order: number[] = []
  const use = async (caller: number): Promise<void> => {
    const phone = await pool.acquire()
    order.push(caller)
    await settled()
    if (caller % 5 === 0) pool.destroy(phone)
    else pool.release(phone)
  }
  const callers = Array.from({ length: 30 }, (_, caller) => use(caller))
  await Promise.all(callers)
  expect(order).toEqual([...callers.keys()])
  expect(pool.totalMax).toBe(2)

  control.resize(5)
  await Promise.all(Array.from({ length: 20 }, (_, caller) => use(caller + 1)))
  expect(pool.totalMax).toBeLessThanOrEqual(5)
  control.resize(1)
  await settled()
  expect(pool.counts()).toEqual({ total: 1, idle: 1 })
  expect(control.stats()).toMatchObject({ acquired: 50, released: 50 })
})

test('its own maximum goes to limitMax, and back at detach(), with its methods', async () => {
  const { pool, control } = adopted(3)
  expect({ kind: control.kind, max: pool.max }).toEqual({ kind: 'phones', max: 9 })
  control.detach()
  expect(pool.max).toBe(3)
  expect(Object.hasOwn(pool, 'acquire')).toBe(false)
  pool.release(await pool.acquire())
  expect(control.stats().acquired).toBe(0)
})

test('warming up opens as many as asked for, each of them once', async () => {
  const { pool, control } = adopted(4)
  await control.warmUp(4)
  expect(pool.counts()).toEqual({ total: 4, idle: 4 })
})

test('what was taken before is counted, and comes back to the pool itself', async () => {
  const pool = new PhonePool()
  const early = await pool.acquire()
  const control = adapt(pool, { limitMin: 1, limitMax: 9, limitInitial: 1, controller: fixed() })
  expect(control.counts()).toMatchObject({ inUse: 1, live: 1 })
  const waiting = pool.acquire()
  await settled()
  expect(control.counts().waiters).toBe(1)
  pool.release(early)
  pool.release(await waiting)
  expect(pool.totalMax).toBe(1)
})
