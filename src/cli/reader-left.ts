import type { EventEmitter } from 'node:events'

/**
 * Ends the process once whoever reads its output has left, as `head` does when it has seen enough. What was started is
 * cleared up as after any other end. Nobody need read what stderr says on the way: the output is still to come.
 */
export function exitWithReader(stdout: EventEmitter, stderr: EventEmitter, exit: (code: number) => void): void {
  stdout.on('error', (error) => {
    throwUnlessLeft(error)
    exit(0)
  })
  stderr.on('error', throwUnlessLeft)
}

function throwUnlessLeft(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
