import { PLAIN } from "./plain.ts"
import type { CallPlan, FaultPlan, Piece, Plan } from "./plan.ts"

/**
 * Makes a failing plan smaller for as long as `fails` says that it still fails in the same way, at most `triesMax`
 * times. Whole calls, faults and peers go first, then what is special about those that stay.
 */
export async function shrink(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  triesMax: number,
): Promise<Plan> {
  let smallest = plan
  let tries = 0
  for (;;) {
    const before = smallest
    for (const simplify of simplifications(smallest)) {
      // Each is tried on what the others have left; what no longer applies gives nothing or the same again.
      const candidate = simplify(smallest)
      if (candidate === null || JSON.stringify(candidate) === JSON.stringify(smallest)) continue
      if (++tries > triesMax) return smallest
      if (await fails(candidate)) smallest = candidate
    }
    if (smallest === before) return smallest
  }
}

type Simplify = (plan: Plan) => Plan | null

function* simplifications({ calls, faults, clients, endpoints, limits }: Plan): Iterable<Simplify> {
  // From the last on, so that the indices of those before stay right.
  for (let at = faults.length - 1; at >= 0; at--)
    yield (plan) => ({ ...plan, faults: without(plan.faults, at) })
  for (const { id } of calls)
    yield (plan) => ({ ...plan, calls: plan.calls.filter((call) => call.id !== id) })
  for (let at = clients.length - 1; at >= 0; at--) yield (plan) => dropClient(plan, at)
  for (let at = endpoints.length - 1; at >= 0; at--) yield (plan) => dropEndpoint(plan, at)
  yield (plan) => ({ ...plan, conditions: { ...plan.conditions, cutShare: 0 } })
  yield (plan) => ({
    ...plan,
    conditions: { ...plan.conditions, delayMs: Math.min(1, plan.conditions.delayMs) },
  })
  yield (plan) => ({ ...plan, conditions: { ...plan.conditions, delayMs: 0 } })
  yield (plan) => ({ ...plan, conditions: { ...plan.conditions, capacityOctets: 1_000_000 } })
  yield (plan) => ({ ...plan, close: { ...plan.close, atMs: null } })
  yield (plan) => ({ ...plan, close: { ...plan.close, graceMs: 0 } })
  for (const name of Object.keys(limits)) yield (plan) => ({ ...plan, limits: omit(plan.limits, name) })
  for (const [name, value] of Object.entries(PLAIN.listener))
    yield (plan) => ({ ...plan, listener: { ...plan.listener, [name]: value } })
  for (const [name, value] of Object.entries(PLAIN.route))
    yield (plan) => ({ ...plan, route: { ...plan.route, [name]: value } })
  for (const [name, value] of Object.entries(PLAIN.cluster))
    yield (plan) => ({ ...plan, cluster: { ...plan.cluster, [name]: value } })
  for (let at = 0; at < endpoints.length; at++)
    for (const [name, value] of Object.entries(PLAIN.endpoint))
      yield (plan) => ({ ...plan, endpoints: changed(plan.endpoints, at, { [name]: value }) })
  for (let at = 0; at < clients.length; at++)
    for (const [name, value] of Object.entries(PLAIN.peer))
      yield (plan) => ({ ...plan, clients: changed(plan.clients, at, { [name]: value }) })
  for (const { id } of calls)
    for (const simplify of callSimplifications) yield (plan) => changeCall(plan, id, simplify)
  for (let at = 0; at < faults.length; at++)
    yield (plan) => ({ ...plan, faults: changed(plan.faults, at, { atMs: 0 }) })
}

type CallChange = (call: CallPlan) => Partial<CallPlan>

