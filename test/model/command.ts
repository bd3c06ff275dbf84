import fc from 'fast-check'
import type { Behaviour, Operation } from '../support/fake-factory.ts'

/** What a program does next. Plain data: a failing program can be read, shrunk and kept. Times in ms. */
export type Command = AtOnce | { readonly do: 'advance'; readonly ms: number }

/** What takes no time. A meddler does its deed from within the next event of that name. */
export type AtOnce =
  | Deed
  | { readonly do: 'leap'; readonly ms: number }
  | { readonly do: 'meddle'; readonly on: MeddledEvent; readonly deed: Deed }

export type Deed =
  | { readonly do: 'acquire'; readonly timeoutMs: number | undefined; readonly priority: number; readonly signal: Slot }
  | { readonly do: 'tryAcquire' }
  | { readonly do: 'use'; readonly holdMs: number; readonly ends: 'well' | 'inError' | 'broken' }
  | { readonly do: 'release' | 'destroy' | 'endTwice'; readonly which: number }
  | { readonly do: 'abort'; readonly signal: number }
  | { readonly do: 'resize'; readonly limit: number }
  | { readonly do: 'pause' | 'resume' | 'letGo' | 'heal' }
  | { readonly do: 'warmUp'; readonly count: number }
  | { readonly do: 'script'; readonly operation: Operation; readonly behaviour: Behaviour; readonly isDeaf: boolean }
  | { readonly do: 'drain'; readonly timeoutMs: number }

/** One of a program's few signals, or none. */
type Slot = number | undefined

/** Events in whose listeners a program comes back into the pool. */
export const MEDDLED_EVENTS = [
  'acquired',
  'released',
  'created',
  'createFailed',
  'destroyed',
  'evicted',
  'timedOut',
  'shed',
  'limitChanged',
  'drained',
] as const
type MeddledEvent = (typeof MEDDLED_EVENTS)[number]

/** The pool's options that programs vary. */
export interface Setting {
  readonly limitMin: number
  readonly limitMax: number
  readonly limitInitial: number
  readonly acquireTimeoutMs: number
  readonly waitersMax: number
  readonly createTimeoutMs: number
  readonly creatingMax: number
  readonly refuseAfter: number
  readonly validates: boolean
  readonly validateAfterIdleMs: number
  readonly validateTimeoutMs: number
  readonly destroyTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly lifetimeMs: number
  readonly usesMax: number
  readonly warmUp: number
}

export interface Program {
  readonly setting: Setting
  readonly commands: readonly Command[]
}

const NEVER = Number.POSITIVE_INFINITY
export const COMMANDS_MAX = 200
export const SIGNALS = 3

const limits = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(5), fc.nat(5)).map(([limitMin, more, start]) => ({
  limitMin,
  limitMax: limitMin + more,
  limitInitial: limitMin + Math.min(start, more),
}))

const setting: fc.Arbitrary<Setting> = fc
  .tuple(
    limits,
    fc.record({
      acquireTimeoutMs: fc.constantFrom(1_000, 80, NEVER),
      waitersMax: fc.constantFrom(NEVER, 4, 0),
      createTimeoutMs: fc.constantFrom(100, 20, NEVER),
      creatingMax: fc.constantFrom(4, 2, 1),
      refuseAfter: fc.constantFrom(3, 1, NEVER),
      validates: fc.boolean(),
      validateAfterIdleMs: fc.constantFrom(30, 0),
      validateTimeoutMs: fc.constantFrom(50, 20, NEVER),
      destroyTimeoutMs: fc.constantFrom(60, 20, NEVER),
      idleTimeoutMs: fc.constantFrom(NEVER, 120),
      lifetimeMs: fc.constantFrom(NEVER, 250),
      usesMax: fc.constantFrom(NEVER, 3),
      warmUp: fc.constantFrom(0, 1),
    }),
  )
  .map(([limit, rest]) => ({ ...limit, ...rest }))

const which = fc.nat(7)
const acquire: fc.Arbitrary<Deed> = fc.record({
  do: fc.constant('acquire' as const),
  timeoutMs: fc.constantFrom(undefined, undefined, 10, 45, 300),
  priority: fc.constantFrom(0, 0, 0, 0, 1, -100, 100),
  signal: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2),
})
const resize: fc.Arbitrary<Deed> = fc.record({ do: fc.constant('resize' as const), limit: fc.nat(7) })

function ending(of: 'release' | 'destroy' | 'endTwice'): fc.Arbitrary<Deed> {
  return fc.record({ do: fc.constant(of), which })
}

function plain(of: 'pause' | 'resume' | 'letGo' | 'heal'): fc.Arbitrary<Deed> {
  return fc.constant({ do: of })
}

function script(operation: Operation, ...behaviours: Behaviour[]): fc.Arbitrary<Deed> {
  return fc.record({
    do: fc.constant('script' as const),
    operation: fc.constant(operation),
    behaviour: fc.constantFrom<Behaviour>('ok', 'slow', 'fail', 'failSlowly', 'hang', 'throw', ...behaviours),
    isDeaf: fc.boolean(),
  })
}

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 24, arbitrary: acquire },
  { weight: 18, arbitrary: ending('release') },
  { weight: 4, arbitrary: ending('destroy') },
  { weight: 1, arbitrary: ending('endTwice') },
  { weight: 3, arbitrary: fc.constant({ do: 'tryAcquire' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('use' as const),
      holdMs: fc.constantFrom(0, 5, 40),
      ends: fc.constantFrom('well', 'well', 'inError', 'broken'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('abort' as const), signal: fc.nat(SIGNALS - 1) }) },
  { weight: 5, arbitrary: resize },
  { weight: 1, arbitrary: plain('pause') },
  { weight: 3, arbitrary: plain('resume') },
  { weight: 3, arbitrary: script('create', 'refuse', 'deny') },
  { weight: 2, arbitrary: script('validate', 'answerFalse') },
  { weight: 2, arbitrary: script('destroy') },
  { weight: 3, arbitrary: plain('letGo') },
  { weight: 3, arbitrary: plain('heal') },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('warmUp' as const), count: fc.nat(4) }) },
)

const drain: fc.Arbitrary<Deed> = fc.record({
  do: fc.constant('drain' as const),
  timeoutMs: fc.constantFrom(NEVER, 50, 5),
})

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 160, arbitrary: deed },
  {
    weight: 30,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 7, 30, 100, 350) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('leap' as const), ms: fc.constantFrom(1, 40, 400) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('meddle' as const),
      on: fc.constantFrom(...MEDDLED_EVENTS),
      deed: fc.oneof({ weight: 40, arbitrary: deed }, { weight: 1, arbitrary: drain }),
    }),
  },
  { weight: 1, arbitrary: drain },
)

/** Up to 200 commands under a setting of their own. */
export const program: fc.Arbitrary<Program> = fc.record({
  setting,
  commands: fc.array(command, { maxLength: COMMANDS_MAX, size: 'max' }),
})
