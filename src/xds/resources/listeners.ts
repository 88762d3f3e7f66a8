import { create } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { type Listener, ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.ts"
import { RouterSchema } from "../gen/envoy/extensions/filters/http/router/v3/router_pb.ts"
import { HttpConnectionManagerSchema } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts"
import { overAds } from "./config-source.ts"

/** What `xds:///NAME` asks for first. Its routes have the same name. */
export function listenerResource(name: string): Listener {
  const manager = create(HttpConnectionManagerSchema, {
    routeSpecifier: { case: "rds", value: { routeConfigName: name, configSource: overAds() } },
    httpFilters: [
      {
        name: "router",
        configType: { case: "typedConfig", value: anyPack(RouterSchema, create(RouterSchema)) },
      },
    ],
  })
  return create(ListenerSchema, {
    name,
    apiListener: { apiListener: anyPack(HttpConnectionManagerSchema, manager) },
  })
}
