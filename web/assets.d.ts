declare module "*.wasm" {
  /** In base64. */
  const binary: string;
  export default binary;
}
