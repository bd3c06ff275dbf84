/**
 * Minified and gzipped, dependencies included, as a bundler for Node would have it. A ratchet: what it is today and a
 * little more. The goal for createPool is 15 kB, and is not met (docs/decisions/0006-the-hot-path.md says by what).
 */
const node = (config) => ({ ...config, platform: 'node', format: 'esm' })

export default [
  { name: 'adaptive-pool, all of it', path: 'dist/index.js', limit: '68.3 kB', gzip: true, modifyEsbuildConfig: node },
  {
    name: 'adaptive-pool, createPool alone',
    path: 'dist/index.js',
    import: '{ createPool }',
    limit: '47.1 kB',
    gzip: true,
    modifyEsbuildConfig: node,
  },
]
