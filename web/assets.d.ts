declare module "*.wasm" {
  /** In base64. */
  const binary: string;
  export default binary;
}
declare module "*.txt" {
  const text: string;
  export default text;
}
