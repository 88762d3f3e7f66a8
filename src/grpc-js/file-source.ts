import { systemClock } from "../base/clock.ts"
import type { PolicyConfig } from "../config/model.ts"
import { endpointFile } from "../control/discovery/endpoint-file.ts"
import { FileSource } from "../control/discovery/file-source.ts"
import type { SnapshotSource } from "./snapshot.ts"

/** The endpoints of a file, which is looked at once a second. */
export function fileSource(path: string, policy: PolicyConfig): SnapshotSource {
  const source = new FileSource(path, endpointFile(path), systemClock)
  return {
    start: ({ onSnapshot, onFailure }) =>
      source.start({
        onEndpoints: (endpoints) =>
          onSnapshot({
            policy,
            endpoints: endpoints.map((endpoint) => ({ ...endpoint, health: "unknown" })),
          }),
        onFailure,
      }),
    stop: () => source.stop(),
  }
}
