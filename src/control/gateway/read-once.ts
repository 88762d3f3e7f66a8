import { type Translation, translate } from "../../config/gateway/translate.ts"
import { ResourceStore, type ResourceStoreOptions } from "./resource-store.ts"
import { type MachineOptions, translateOptions } from "./translate-options.ts"

const WAIT_MS = 30_000

/** What the resources come to now; nothing is written. Errors: throws where they cannot be listed within half a minute. */
export async function readOnce(
  options: MachineOptions & Omit<ResourceStoreOptions, "onTooMany" | "onChange" | "onStatus">,
): Promise<Translation> {
  return new Promise((resolve, reject) => {
    const store = new ResourceStore({
      ...options,
      onTooMany() {},
      onStatus() {},
      onChange: () => {
        if (!store.isComplete) return
        timer.cancel()
        store.stop()
        resolve(translate(store.resources, translateOptions(options, store)))
      },
    })
    const timer = options.clock.after(WAIT_MS, () => {
      store.stop()
      reject(new Error(`the resources cannot be listed: ${store.problems.join("; ") || "no answer"}`))
    })
    store.start()
  })
}
