interface Listening {
  /** What there is to do; never empty. */
  readonly fires: Set<() => void>
  readonly listener: () => void
}

/** The signals that have a listener of ours. */
const LISTENING = /* @__PURE__ */ new WeakMap<AbortSignal, Listening>()

/**
 * Calls `fire` once `signal`, which is not aborted yet, is; unless what it answers is called before. One listener a
 * signal, however many share it, as they do that of a shutdown: with more than ten, Node warns of a leak, and it walks
 * them all for each that is added or taken away.
 */
export function whenAborted(signal: AbortSignal, fire: () => void): () => void {
  const { fires, listener } = LISTENING.get(signal) ?? listen(signal)
  fires.add(fire)
  return () => {
    fires.delete(fire)
    if (fires.size > 0) return
    LISTENING.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}

function listen(signal: AbortSignal): Listening {
  const fires = new Set<() => void>()
  const listener = (): void => {
    for (const fire of fires) fire()
  }
  const listening = { fires, listener }
  signal.addEventListener('abort', listener, { once: true })
  LISTENING.set(signal, listening)
  return listening
}
