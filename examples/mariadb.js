// A mariadb pool cannot outgrow its connectionLimit: make it as large as it may ever be. Needs MARIADB_URL.
import { adapt } from 'adaptive-pool'
import { createPool } from 'mariadb'

const { hostname, port, username, password, pathname } = new URL(process.env.MARIADB_URL)
const pool = createPool({
  host: hostname,
  port: Number(port),
  user: username,
  password,
  database: pathname.slice(1),
  connectionLimit: 50, // the ceiling
  minimumIdle: 0, // else the pool itself keeps as many open, whatever the limit
})
const control = adapt(pool, { name: 'orders', limitInitial: 10 })

const answers = await Promise.all(Array.from({ length: 200 }, () => pool.query('select sleep(0.02)')))
console.log(`${answers.length} answered`, control.counts())

await pool.end()
