import type { ReferenceGrant } from "./resources.ts"

export interface ReferenceFrom {
  readonly group: string
  readonly kind: string
  readonly namespace: string
}

export interface ReferenceTo {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

/** Whether a reference may be followed: within a namespace always, into another where a ReferenceGrant there says so. */
export function isPermitted(
  grants: readonly ReferenceGrant[],
  from: ReferenceFrom,
  to: ReferenceTo,
): boolean {
  if (from.namespace === to.namespace) return true
  return grants.some(
    ({ metadata, spec }) =>
      metadata.namespace === to.namespace &&
      spec.from.some(
        ({ group, kind, namespace }) =>
          group === from.group && kind === from.kind && namespace === from.namespace,
      ) &&
      spec.to.some(
        ({ group, kind, name = "" }) =>
          group === to.group && kind === to.kind && (name === "" || name === to.name),
      ),
  )
}
