/** A service's bundle: its minifier renames every class. Slipped through, since nothing else here is minified and run. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import type * as GenericPool from '../../../src/generic-pool/index.ts'

test('in a minified bundle, createPool() and new Pool() with our own queue classes work as ever', async () => {
  const { createPool, DefaultEvictor, Deque, Pool, PriorityQueue } = await minified()
  expect(Deque.name).not.toBe('Deque') // else this tests nothing
  const factory = { create: async () => 'one', destroy: async () => {} }
  for (const pool of [createPool(factory), new Pool(DefaultEvictor, Deque, PriorityQueue, factory)]) {
    expect(await pool.use(async (resource) => resource)).toBe('one')
    await pool.drain()
  }
})

async function minified(): Promise<typeof GenericPool> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../../src/generic-pool/index.ts', import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'cjs',
  })
  const module = { exports: {} as typeof GenericPool }
  new Function('module', 'require', outputFiles[0]?.text ?? '')(module, createRequire(import.meta.url))
  return module.exports
}
