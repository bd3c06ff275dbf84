import { captureAsyncScope } from '../base/async-scope.ts'

type Callback = (...args: never[]) => unknown

/**
 * A caller's callback, to be called from the middle of the engine: it runs in the caller's async context, which drivers
 * lose (it would run in that of whoever released), and what it throws is its owner's uncaught exception, as it is
 * without us; it must not unwind the engine.
 */
export function broughtHome<C extends Callback>(callback: C): (...args: Parameters<C>) => void {
  const scope = captureAsyncScope('AdaptivePoolWaiter')
  return (...args) => {
    try {
      scope.run(() => callback(...args))
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }
}

/**
 * The arguments of a driver's `query` with its callback, if there is one after the first, brought to its caller's async
 * context. What it throws goes where the driver lets it go.
 */
export function withCallbackInScope(args: readonly unknown[]): readonly unknown[] {
  const callback = args.findLast((arg, index) => index > 0 && typeof arg === 'function') as Callback | undefined
  if (callback === undefined) return args
  const scope = captureAsyncScope('AdaptivePoolQuery')
  const brought = (...results: never[]): unknown => scope.run(() => callback(...results))
  return args.map((arg) => (arg === callback ? brought : arg))
}
