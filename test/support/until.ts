import { setTimeout as sleep } from 'node:timers/promises'

/** Long enough for a loaded machine; a condition that never comes fails with what it looked like last. */
const DEADLINE_MS = 10_000
const LOOK_EVERY_MS = 5

/**
 * Waits until `look` answers true, for tests on real servers, where time cannot be advanced.
 *
 * @throws Error when the condition has not come by the deadline; `describe` says what was seen last
 */
export async function until(
  look: () => boolean | Promise<boolean>,
  describe: () => unknown = () => look.toString(),
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const startMs = performance.now()
  while (!(await look())) {
    if (performance.now() - startMs > deadlineMs) {
      throw new Error(`not within ${deadlineMs} ms: ${JSON.stringify(await describe())}`)
    }
    await sleep(LOOK_EVERY_MS)
  }
}
