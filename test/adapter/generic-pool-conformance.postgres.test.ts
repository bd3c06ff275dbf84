import { conformance } from './conformance.ts'
import { genericPoolSubject } from './subjects/bare-pools.ts'

conformance(genericPoolSubject)
