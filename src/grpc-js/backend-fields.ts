import type { Metadata } from "@grpc/grpc-js"
import { HeaderList } from "../http2/header-list.ts"
import { type BackendSays, readBackend } from "../relay/call/continuity/fields.ts"

const PREFIX = "continuity-"

/** What a backend says of continuity in initial metadata or trailers. */
export function saidIn(metadata: Metadata): BackendSays {
  const fields: string[] = []
  for (const name of Object.keys(metadata.getMap()))
    if (name.startsWith(PREFIX)) for (const value of metadata.get(name)) fields.push(name, String(value))
  return readBackend(new HeaderList(fields))
}

/** The same without those fields: they are not the caller's. */
export function withoutFields(metadata: Metadata): Metadata {
  const rest = metadata.clone()
  for (const name of Object.keys(rest.getMap())) if (name.startsWith(PREFIX)) rest.remove(name)
  return rest
}
