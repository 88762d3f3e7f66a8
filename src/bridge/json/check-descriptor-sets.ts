import type { Config, RouteConfig, RouteSettings } from "../../config/model.ts"
import { checkDescriptorSet } from "./method-types.ts"

/** Reads every descriptor set that a configuration names. Errors: a sentence that names the first that cannot be read. */
export function checkDescriptorSets(config: Config): void {
  const paths = new Set<string>()
  const look = ({ bridge }: RouteSettings): void => {
    if (bridge.descriptorSet !== null) paths.add(bridge.descriptorSet)
  }
  const lookInto = ({ settings, routes }: RouteConfig): void => {
    look(settings)
    routes.forEach(lookInto)
  }
  for (const { fallback, routes } of config.servers) {
    look(fallback)
    routes.forEach(lookInto)
  }
  for (const path of paths) checkDescriptorSet(path)
}
