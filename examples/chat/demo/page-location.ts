import { LIVE_HEADER, STREAM_HEADER } from "../moves.ts"

/** What the demo with Sluice adds to the article's file, so that the page can show and do what it does. */
export interface Additions {
  /** Where the page comes from: another origin than the WebSocket's, so it has to be allowed. */
  readonly pagePort: number
  /** Where Sluice is asked and told things; undefined: nowhere. */
  readonly adminPort?: number
}

/**
 * The site's nginx.conf with what the page needs besides: at /ws a browser's WebSocket is a call of the chat's method,
 * and a browser on the gRPC port is told where the page is. Conversations outlive their chat server. The directives for
 * that and of /ws are Sluice's own; nginx would need another program here.
 */
export function withPageLocation(siteConfig: string, { pagePort, adminPort }: Additions): string {
  const end = siteConfig.lastIndexOf("}")
  const page = `http://127.0.0.1:${pagePort}/`
  const admin =
    adminPort === undefined ? "" : `sluice_admin 127.0.0.1:${adminPort};\nworker_shutdown_timeout 1s;\n`
  // A client in a terminal asks there whether its stream has been moved.
  const live =
    adminPort === undefined
      ? ""
      : `
    add_header ${STREAM_HEADER} $connection-$connection_requests;
    add_header ${LIVE_HEADER} ${page}live/;`
  const location = `
    grpc_continuity handoff resume;${live}
    location = / {
        default_type "text/html; charset=utf-8";
        return 200 '<!doctype html><title>Sluice</title><meta name="viewport" content="width=device-width">
<body style="font:16px/1.6 system-ui;max-width:36em;margin:12vh auto;padding:0 1em">
<h1>This port speaks gRPC</h1>
<p>Sluice listens here for gRPC clients and balances their streams over the chat servers.
<p>The chat itself is a page: <a href="${page}">${page}</a>
<p>In a terminal: <code>npm run chat:client</code>';
    }
    location ~ ^/ws(/[0-9a-z]+)?$ {
        grpc_websocket on;
        grpc_method /chat.Chat/BidStream;
        grpc_allow_origin http://127.0.0.1:${pagePort} http://localhost:${pagePort};
        grpc_pass grpc://backend;
    }
`
  return admin + siteConfig.slice(0, end) + location + siteConfig.slice(end)
}
