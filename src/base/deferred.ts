/** A promise, and what settles it. */
export interface Deferred<R> {
  readonly promise: Promise<R>
  resolve(result: R): void
  reject(error: Error): void
}

/** Promise.withResolvers, which Node 20 does not have. */
export function deferred<R>(): Deferred<R> {
  let resolve!: (result: R) => void
  let reject!: (error: Error) => void
  const promise = new Promise<R>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
