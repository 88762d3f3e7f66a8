/**
 * The JSON name of a field whose descriptor leaves it out: those of C++ and Python backends have none, since they follow
 * from the field's. Source: protobuf, `json_name` in descriptor.proto and protoc's `ToJsonName`.
 */
export function jsonName(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase())
}
