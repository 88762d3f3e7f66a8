import {
  create,
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromJson,
  toBinary,
} from "@bufbuild/protobuf"
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_any,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt"
import { decodeToJson, encodeJson } from "../../src/bridge/json/codec.ts"
import { DescriptorIndex } from "../../src/bridge/json/descriptor-index.ts"
import type { MessageBounds } from "../../src/bridge/json/fault.ts"

const LIST = { label: "LABEL_REPEATED" }
const SCALARS = [
  ...["Int32", "Int64", "Uint32", "Uint64", "Sint32", "Sint64", "Fixed32", "Fixed64", "Sfixed32", "Sfixed64"],
  ...["Float", "Double", "Bool", "String", "Bytes"],
]
const OWN_FORMS = ["Any", "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue"]
const WRAPPERS = ["Bool", "Int32", "Int64", "Uint32", "Uint64", "Float", "Double", "String", "Bytes"]

const snake = (name: string): string => name.replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()
const camel = (name: string): string => name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase())

interface FieldShape {
  name: string
  number: number
  [key: string]: unknown
}

/** Numbers fields from 1 and names their types. */
function fields(shapes: readonly [name: string, type: string, more?: object][], first = 1): FieldShape[] {
  return shapes.map(([name, type, more], index) => ({
    name,
    jsonName: camel(name),
    number: first + index,
    label: "LABEL_OPTIONAL",
    ...(type.startsWith(".") ? { typeName: type, type: "TYPE_MESSAGE" } : { type: `TYPE_${type}` }),
    ...more,
  }))
}

const MAPS: [name: string, key: string, value: string][] = [
  ["map_int32_int32", "INT32", "INT32"],
  ["map_int64_int64", "INT64", "INT64"],
  ["map_uint64_uint64", "UINT64", "UINT64"],
  ["map_uint32_uint32", "UINT32", "UINT32"],
  ["map_bool_bool", "BOOL", "BOOL"],
  ["map_string_string", "STRING", "STRING"],
  ["map_string_bytes", "STRING", "BYTES"],
  ["map_string_nested_enum", "STRING", "ENUM"],
  ["map_string_nested_message", "STRING", ".all.All.Nested"],
  ["map_string_value", "STRING", ".google.protobuf.Value"],
]
const entryName = (name: string): string => `${camel(`_${name}`)}Entry`
const ENUM = { typeName: ".all.All.Kind" }

const all = {
  name: "All",
  field: [
    ...fields(SCALARS.map((name) => [`optional_${name.toLowerCase()}`, name.toUpperCase()])),
    ...fields(
      SCALARS.map((name) => [`repeated_${name.toLowerCase()}`, name.toUpperCase(), LIST]),
      31,
    ),
    ...fields(
      [
        ["optional_nested_message", ".all.All.Nested"],
        ["optional_nested_enum", "ENUM", ENUM],
        ["repeated_nested_message", ".all.All.Nested", LIST],
        ["repeated_nested_enum", "ENUM", { ...ENUM, ...LIST }],
        ["optional_null_value", "ENUM", { typeName: ".google.protobuf.NullValue" }],
        ["repeated_null_value", "ENUM", { typeName: ".google.protobuf.NullValue", ...LIST }],
        ["recursive", ".all.All"],
        ["expanded_int32", "INT32", { ...LIST, options: { packed: false } }],
        ["oneof_uint32", "UINT32", { oneofIndex: 0 }],
        ["oneof_string", "STRING", { oneofIndex: 0 }],
        ["oneof_nested_message", ".all.All.Nested", { oneofIndex: 0 }],
        ["oneof_null_value", "ENUM", { oneofIndex: 0, typeName: ".google.protobuf.NullValue" }],
        ["present_int32", "INT32", { oneofIndex: 1, proto3Optional: true }],
        ["old", ".old.Old"],
        ["optional_aliased_enum", "ENUM", { typeName: ".all.All.Aliased" }],
        ...["bytes", "bool", "uint64", "float", "double"].map((name): [string, string, object] => [
          `oneof_${name}`,
          name.toUpperCase(),
          { oneofIndex: 0 },
        ]),
        ["oneof_enum", "ENUM", { ...ENUM, oneofIndex: 0 }],
      ],
      61,
    ),
    ...fields(
      MAPS.map(([name]) => [name, `.all.All.${entryName(name)}`, LIST]),
      85,
    ),
    ...fields(
      OWN_FORMS.flatMap((name): [string, string, object?][] => [
        [`optional_${snake(name)}`, `.google.protobuf.${name}`],
        [`repeated_${snake(name)}`, `.google.protobuf.${name}`, LIST],
      ]),
      101,
    ),
    ...fields(
      WRAPPERS.flatMap((name): [string, string, object?][] => {
        const type = `.google.protobuf.${name.replace("Uint", "UInt")}Value`
        return [
          [`optional_${name.toLowerCase()}_wrapper`, type],
          [`repeated_${name.toLowerCase()}_wrapper`, type, LIST],
        ]
      }),
      131,
    ),
    ...fields(
      [
        ...["fieldname1", "field_name2", "_field_name3", "field__name4_", "field0name5", "field_0_name6"],
        ...["fieldName7", "FieldName8", "field_Name9", "Field_Name10", "FIELD_NAME11", "FIELD_name12"],
        ...[
          "__field_name13",
          "__Field_name14",
          "field__name15",
          "field__Name16",
          "field_name17__",
          "Field_name18__",
        ],
      ].map((name) => [name, "INT32"]),
      401,
    ),
  ],
  nestedType: [
    {
      name: "Nested",
      field: fields([
        ["a", "INT32"],
        ["corecursive", ".all.All"],
      ]),
    },
    ...MAPS.map(([name, key, value]) => ({
      name: entryName(name),
      field: fields([
        ["key", key],
        ["value", value, value === "ENUM" ? ENUM : {}],
      ]),
      options: { mapEntry: true },
    })),
  ],
  enumType: [
    {
      name: "Kind",
      value: [
        { name: "FOO", number: 0 },
        { name: "BAR", number: 1 },
        { name: "BAZ", number: 2 },
        { name: "ALSO_BAZ", number: 2 },
        { name: "NEG", number: -1 },
      ],
      options: { allowAlias: true },
    },
    {
      name: "Aliased",
      value: ["ALIAS_FOO", "ALIAS_BAR", "ALIAS_BAZ", "MOO", "moo", "bAz"].map((name, index) => ({
        name,
        number: Math.min(index, 2),
      })),
      options: { allowAlias: true },
    },
  ],
  oneofDecl: [{ name: "oneof_field" }, { name: "_present_int32" }],
}

