import { type AsyncScope, CapturedScope } from '../base/async-scope.ts'

type Callback = (...args: never[]) => unknown

/** The async context of whoever is calling now. */
export class CallerScope extends CapturedScope {
  constructor() {
    super('AdaptivePoolWaiter')
  }

  /**
   * Calls his callback from the middle of the engine: it runs in his async context, which drivers lose (it would run in
   * that of whoever released), and what it throws is its owner's uncaught exception, as it is without us; it must not
   * unwind the engine.
   */
  answer<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): void {
    try {
      this.runInAsyncScope(callback, undefined, ...args)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }
}

/** A caller's callback, to be called from the middle of the engine. */
export function broughtHome<A extends unknown[]>(callback: (...args: A) => unknown): (...args: A) => void {
  const scope = new CallerScope()
  return (...args) => scope.answer(callback, ...args)
}

/**
 * The arguments of a driver's `query`, with its callback, if there is one after the first, brought to its caller's
 * async context, in place. What it throws goes where the driver lets it go.
 */
export function withCallbackHome(args: unknown[], given?: AsyncScope): unknown[] {
  const at = callbackAt(args)
  if (at === undefined) return args
  const scope = given ?? new CallerScope()
  const callback = args[at] as Callback
  args[at] = (...results: never[]): unknown => scope.run(callback, ...results)
  return args
}

function callbackAt(args: readonly unknown[]): number | undefined {
  for (let at = args.length - 1; at > 0; at--) if (typeof args[at] === 'function') return at
  return undefined
}
