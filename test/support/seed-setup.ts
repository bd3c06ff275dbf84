import fc from 'fast-check'

/**
 * A property that fails prints its seed and path; PROPERTY_SEED takes the seed back, for every property of the run:
 * `PROPERTY_SEED=42 npx vitest run -t 'the words of the test'`.
 */
const { PROPERTY_SEED } = process.env
if (PROPERTY_SEED !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(PROPERTY_SEED) })
