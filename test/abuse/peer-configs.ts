/**
 * One worker each, HTTP/2 on both sides, `/hostile/<attack>/` to its hostile backend and all else to the honest one.
 * Limits are left as they come, timeouts as each project's own examples advise.
 */
type Hostile = ReadonlyMap<string, number>

/** Beside the configuration: the types of the honest backend, which has no reflection. */
export const DESCRIPTOR_SET = "abuse.binpb"

/** Beside it too: users of `GUARDED`, where only Sluice and nginx ask for any. */
export const PASSWORD_FILE = "passwords"
export const GUARDED = "/guarded/"
export const PASSWORDS = "ann:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA\n"

/** nginx's file, with what browsers speak: it is Sluice's own, and off where it is not asked for. */
export function sluice(port: number, backend: number, hostile: Hostile): string {
  const bridges = `grpc_websocket on; grpc_connect on; grpc_descriptor_set ${DESCRIPTOR_SET}; `
  return nginx(port, backend, hostile, bridges)
}

/** `directives` are for the location of all honest calls. */
export function nginx(port: number, backend: number, hostile: Hostile, directives = ""): string {
  const upstreams = [...hostile].map(
    ([name, at]) => `    upstream ${name} { server 127.0.0.1:${at} max_fails=0; keepalive 16; }\n`,
  )
  const locations = [...hostile].map(
    ([name]) => `        location /hostile/${name}/ { grpc_pass grpc://${name}; }\n`,
  )
  return `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    upstream echo { server 127.0.0.1:${backend} max_fails=0; keepalive 16; }
${upstreams.join("")}
    server {
        listen 127.0.0.1:${port} http2;
${locations.join("")}
        location ${GUARDED} { auth_basic abuse; auth_basic_user_file ${PASSWORD_FILE}; grpc_pass grpc://echo; }
        location / { ${directives}grpc_pass grpc://echo; }
    }
}
`
}

export function haproxy(port: number, backend: number, hostile: Hostile): string {
  const rules = [...hostile].map(([name]) => `    use_backend ${name} if { path_beg /hostile/${name}/ }\n`)
  const backends = [...hostile].map(
    ([name, at]) => `backend ${name}\n    server s1 127.0.0.1:${at} proto h2\n`,
  )
  return `global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
frontend front
    bind 127.0.0.1:${port} proto h2
${rules.join("")}    default_backend echo
backend echo
    server s1 127.0.0.1:${backend} proto h2
${backends.join("")}`
}

export function nghttpx(port: number, backend: number, hostile: Hostile): string {
  const backends = [...hostile].map(([name, at]) => `backend=127.0.0.1,${at};/hostile/${name}/;proto=h2\n`)
  return `frontend=127.0.0.1,${port};no-tls
workers=1
errorlog-file=/dev/stderr
log-level=FATAL
${backends.join("")}backend=127.0.0.1,${backend};/;proto=h2
`
}
