import { readFileSync } from 'node:fs'

/** Of one core, in ms; what the kernel counts in, on every Linux. */
const TICK_MS = 10

/**
 * CPU that neither this process nor a server and its children have used so far, in ms: read twice, it tells how much
 * others have disturbed what was measured between. 0 where there is no /proc to ask.
 */
export function cpuOfOthersMs(serverPid: number | undefined): number {
  try {
    const { user, system } = process.cpuUsage()
    return cpuOfAllMs() - cpuOfTreeMs(Number(serverPid)) - (user + system) / 1_000
  } catch {
    return 0
  }
}

function cpuOfAllMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] =
    /^cpu +(.+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? []
  return TICK_MS * (user + nice + system + irq + softIrq + stolen)
}

/** A child that has ended is in its parent's count of children. */
function cpuOfTreeMs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  const ticks = [String(pid), ...children].map((one) => {
    try {
      const stat = readFileSync(`/proc/${one}/stat`, 'utf8')
      const [user = 0, system = 0, usersChildren = 0, systemsChildren = 0] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 15)
        .map(Number)
      return user + system + usersChildren + systemsChildren
    } catch {
      return 0 // it has ended meanwhile
    }
  })
  return TICK_MS * ticks.reduce((a, b) => a + b, 0)
}
