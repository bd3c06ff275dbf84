import { conformance } from './conformance.ts'
import { tarnSubject } from './subjects/bare-pools.ts'

conformance(tarnSubject)
