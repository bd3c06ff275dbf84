interface Listening {
  /** What there is to do; while there is anything, the signal has our listener. */
  readonly fires: Set<() => void>
  readonly listener: () => void
}

const LISTENING = /* @__PURE__ */ new WeakMap<AbortSignal, Listening>()

/**
 * Calls `fire` once `signal`, which is not aborted yet, is; unless what it answers is called before. One listener a
 * signal, however many share it, as they do that of a shutdown: with more than ten, Node warns of a leak, and it walks
 * them all for each that is added or taken away.
 */
export function whenAborted(signal: AbortSignal, fire: () => void): () => void {
  const { fires, listener } = LISTENING.get(signal) ?? listeningTo(signal)
  if (fires.size === 0) signal.addEventListener('abort', listener, { once: true })
  fires.add(fire)
  return () => {
    fires.delete(fire)
    if (fires.size === 0) signal.removeEventListener('abort', listener)
  }
}

function listeningTo(signal: AbortSignal): Listening {
  const fires = new Set<() => void>()
  const listener = (): void => {
    for (const fire of fires) fire()
  }
  const listening = { fires, listener }
  LISTENING.set(signal, listening)
  return listening
}
