// The same line on a pool of mysql2, callback or promise. Needs MARIADB_URL.
import { adapt } from 'adaptive-pool'
import mysql from 'mysql2/promise'

const pool = mysql.createPool({ uri: process.env.MARIADB_URL, connectionLimit: 10 })
const control = adapt(pool, { name: 'orders', limitMax: 50 }) // waiting now has an end: 30 s

control.on('limitChanged', ({ from, to, reason }) => console.log(`limit ${from} -> ${to} (${reason})`))

const answers = await Promise.all(Array.from({ length: 200 }, () => pool.query('select sleep(0.02)')))
console.log(`${answers.length} answered`, control.counts())

await pool.end()
