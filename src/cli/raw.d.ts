/** A file as text, put into the bundle when it is built: `?raw` is known to Vite, and to the build by a plugin. */
declare module '*?raw' {
  const text: string
  export default text
}
