/** To Sequelize and knex, a connection of mysql2's is closed once its good-bye is written; the server has it longer. */
export function socketClosed(connection: object): Promise<void> | undefined {
  const { stream } = connection as { stream?: { closed?: boolean; once?(event: 'close', listener: () => void): void } }
  if (stream?.closed !== false || typeof stream.once !== 'function') return undefined
  return new Promise((resolve) => stream.once?.('close', resolve))
}
