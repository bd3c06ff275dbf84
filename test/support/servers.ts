/** A server that all tests of a project share, up before the first of them begins. */
export interface SharedServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  readonly url: string
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** For `*.postgres.test.ts`. A test that kills its server starts one of its own with startPostgres(). */
    postgres: SharedServer
    /** For `*.mariadb.test.ts`. Undefined where there is no MariaDB: `describe.skipIf(inject('mariadb') === undefined)`. */
    mariadb: SharedServer | undefined
  }
}

/** In CI a server that is missing is a failure, so that nothing goes untested unnoticed. */
export const SERVERS_ARE_REQUIRED: boolean = process.env.REQUIRE_SERVERS === '1'
