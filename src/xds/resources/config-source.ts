import { create } from "@bufbuild/protobuf"
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  type ConfigSource,
  ConfigSourceSchema,
} from "../gen/envoy/config/core/v3/config_source_pb.ts"

/** Asked for on the same stream as what names it. */
export function overAds(): ConfigSource {
  return create(ConfigSourceSchema, {
    resourceApiVersion: ApiVersion.V3,
    configSourceSpecifier: { case: "ads", value: create(AggregatedConfigSourceSchema) },
  })
}
