type Answer = (error?: Error | null, result?: unknown) => void

/** What a callback API answers, as a promise. */
export function callback(start: (answer: Answer) => void): Promise<unknown> {
  return new Promise((resolve, reject) => start((error, result) => (error ? reject(error) : resolve(result))))
}
