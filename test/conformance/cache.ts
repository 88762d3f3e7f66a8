import { fileURLToPath } from "node:url"

/** Where the programs that suites are made of are kept, fetched once for each checkout. */
export const cache = fileURLToPath(new URL("../../.cache/conformance/", import.meta.url))
