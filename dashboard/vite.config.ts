import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"
import { defaultLimits } from "../src/base/limits.ts"
import { packed } from "./packed.ts"

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  // Of limits that a configuration leaves alone it says nothing.
  define: {
    LIMITS_DEFAULT: JSON.stringify({
      connectionsMax: defaultLimits.connectionsMax,
      bufferedOctetsMax: defaultLimits.bufferedOctetsMax,
    }),
  },
  worker: { format: "es" },
  plugins: [packed()],
  build: {
    cssCodeSplit: false,
    target: "es2023",
    modulePreload: false,
    outDir: fileURLToPath(new URL("../dist/dashboard", import.meta.url)),
    emptyOutDir: true,
  },
})