const callSimplifications: readonly CallChange[] = [
  () => ({ cancel: null }),
  () => ({ timeoutMs: null }),
  () => ({ metadata: 0 }),
  () => ({ isUntidy: false }),
  () => ({ request: [] }),
  () => ({ requestEnd: "with last" }),
  () => ({ requestEnd: "alone" }),
  () => ({ method: "POST" }),
  () => ({ protocol: "grpc", method: "POST" }),
  () => ({ atMs: 0 }),
  ({ request }) => ({ request: request.map((piece) => ({ ...piece, padding: 0 })) }),
  ({ request }) => ({ request: request.map((piece) => ({ ...piece, afterMs: 0 })) }),
  ({ request }) => ({ request: halved(request) }),
  ({ request }) => ({ request: request.slice(1) }),
  ({ request }) => ({ request: request.slice(0, -1) }),
  ({ response }) => ({ response: { ...response, refusals: 0 } }),
  ({ response }) => ({ response: { ...response, isInformed: false } }),
  ({ response }) => ({ response: { ...response, headAfterMs: 0 } }),
  ({ response }) => ({ response: { ...response, endAfterMs: 0 } }),
  ({ response }) => ({ response: { ...response, status: 200 } }),
  ({ response }) => ({ response: { ...response, grpcStatus: 0 } }),
  ({ response }) => ({ response: { ...response, begin: "after request" } }),
  ({ response }) => ({ response: { ...response, begin: "at once" } }),
  ({ response }) => ({ response: { ...response, pieces: [] } }),
  ({ response }) => ({ response: { ...response, end: "trailers" } }),
  ({ response }) => ({
    response: { ...response, pieces: response.pieces.map((piece) => ({ ...piece, padding: 0 })) },
  }),
  ({ response }) => ({
    response: { ...response, pieces: response.pieces.map((piece) => ({ ...piece, afterMs: 0 })) },
  }),
  ({ response }) => ({ response: { ...response, pieces: halved(response.pieces) } }),
  ({ response }) => ({ response: { ...response, pieces: response.pieces.slice(1) } }),
  ({ response }) => ({ response: { ...response, pieces: response.pieces.slice(0, -1) } }),
]

function halved(pieces: readonly Piece[]): Piece[] {
  return pieces.map((piece) => ({ ...piece, octets: Math.max(1, piece.octets >> 1) }))
}

function changeCall(plan: Plan, id: number, change: CallChange): Plan {
  return { ...plan, calls: plan.calls.map((call) => (call.id === id ? { ...call, ...change(call) } : call)) }
}

function changed<T>(list: readonly T[], at: number, changes: object): T[] {
  return list.map((one, index) => (index === at ? { ...one, ...changes } : one))
}

function without<T>(list: readonly T[], at: number): T[] {
  return list.filter((_, index) => index !== at)
}

function omit(record: Readonly<Record<string, number>>, name: string): Record<string, number> {
  return Object.fromEntries(Object.entries(record).filter(([other]) => other !== name))
}

/** Its calls and faults go with it. */
function dropClient(plan: Plan, at: number): Plan | null {
  if (plan.clients.length <= 1) return null
  const calls = plan.calls.filter(({ client }) => client !== at)
  return {
    ...plan,
    clients: without(plan.clients, at),
    calls: calls.map((call) => ({ ...call, client: call.client > at ? call.client - 1 : call.client })),
    faults: withoutPeer(plan.faults, "client", at),
  }
}

function dropEndpoint(plan: Plan, at: number): Plan | null {
  if (plan.endpoints.length <= 1) return null
  return { ...plan, endpoints: without(plan.endpoints, at), faults: withoutPeer(plan.faults, "endpoint", at) }
}

function withoutPeer(faults: readonly FaultPlan[], side: "client" | "endpoint", at: number): FaultPlan[] {
  const sideOf = (fault: FaultPlan): string => {
    if ("side" in fault) return fault.side
    return fault.kind === "leaves" ? "client" : fault.kind === "dies" ? "endpoint" : "none"
  }
  return faults
    .filter((fault) => !(sideOf(fault) === side && "index" in fault && fault.index === at))
    .map((fault) =>
      sideOf(fault) === side && "index" in fault && fault.index > at
        ? { ...fault, index: fault.index - 1 }
        : fault,
    )
}
