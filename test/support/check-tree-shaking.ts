/**
 * What a bundler keeps of the built package for `import { createPool } from 'adaptive-pool'`: no adapter, no telemetry,
 * no simulation, no command. The source map of the bundle names the files. Part of `npm run check:size`.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const DIST = fileURLToPath(new URL('../../dist', import.meta.url))
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const UNWANTED = /\/src\/(adapters|telemetry|sim|cli|generic-pool)\/|\/src\/(adapt|adopted-pool|adopted-group)\.ts$/

const kept = await filesKept('createPool')
const unwanted = kept.filter((file) => UNWANTED.test(file))
if (!kept.some((file) => file.endsWith('/src/pool/pool.ts'))) throw new Error('this tests nothing: no engine in it')
if (unwanted.length > 0) throw new Error(`importing createPool brings in ${unwanted.join(', ')}`)
const whole = await filesKept('adapt')
if (!whole.some((file) => UNWANTED.test(file))) throw new Error('this tests nothing: adapt brings no adapter in')
console.log(`tree-shaking: createPool brings in ${kept.length} files of ours, none of an adapter`)

async function filesKept(name: string): Promise<string[]> {
  const { outputFiles } = await build({
    stdin: { contents: `import { ${name} } from './index.js'; console.log(${name})`, resolveDir: DIST },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    sourcemap: 'external',
    outfile: join(DIST, 'bundle.js'),
  })
  const map = outputFiles.find(({ path }) => path.endsWith('.map'))
  const { sources, mappings } = JSON.parse(map?.text ?? '{}') as { sources: string[]; mappings: string }
  const used = sourcesUsed(mappings)
  return sources.filter((_, i) => used.has(i))
}

/** Indices of the sources that some mapping points to: a map also lists files of which nothing is left. */
function sourcesUsed(mappings: string): ReadonlySet<number> {
  const used = new Set<number>()
  let source = 0
  for (const segment of mappings.split(/[;,]/)) {
    const fields = decodeVlq(segment)
    if (fields.length < 4) continue
    source += fields[1] as number
    used.add(source)
  }
  return used
}

function decodeVlq(segment: string): number[] {
  const fields: number[] = []
  let value = 0
  let shift = 0
  for (const char of segment) {
    const digit = BASE64.indexOf(char)
    value |= (digit & 31) << shift
    shift += 5
    if (digit & 32) continue
    fields.push(value & 1 ? -(value >> 1) : value >> 1)
    value = 0
    shift = 0
  }
  return fields
}
