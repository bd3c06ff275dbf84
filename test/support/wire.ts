import { Duplex } from 'node:stream'

/** As much of a socket as drivers touch. What is written comes out at the other end a turn of the event loop later. */
class WireEnd extends Duplex {
  #other: WireEnd | undefined

  constructor() {
    super({ allowHalfOpen: false })
  }

  join(other: WireEnd): void {
    this.#other = other
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(chunk)
    done()
  }

  override _final(done: () => void): void {
    this.#send(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#send(null)
    done(error)
  }

  #send(chunk: Buffer | null): void {
    setImmediate(() => this.#other?.arrive(chunk))
  }

  arrive(chunk: Buffer | null): void {
    if (!this.destroyed && !this.readableEnded) this.push(chunk)
  }

  setTimeout(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): void {}
  unref(): void {}
}

/**
 * A connection without a network: it is there a turn of the event loop later, whatever else the machine does, so that
 * programs on it are the same at each run.
 *
 * @param accept takes the other end; without one, nobody listens there
 */
export function connectByWire(accept?: (end: Duplex) => void): Duplex {
  const [here, there] = [new WireEnd(), new WireEnd()]
  here.join(there)
  there.join(here)
  setImmediate(() => {
    if (here.destroyed) return
    if (accept === undefined) return here.destroy(new Error('nobody listens'))
    here.emit('connect')
    accept(there)
  })
  return here
}
