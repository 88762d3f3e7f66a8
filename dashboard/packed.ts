import { brotliCompressSync, constants } from "node:zlib"
import type { Plugin } from "vite"

/**
 * The page as it is served: its style within it, so that the first picture waits for nothing else, and beside each file
 * what brotli makes of it, as `NAME.br`.
 */
export function packed(): Plugin {
  return {
    name: "packed",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const page = bundle["index.html"]
        if (page?.type !== "asset") throw new Error("there is no index.html")
        const html = textOf(page.source).replace(
          /<link rel="stylesheet"[^>]*href="\.\/([^"]+)"[^>]*>/g,
          (_link, name: string) => {
            const style = bundle[name]
            if (style?.type !== "asset") throw new Error(`there is no ${name}`)
            delete bundle[name]
            return `<style>${textOf(style.source).trim()}</style>`
          },
        )
        page.source = html
        for (const [name, file] of Object.entries(bundle)) {
          const text = textOf(file.type === "chunk" ? file.code : file.source)
          this.emitFile({ type: "asset", fileName: `${name}.br`, source: brotli(text) })
        }
      },
    },
  }
}

function textOf(source: string | Uint8Array): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source)
}

function brotli(text: string): Uint8Array {
  const octets = Buffer.from(text)
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT, BROTLI_MAX_QUALITY } = constants
  return brotliCompressSync(octets, {
    params: { [BROTLI_PARAM_QUALITY]: BROTLI_MAX_QUALITY, [BROTLI_PARAM_SIZE_HINT]: octets.length },
  })
}
