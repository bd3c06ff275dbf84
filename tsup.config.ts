import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { defineConfig, type Options } from 'tsup'

/** What users import: the file under dist/ that package.json's `exports` name, and its source. */
const ENTRY_POINTS = {
  index: 'src/index.ts',
  'sim/index': 'src/sim/index.ts',
  'generic-pool/index': 'src/generic-pool/index.ts',
}

/**
 * What an entry point is cut into. A bundler keeps or leaves a whole file of ours (`sideEffects: false`), but of a file
 * that it keeps, every top-level statement that it cannot prove to be harmless: adapt and the adapters are a file of their
 * own, so that createPool does not bring them in.
 */
const PARTS = { adapt: 'src/adapt.ts' }

/** The command stands on the public entry points, as a user would: they stay imports, by the package's own name. */
const ENTRY_POINT_IMPORTS: Readonly<Record<string, string>> = {
  '../index.ts': 'adaptive-pool',
  '../sim/index.ts': 'adaptive-pool/sim',
  '../generic-pool/index.ts': 'adaptive-pool/generic-pool',
}

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

const entryPointPlugin: Plugin = {
  name: 'entry-points',
  setup(build) {
    build.onResolve({ filter: /index\.ts$/ }, ({ path }) => {
      const name = ENTRY_POINT_IMPORTS[path]
      return name === undefined ? undefined : { path: name, external: true }
    })
  },
}

/** `import text from './file?raw'` is the file's text, as in Vite and hence in the tests. */
const rawPlugin: Plugin = {
  name: 'raw',
  setup(build) {
    build.onResolve({ filter: /\?raw$/ }, ({ path, importer, resolveDir }) => {
      const file = path.slice(0, -'?raw'.length)
      const found = file.startsWith('.') ? resolve(resolveDir, file) : createRequire(importer).resolve(file)
      return { path: `${found}?raw`, namespace: 'raw' } // with the suffix, or tsup takes a style sheet for its own
    })
    build.onLoad({ filter: /.*/, namespace: 'raw' }, ({ path }) => ({
      contents: readFileSync(path.slice(0, -'?raw'.length), 'utf8'),
      loader: 'text',
    }))
  },
}

const shared: Options = {
  outDir: 'dist',
  target: 'node20',
  platform: 'node',
  sourcemap: true,
  splitting: true, // else each entry point carries classes of its own, and `instanceof` fails between them
  silent: true,
}

export default defineConfig(({ dts }) => {
  const isQuick = dts === false // `tsup --no-dts`, for the demo: what an earlier build has made beside it stays
  if (!isQuick) rmSync('dist', { recursive: true, force: true })
  return [
    {
      ...shared,
      entry: { ...ENTRY_POINTS, ...PARTS },
      format: isQuick ? 'esm' : ['esm', 'cjs'],
      // Has rollup turn the chunks into CommonJS: tsup's own way, sucrase, lowers class fields too.
      treeshake: !isQuick,
      // tsup sets baseUrl, and TypeScript 6 warns of it.
      dts: isQuick ? false : { entry: ENTRY_POINTS, compilerOptions: { ignoreDeprecations: '6.0' } },
    },
    {
      ...shared,
      entry: { 'cli/main': 'src/cli/main.ts' },
      format: 'esm',
      dts: false, // a program, not an import
      esbuildPlugins: [entryPointPlugin, rawPlugin],
    },
  ]
})