/** proto2: a group, a closed enum, presence, an extension, text that need not be UTF-8. */
const old = {
  name: "Old",
  field: [
    ...fields([
      ["number", "INT32"],
      ["text", "STRING"],
      ["data", "GROUP", { typeName: ".old.Old.Data" }],
      ["many", "GROUP", { typeName: ".old.Old.Many", ...LIST }],
      ["closed", "ENUM", { typeName: ".old.Old.Closed" }],
      ["closeds", "ENUM", { typeName: ".old.Old.Closed", ...LIST }],
      ["map_closed", ".old.Old.MapClosedEntry", LIST],
    ]),
  ],
  nestedType: [
    { name: "Data", field: fields([["group_int32", "INT32"]], 202) },
    { name: "Many", field: fields([["deep", ".old.Old"]]) },
    {
      name: "MapClosedEntry",
      field: fields([
        ["key", "STRING"],
        ["value", "ENUM", { typeName: ".old.Old.Closed" }],
      ]),
      options: { mapEntry: true },
    },
  ],
  enumType: [
    {
      name: "Closed",
      value: [
        { name: "ONE", number: 1 },
        { name: "TWO", number: 2 },
      ],
    },
  ],
  extensionRange: [{ start: 120, end: 200 }],
}

const wellKnown = [
  ...[file_google_protobuf_any, file_google_protobuf_duration, file_google_protobuf_empty],
  ...[file_google_protobuf_field_mask, file_google_protobuf_struct, file_google_protobuf_timestamp],
  file_google_protobuf_wrappers,
]
const dependency = wellKnown.map(({ proto }) => proto.name)
const read = (file: object): FileDescriptorProto => fromJson(FileDescriptorProtoSchema, file as never)

/** Every kind of field that JSON has a form for, as protobuf's own conformance suite names them. */
export const jsonFiles: readonly FileDescriptorProto[] = [
  ...wellKnown.map(({ proto }) => proto),
  read({
    name: "old.proto",
    package: "old",
    syntax: "proto2",
    messageType: [old],
    extension: [{ ...fields([["extended", "INT32"]], 120)[0], extendee: ".old.Old" }],
  }),
  read({
    name: "edition.proto",
    package: "edition",
    syntax: "editions",
    edition: "EDITION_2023",
    options: { features: { fieldPresence: "IMPLICIT" } },
    messageType: [
      {
        name: "Edition",
        field: fields([
          ["implicit", "INT32"],
          ["explicit", "INT32", { options: { features: { fieldPresence: "EXPLICIT" } } }],
          ["delimited", ".edition.Edition", { options: { features: { messageEncoding: "DELIMITED" } } }],
          ["expanded", "INT32", { ...LIST, options: { features: { repeatedFieldEncoding: "EXPANDED" } } }],
          ["closed", "ENUM", { typeName: ".edition.Edition.Closed" }],
        ]),
        enumType: [
          {
            name: "Closed",
            value: [{ name: "ZERO", number: 0 }],
            options: { features: { enumType: "CLOSED" } },
          },
        ],
      },
    ],
  }),
  read({
    name: "all.proto",
    package: "all",
    syntax: "proto3",
    dependency: [...dependency, "old.proto"],
    messageType: [all],
  }),
]

export const jsonRegistry: FileRegistry = createFileRegistry(
  create(FileDescriptorSetSchema, { file: [...jsonFiles] }),
)
export const schemaOf = (name: string): DescMessage => jsonRegistry.getMessage(name)!

export const jsonIndex = DescriptorIndex.of(
  jsonFiles.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file))),
)

export const jsonBounds: MessageBounds = { valuesMax: 100_000, depthMax: 100, octetsMax: 1_000_000 }

export const toBinaryOf = (name: string, json: string | Buffer, bounds = jsonBounds): Buffer =>
  encodeJson(jsonIndex.message(name)!, Buffer.from(json as string), jsonIndex, bounds)
export const toJsonOf = (name: string, message: Uint8Array, bounds = jsonBounds): string =>
  decodeToJson(jsonIndex.message(name)!, Buffer.from(message), jsonIndex, bounds).toString()
