/** nginx's phases: the same files and the same requests through nginx and through Sluice. */
import { expect, test } from "vitest"
import { type Answered, type Asked, BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/** Of the `http` block, of the server, and what is asked. A request is a path or more than that. */
type Case = [server: string, asked: (string | Asked)[], http?: string]

const CASES: Record<string, Case> = {
  "a server's steps come before its locations": [
    `set $s 1; if ($arg_no) { return 403 "no $s"; } rewrite ^/old/(.*)$ /new/$1;
     location / { return 200 "root $uri"; } location /new/ { return 200 "new $uri $args $s"; }`,
    ["/", "/old/a", "/old/a?x=1", "/?no=1", "/old/?no=0"],
  ],
  "a rewrite without a flag goes on with the next step, last does not": [
    `location /a { rewrite ^/a(.*)$ /b$1; rewrite ^/b(.*)$ /c$1; return 200 "a $uri"; }
     location /d { rewrite ^/d(.*)$ /c$1 last; return 200 "d"; }
     location /e { rewrite ^/e(.*)$ /c$1; set $x 1; }
     location /c { return 200 "c $uri [$x]"; }`,
    ["/a/1", "/d/1", "/e/1", "/c"],
  ],
  "break stays in its location": [
    `location /a { rewrite ^/a(.*)$ /b$1 break; return 200 "never"; }
     location /f { set $x 1; break; return 200 "never"; }
     location /g { if ($arg_b) { break; } return 200 "passed"; }`,
    ["/g", "/g?b=1"],
  ],
  "ten changes of location, and no more": [
    `location /loop { rewrite ^ /loop; }
     ${Array.from({ length: 10 }, (_, at) => `location = /s${at} { rewrite ^ /s${at + 1}; }`).join("\n")}
     location = /s10 { return 200 "there"; }
     location = /t { rewrite ^ /s0; }`,
    ["/loop", "/s0", "/s1", "/t"],
  ],
  redirects: [
    `location /p/ { rewrite ^/p/(.*)$ http://x.test/$1 permanent; }
     location /q/ { rewrite ^/q/(.*)$ http://x.test/?to=$1 redirect; }
     location /s/ { rewrite ^/s/(.*)$ https://x.test/$1?; }
     location /v/ { rewrite ^/v/(.*)$ http://x.test/a?b=c redirect; }
     location /h/ { rewrite ^/h/(.*)$ $scheme://$host/$1; }
     location /r/ { return 301 http://x.test$request_uri; }`,
    [
      "/p/a",
      "/p/a%20b?x=y",
      "/p/a+b",
      "/q/a%26b?x=y",
      "/s/a?x=y",
      "/v/a?x=y",
      "/v/a",
      "/h/a?z",
      "/r/a?b",
      "/p/%41%25",
    ],
  ],
  "arguments of a rewrite": [
    `location /a/ { rewrite ^/a/(.*)$ /z?v=$1; } location /b/ { rewrite ^/b/(.*)$ /z?v=$1?; }
     location /c/ { rewrite ^/c/(.*)$ /z?; } location /d/ { set $args x=$arg_y; rewrite ^ /z; }
     location /z { return 200 "$uri|$args|$arg_v|$is_args|$request_uri"; }`,
    ["/a/1", "/a/1?w=2", "/a/1%262", "/a/a+b", "/b/1?w=2", "/c/1?w=2", "/d/1?y=9"],
  ],
  "all tests of if": [
    `location / {
      set $r "";
      if ($arg_a) { set $r "$r set"; }
      if ($arg_a = b) { set $r "$r eq"; }
      if ($arg_a != b) { set $r "$r ne"; }
      if ($arg_a ~ ^B) { set $r "$r re"; }
      if ($arg_a ~* ^B) { set $r "$r rei"; }
      if ($arg_a !~ ^B) { set $r "$r nre"; }
      if ($arg_a !~* ^B) { set $r "$r nrei"; }
      if ($arg_a = "") { set $r "$r empty"; }
      if (-d /tmp) { set $r "$r dir"; }
      if (-f /tmp) { set $r "$r file"; }
      if (!-e /nowhere) { set $r "$r nothing"; }
      if ( $arg_c = $arg_a ) { set $r "$r same"; }
      return 200 "$r";
    }`,
    ["/", "/?a=b", "/?a=B", "/?a=0", "/?a=00", "/?a=bc&c=bc", "/?a="],
  ],
  "of several that hold the last if counts": [
    `add_header x-server 1;
     location /a { if ($arg_a) { add_header x-a 1; } if ($arg_b) { add_header x-b 1; } return 200 "ok"; }
     location /c { if ($arg_a) { add_header x-a 1; } if ($arg_b) { set $z 1; } return 200 "ok"; }`,
    ["/a", "/a?a=1", "/a?b=1", "/a?a=1&b=1", "/c?a=1", "/c?a=1&b=1"],
  ],
  "groups of regexes": [
    `location ~ ^/(?<first>[a-z]+)/(\\d+) { return 200 "$first $1 $2 $3"; }
     location ~ ^/x/(.*)$ { if ($arg_a ~ "(.)(.)") { return 200 "[$1$2]"; } return 200 "[$1]"; }
     location ~ ^/y/(.*)$ { if ($arg_a ~ "b") { return 200 "b[$1]"; } return 200 "[$1]"; }`,
    ["/ab/12", "/x/q", "/x/q?a=12", "/x/q?a=1", "/y/q?a=b", "/y/q"],
  ],
  "internal locations": [
    `location /in { internal; return 200 "inside"; } location /to { rewrite ^ /in last; }
     location / { return 200 "out"; }`,
    ["/to", "/"],
  ],
  "nested, exact and regex locations": [
    `location = /a { return 200 "exact"; } location /a { return 200 "a"; location /a/b { return 200 "ab $uri"; } }
     location ^~ /n { return 200 "n"; } location ~ x$ { return 200 "x"; } location ~* Y$ { return 200 "y"; }`,
    ["/a", "/a/", "/a/b", "/ax", "/nx", "/ay", "/aX"],
  ],
  map: [
    `location / { return 200 "$m|$h|$d|$v|$deep"; }`,
    [
      "/",
      "/?k=one",
      "/?k=ONE",
      "/?k=two",
      "/?k=xab",
      "/?k=Yab",
      "/?k=default",
      { path: "/?k=a.example.com" },
      { path: "/?k=example.com." },
      { path: "/?k=www.example.org" },
      { path: "/?k=example.net" },
    ],
    `map $arg_k $m { default none; one 1; two "2 $uri"; ~^x(?<rest>.*)$ "x $1 $rest"; ~*^y(.)(.) "y$2$1"; \\default escaped; "" empty; }
     map $arg_k $h { hostnames; default -; *.example.com sub; .example.net both; www.* www; example.com apex; }
     map $arg_k $d { one 1; }
     map $m $deep { 1 first; default $d; }
     map $uri $v { volatile; default $uri; }`,
  ],
  geo: [
    `location / { return 200 "$g $r $p"; }`,
    [
      "1.2.3.4",
      "1.2.3.9",
      "1.2.4.1",
      "10.0.0.1",
      "10.0.0.5",
      "10.0.0.10",
      "10.0.0.200",
      "::1",
      "2001:db8::9",
      "x",
    ].map((address) => ({ path: `/?a=${address}` })),
    `geo $arg_a $g { default d; 1.2.0.0/16 a; 1.2.3.0/24 b; 1.2.3.4 c; 2001:db8::/32 v6; ::1 lo; }
     geo $arg_a $r { ranges; default d; 10.0.0.0-10.0.0.9 x; 10.0.0.10-10.0.0.255 y; }
     geo $arg_a $p { default 0; 10.0.0.0/8 1; 10.0.0.0/24 2; }`,
  ],
  split_clients: [
    `location / { return 200 "$s"; }`,
    Array.from({ length: 60 }, (_, at) => `/?a=client${at * at}`),
    `split_clients "\${arg_a}x" $s { 0.5% tiny; 33.3% third; 20% fifth; * rest; }`,
  ],
}

const request = (asked: string | Asked): Asked => (typeof asked === "string" ? { path: asked } : asked)

/** What both must agree on. nginx's own pages are HTML, ours are not. */
function seen({ status, headers, body }: Answered): unknown {
  const isOwnPage = body.includes("<center>nginx")
  const added = Object.entries(headers).filter(([name]) => name.startsWith("x-"))
  return { status, location: headers.location, added, body: isOwnPage ? "" : status < 300 ? body : "" }
}

test.skipIf(!hasNginx)("nginx and Sluice answer the same", async (t) => {
  const beside = new BesideNginx(t)
  const cases = Object.values(CASES)
  const http = cases
    .map(
      ([server, , outer = ""], at) => `${outer}\nserver { listen SOCKET; server_name case${at}; ${server} }`,
    )
    .join("\n")
  const nginx = await beside.startNginx(t, http)
  const sluice = await beside.startSluice(http)
  const different: unknown[] = []
  for (const [at, [name, [, requests]]] of Object.entries(CASES).entries())
    for (const asked of requests.map(request)) {
      const sent = { ...asked, headers: { ...asked.headers, host: `case${at}` } }
      const [theirs, ours] = await Promise.all([nginx(sent), sluice(sent)])
      if (JSON.stringify(seen(theirs)) !== JSON.stringify(seen(ours)))
        different.push({ name, asked, nginx: seen(theirs), sluice: seen(ours) })
    }
  expect(different).toEqual([])
})
