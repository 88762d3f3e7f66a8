import { FieldKind, type FieldType, type MessageType, OwnForm } from "./message-type.ts"

interface FieldShape {
  number: number
  name: string
  kind: number
  more?: Partial<Pick<FieldType, "isRepeated" | "isMap" | "oneof" | "hasPresence">>
  message?: () => MessageType
}

/**
 * The types with a JSON form of their own. They are what descriptor files of protobuf's own say, whatever a backend
 * says of them.
 */
export const ownForms: ReadonlyMap<string, MessageType> = new Map(
  [
    ownForm("Any", OwnForm.ANY, [
      { number: 1, name: "type_url", kind: FieldKind.STRING },
      { number: 2, name: "value", kind: FieldKind.BYTES },
    ]),
    ownForm("Timestamp", OwnForm.TIMESTAMP, secondsAndNanos()),
    ownForm("Duration", OwnForm.DURATION, secondsAndNanos()),
    ownForm("FieldMask", OwnForm.FIELD_MASK, [
      { number: 1, name: "paths", kind: FieldKind.STRING, more: { isRepeated: true } },
    ]),
    ownForm("Struct", OwnForm.STRUCT, [
      {
        number: 1,
        name: "fields",
        kind: FieldKind.MESSAGE,
        more: { isRepeated: true, isMap: true },
        message: () => structEntry,
      },
    ]),
    ownForm("Value", OwnForm.VALUE, [
      { number: 1, name: "null_value", kind: FieldKind.INT32, more: { oneof: 0 } },
      { number: 2, name: "number_value", kind: FieldKind.DOUBLE, more: { oneof: 0 } },
      { number: 3, name: "string_value", kind: FieldKind.STRING, more: { oneof: 0 } },
      { number: 4, name: "bool_value", kind: FieldKind.BOOL, more: { oneof: 0 } },
      {
        number: 5,
        name: "struct_value",
        kind: FieldKind.MESSAGE,
        more: { oneof: 0 },
        message: () => of("Struct"),
      },
      {
        number: 6,
        name: "list_value",
        kind: FieldKind.MESSAGE,
        more: { oneof: 0 },
        message: () => of("ListValue"),
      },
    ]),
    ownForm("ListValue", OwnForm.LIST_VALUE, [
      {
        number: 1,
        name: "values",
        kind: FieldKind.MESSAGE,
        more: { isRepeated: true },
        message: () => of("Value"),
      },
    ]),
    ...Object.entries({
      Double: FieldKind.DOUBLE,
      Float: FieldKind.FLOAT,
      Int64: FieldKind.INT64,
      UInt64: FieldKind.UINT64,
      Int32: FieldKind.INT32,
      UInt32: FieldKind.UINT32,
      Bool: FieldKind.BOOL,
      String: FieldKind.STRING,
      Bytes: FieldKind.BYTES,
    }).map(([name, kind]) => ownForm(`${name}Value`, OwnForm.WRAPPER, [{ number: 1, name: "value", kind }])),
  ].map((type) => [type.name, type]),
)

const structEntry: MessageType = ownForm("Struct.FieldsEntry", OwnForm.NONE, [
  { number: 1, name: "key", kind: FieldKind.STRING },
  { number: 2, name: "value", kind: FieldKind.MESSAGE, message: () => of("Value") },
])

function secondsAndNanos(): FieldShape[] {
  return [
    { number: 1, name: "seconds", kind: FieldKind.INT64 },
    { number: 2, name: "nanos", kind: FieldKind.INT32 },
  ]
}

function of(name: string): MessageType {
  return ownForms.get(`google.protobuf.${name}`)!
}

function ownForm(name: string, form: number, shapes: readonly FieldShape[]): MessageType {
  const fields = shapes.map(({ number, name: fieldName, kind, more, message }): FieldType => {
    return {
      name: fieldName,
      jsonName: fieldName,
      jsonKey: Buffer.from(`"${fieldName}":`),
      number,
      kind,
      isRepeated: false,
      isMap: false,
      isPacked: false,
      hasPresence: more?.oneof !== undefined || message !== undefined,
      oneof: -1,
      enum: null,
      isUtf8Checked: true,
      ...more,
      get message() {
        return message?.() ?? null
      },
    }
  })
  return {
    name: `google.protobuf.${name}`,
    form,
    fields,
    byNumber: new Map(fields.map((field) => [field.number, field])),
    byKey: new Map(fields.map((field) => [field.name, field])),
    isMessageSet: false,
  }
}
