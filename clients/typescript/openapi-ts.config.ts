import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig({
  input: "../../openapi.json",
  output: { path: "src/generated", module: { extension: ".js" } },
  plugins: [
    "@hey-api/typescript",
    "@hey-api/client-fetch",
    // Every call names its client, so that none goes to a forgotten, unconfigured one.
    { name: "@hey-api/sdk", client: false },
  ],
});
