import { setTimeout as sleep } from 'node:timers/promises'

/** Normal traffic of twenty handlers, two requests every 2 ms, four hundred in all; one of the handlers is `keeper`. */
export async function oneOfTwenty(
  keeper: () => Promise<unknown>,
  other: (i: number) => Promise<unknown>,
): Promise<void> {
  const under: Promise<unknown>[] = []
  for (let i = 0; i < 400; i++) {
    under.push(i % 20 === 0 ? keeper() : other(i % 19))
    if (i % 2 === 0) await sleep(2)
  }
  await Promise.all(under)
}
