/** For an outcome that nobody is to have. */
export function ignore(): undefined {}
