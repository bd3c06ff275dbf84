import type { EventEmitter } from 'node:events'

/**
 * Ends the process once whoever reads its output has left, as `head` does when it has seen enough. What was started is
 * cleared up as after any other end.
 */
export function exitWithReader(streams: readonly EventEmitter[], exit: (code: number) => void): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      exit(0)
    })
  }
}
