import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/**
 * What the network does.
 *
 * - `ok`: carries bytes both ways
 * - `refuse`: resets a new connection as soon as it is accepted; open ones go on
 * - `blackhole`: accepts new connections and never answers; on open ones all bytes vanish. As such a stream is spoilt,
 *   leaving this mode resets every connection that was open in it.
 */
export type NetworkMode = 'ok' | 'refuse' | 'blackhole'

const HOST = '127.0.0.1'

/**
 * Starts a TCP proxy on a free port of 127.0.0.1 that fails on demand.
 *
 * ```ts
 * const proxy = await startFaultProxy(server.port)
 * const pool = new pg.Pool({ host: proxy.host, port: proxy.port, user: 'postgres' })
 * proxy.cut()             // every connection is reset
 * proxy.mode = 'refuse'   // and nobody comes in again
 * ```
 */
export async function startFaultProxy(upstreamPort: number, upstreamHost: string = HOST): Promise<FaultProxy> {
  const proxy = new FaultProxy(upstreamPort, upstreamHost)
  await proxy.listen()
  return proxy
}

export class FaultProxy {
  readonly host = HOST
  /** One way, in ms, for chunks that arrive from now on. Their order is kept. */
  latencyMs = 0
  /** Connections accepted so far, refused ones included. */
  acceptedCount = 0
  readonly #links = new Set<Link>()
  readonly #listener: Server
  #mode: NetworkMode = 'ok'
  #isPaused = false

  constructor(upstreamPort: number, upstreamHost: string) {
    // Paused on accept: no byte may be lost before there is somewhere to send it.
    this.#listener = createServer({ pauseOnConnect: true }, (client) => {
      this.acceptedCount += 1
      client.on('error', () => {})
      if (this.#mode === 'refuse') return client.resetAndDestroy()
      const link = new Link(client, connect(upstreamPort, upstreamHost), this)
      this.#links.add(link)
      client.once('close', () => this.#links.delete(link))
      if (!this.#isPaused) link.resume()
    })
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  /** Connections open now. */
  get openCount(): number {
    return this.#links.size
  }

  get mode(): NetworkMode {
    return this.#mode
  }

  set mode(next: NetworkMode) {
    const isSpoilt = this.#mode === 'blackhole' && next !== 'blackhole'
    this.#mode = next
    if (isSpoilt) this.cut()
  }

  /** Resets every open connection, on both sides; new ones are welcome, if the mode is. */
  cut(): void {
    for (const link of this.#links) link.reset()
  }

  /** Holds all bytes back, as a stalled network does; none is lost. */
  pause(): void {
    this.#isPaused = true
    for (const link of this.#links) link.pause()
  }

  resume(): void {
    this.#isPaused = false
    for (const link of this.#links) link.resume()
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, HOST)
    await once(this.#listener, 'listening')
  }

  /** Resets what is open, and frees the port. */
  async close(): Promise<void> {
    if (!this.#listener.listening) return
    const isClosed = once(this.#listener, 'close')
    this.#listener.close()
    this.cut()
    await isClosed
  }
}

/** A client's connection and its counterpart to the server. */
class Link {
  readonly #client: Socket
  readonly #upstream: Socket

  constructor(client: Socket, upstream: Socket, network: Pick<FaultProxy, 'mode' | 'latencyMs'>) {
    this.#client = client
    this.#upstream = upstream
    upstream.pause()
    carry(client, upstream, network)
    carry(upstream, client, network)
    // Whichever side breaks, the other learns it as a reset: an orderly end is carried by 'end'.
    for (const socket of [client, upstream]) socket.on('error', () => this.reset())
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => network.mode !== 'blackhole' && client.destroySoon())
  }

  pause(): void {
    this.#client.pause()
    this.#upstream.pause()
  }

  resume(): void {
    this.#client.resume()
    this.#upstream.resume()
  }

  reset(): void {
    for (const socket of [this.#client, this.#upstream]) if (!socket.destroyed) socket.resetAndDestroy()
  }
}

function carry(from: Socket, to: Socket, network: Pick<FaultProxy, 'mode' | 'latencyMs'>): void {
  let lastDueAtMs = 0
  const later = (act: () => void): void => {
    if (network.mode === 'blackhole') return
    const nowMs = performance.now()
    // Never before what was sent earlier, even if the latency has been lowered since.
    lastDueAtMs = Math.max(lastDueAtMs, nowMs + network.latencyMs)
    if (lastDueAtMs <= nowMs) act()
    else setTimeout(act, lastDueAtMs - nowMs)
  }
  from.on('data', (chunk) => later(() => to.writable && to.write(chunk)))
  from.on('end', () => later(() => to.end()))
}
