/** Shapes of grpc-js that it uses in its declarations and does not export by name. */
import type { InterceptingCall, Interceptor } from "@grpc/grpc-js"

type NextCall = Parameters<Interceptor>[1]

/** What an interceptor's call is made of, and what it is. */
export type LegCall = ReturnType<NextCall>
export type CallListener = NonNullable<Parameters<LegCall["start"]>[1]>
export type MessageContext = Parameters<LegCall["sendMessageWithContext"]>[0]
export type CallInterface = ConstructorParameters<typeof InterceptingCall>[0]
