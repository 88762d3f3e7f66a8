/** A proxyless client of grpc-js: what `client.ts` says. Arguments: target, credentials. */
import { createInterface } from "node:readline"
import { type ChannelCredentials, Client, credentials, Metadata, status } from "@grpc/grpc-js"
import { register, XdsChannelCredentials } from "@grpc/grpc-js-xds"
import type { Batch } from "./client.ts"

const AT_ONCE = 10
const DEADLINE_MS = 15_000

register()
const [target, kind] = process.argv.slice(2)
const insecure: ChannelCredentials = credentials.createInsecure()
const client = new Client(target!, kind === "xds" ? new XdsChannelCredentials(insecure) : insecure)
const asItIs = (octets: Buffer): Buffer => octets

async function run({ calls, headers = {} }: Batch): Promise<void> {
  const by: Record<string, number> = {}
  const errors: Record<string, number> = {}
  let left = calls
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const metadata = new Metadata()
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
      await new Promise<void>((resolve) => {
        const options = { deadline: Date.now() + DEADLINE_MS }
        client.makeUnaryRequest(
          "/where.Where/Am",
          asItIs,
          asItIs,
          Buffer.alloc(0),
          metadata,
          options,
          (error, answer) => {
            if (error !== null) {
              const text = `${status[error.code]}: ${error.details}`
              errors[text] = (errors[text] ?? 0) + 1
            } else {
              const text = String(answer)
              by[text] = (by[text] ?? 0) + 1
            }
            resolve()
          },
        )
      })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  console.log(JSON.stringify({ by, errors }))
}

let last = Promise.resolve()
createInterface({ input: process.stdin }).on("line", (line) => {
  last = last.then(() => run(JSON.parse(line) as Batch))
})
