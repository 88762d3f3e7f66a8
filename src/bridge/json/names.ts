import type { DescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt"

/**
 * Fills in the JSON names that a descriptor leaves out: those of C++ and Python backends have none, since they follow
 * from the field's. Source: protobuf, `json_name` in descriptor.proto and protoc's `ToJsonName`.
 */
export function fillJsonNames(file: FileDescriptorProto): FileDescriptorProto {
  for (const message of file.messageType) fillIn(message)
  for (const field of file.extension) field.jsonName ||= jsonName(field.name)
  return file
}

function fillIn(message: DescriptorProto): void {
  for (const field of [...message.field, ...message.extension]) field.jsonName ||= jsonName(field.name)
  for (const nested of message.nestedType) fillIn(nested)
}

function jsonName(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase())
}
