import { serveRuns } from './farm.ts'

serveRuns()
