import { join } from "node:path"
import { type Server, type ServiceDefinition, status } from "@grpc/grpc-js"
import { loadSync } from "@grpc/proto-loader"

const definition = loadSync(join(import.meta.dirname, "../continuity.proto"))

/** Lets the proxy ask for a handoff by a call (`ask: call`). `handOffs`: what hands a leg off, by `call leg`. */
export function offerMove(server: Server, handOffs: ReadonlyMap<string, () => void>): void {
  server.addService(definition["continuity.v1.Continuity"] as ServiceDefinition, {
    Move(
      { request }: { request: { call: string; leg: number } },
      done: (error: object | null, answer?: object) => void,
    ) {
      const handOff = handOffs.get(`${request.call} ${request.leg}`)
      if (handOff === undefined) return done({ code: status.NOT_FOUND, details: "no such leg" })
      handOff()
      done(null, {})
    },
  })
}
