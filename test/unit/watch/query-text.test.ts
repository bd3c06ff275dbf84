import { expect, test } from 'vitest'
import { normaliseQuery } from '../../../src/watch/query-text.ts'

test.each([
  ["select * from users where id = 42 and name = 'O''Brien'", 'select * from users where id = ? and name = ?'],
  ['select *\n  from   t -- why\n where a > -1.5e3', 'select * from t where a > ?'],
  ['select $1::int, t2.col_3 from t2', 'select $1::int, t2.col_3 from t2'],
  ['select * from t where id in (1, 2, 3)', 'select * from t where id in (…)'],
  ['select * from t where id in ($1,$2)', 'select * from t where id in (…)'],
  ["insert into t values (1, 'a'), (2, 'b'), (3, 'c')", 'insert into t values (…), …'],
  ['select $tag$ it is 5 $tag$', 'select ?'],
  ['/* hint */ select 1', 'select ?'],
])('%s', (text, normal) => {
  expect(normaliseQuery(text)).toBe(normal)
})

test('a text of a megabyte costs no more than its beginning', () => {
  expect(normaliseQuery(`insert into t values ${"('x', 1), ".repeat(100_000)}`).length).toBeLessThanOrEqual(200)
})
