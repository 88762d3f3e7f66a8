/**
 * The site's nginx.conf with what the page needs besides: at /ws a browser's WebSocket is a call of the chat's method.
 * The directives are Sluice's own; nginx would need another program here.
 *
 * @param pagePort where the page comes from: another origin than the WebSocket's, so it has to be allowed
 */
export function withPageLocation(siteConfig: string, pagePort: number): string {
  const end = siteConfig.lastIndexOf("}")
  const location = `
    location = /ws {
        grpc_websocket on;
        grpc_method /chat.Chat/BidStream;
        grpc_allow_origin http://127.0.0.1:${pagePort} http://localhost:${pagePort};
        grpc_pass grpc://backend;
    }
`
  return siteConfig.slice(0, end) + location + siteConfig.slice(end)
}
