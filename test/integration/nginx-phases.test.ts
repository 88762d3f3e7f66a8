/** nginx's phases: the same files and the same requests through nginx and through Sluice. */
import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { type Answered, type Asked, BesideNginx } from "../support/beside-nginx.ts"
import { isInstalled } from "../support/nginx.ts"

const hasNginx = isInstalled("nginx", "-v", "nginx-light")

/** Of the `http` block, of the server, and what is asked. A request is a path or more than that. */
type Case = [server: string, asked: (string | Asked)[], http?: string]

const hex = (text: string): string => createHash("md5").update(text).digest("hex")
const link = (text: string): string => createHash("md5").update(text).digest("base64url")

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
  valid_referers: [
    `server_name own.test *.own.test ~regex ~^anchored$; set $at server;
     location / { valid_referers none blocked server_names *.example.org www.example.* example.net/gallery/ ~\\.google\\.;
       if ($invalid_referer) { return 403; } return 200 "[$invalid_referer] $by"; }
     location /few { valid_referers a.test; return 200 "[$invalid_referer]";
       location /few/in { return 200 "[$invalid_referer]"; } location /few/own { valid_referers .b.test;
         rewrite ^/few/own/to$ /few/in last; return 200 "[$invalid_referer]"; } }
     location ~ ^/kept/(.*)$ { valid_referers ~^(x)\\.test; if ($invalid_referer) { return 403 $1; } return 200 $1; }
     location /not { valid_referers c.test; return 200 "[$invalid_referer] $by"; }`,
    [
      ...[
        "",
        "-",
        "http://",
        "https://own.test",
        "HTTP://A.OWN.TEST/x",
        "http://example.org/",
        "http://a.example.org",
      ]
        .concat(["http://www.example.com/x", "http://example.net", "http://example.net/gallery/1"])
        .concat([
          "http://example.net:80/gallery/1",
          "http://x.google.com/",
          "ftp://own.test",
          "http://a.REGEX.b/c",
          "http://anchored",
          "http://not.anchored",
          "http://su",
          "http://a.google",
        ])
        .concat([
          `http://${"a".repeat(257)}.google.com/`,
          "http://x.b.test",
          "http://b.test",
          "http://x.test",
          "http://a.test:1",
        ])
        .flatMap((referer) =>
          ["/", "/few", "/few/in", "/few/own", "/few/own/to", "/kept/a", "/not"].map(
            (path): Asked => ({ path, headers: { referer } }),
          ),
        ),
      ...["/", "/few", "/kept/a"],
    ],
    `map $invalid_referer $by { "" valid; default invalid; }`,
  ],
  secure_link: [
    `set $key k; location / { secure_link $arg_h,$arg_e; secure_link_md5 "$secure_link_expires$uri $key$more";
       if ($secure_link = "") { return 403; } if ($secure_link = "0") { return 410; }
       return 200 "$secure_link $secure_link_expires"; }
     location /bare { set $more x; secure_link $arg_h; secure_link_md5 "$uri $key$more"; return 200 "[$secure_link]"; }
     location /p { secure_link_secret secret; location /p/in { return 200 "[$secure_link][$secure_link_expires]"; }
       location /p/own { secure_link $arg_h; secure_link_md5 "$uri"; return 200 "[$secure_link]"; }
       if ($secure_link = "") { return 403; } rewrite ^ /to/$secure_link; }
     location /to { return 200 "$uri"; }
     location /half { secure_link $arg_h; return 200 "[$secure_link]"; }
     location /q { secure_link_secret secret; return 200 "[$secure_link]"; }
     location /from { rewrite ^ /q/within last; }
     location /out { secure_link $arg_h; secure_link_md5 outer; location /out/x { return 200 "[$secure_link]"; }
       location /out/a { secure_link_md5 inner; location /out/a/b { return 200 "[$secure_link]"; } }
       location /out/p { secure_link_secret secret; location /out/p/in { return 200 "[$secure_link]"; }
         location /out/p/half { secure_link_md5 inner; return 200 "[$secure_link]"; } } }`,
    [
      ...["outer", "inner"].flatMap((secret) =>
        ["x", "a/b", "p/in", "p/half"].map((at) => `/out/${at}?h=${link(secret)}`),
      ),
      // As it was received: with its escapes and its query, wherever a rewrite has led since.
      ...["a%20b", "a b", "a?x=1", "a", "a%2Fb?", "../c", ""].flatMap((name) =>
        ["q", "from"].map((at) => `/${at}/${hex(`${name}secret`)}/${name.replace(" ", "%20")}`),
      ),
      `/q/${hex("asecret")}/a?x=1`,
      `/out/${hex("p/x/asecret")}/p/x/a`,
      ...[
        link("2147483647/a k"),
        link("2147483647/a kx"),
        link("1/a k"),
        link("2147483647/b k"),
        "x",
        "",
      ].flatMap((h) => [
        `/a?h=${h}&e=2147483647`,
        `/a?h=${h}&e=1`,
        `/a?h=${h}&e=0`,
        `/a?h=${h}&e=x`,
        `/a?h=${h}`,
      ]),
      ...["a/b.html", "", "x"].flatMap((name) =>
        ["p", "p/in", "p/x"].flatMap((at) =>
          ["secret", "other"].map((secret) => `/${at}/${hex(name + secret)}/${name}`),
        ),
      ),
      ...[`/p/${hex("asecret").toUpperCase()}/a`, `/p/own?h=${link("/p/own")}`, "/p/short/a"],
      ...[link("/bare kx"), link("/bare k"), `${link("/bare kx")}==`, `${link("/bare kx")}===`].flatMap(
        (h) => [`/bare?h=${h}`, `/half?h=${h}`],
      ),
    ],
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
  "redirects to a path": [
    `location /r { return 301 /there?a=b; location /r/off { absolute_redirect off; return 302 /there; }
       location /r/named { server_name_in_redirect on; return 307 /there; }
       location /r/port { port_in_redirect off; return 308 /there; } }
     location /w { rewrite ^/w/(.*)$ /there/$1 permanent; } location /v { return 303 $uri/; }
     location /o { return 302 there; } location /t { return 200 /there; } location /e { return 302 ""; }`,
    ["/r", "/r/off", "/r/named", "/r/port", "/w/a?b=c", "/v", "/o", "/t", "/e"],
  ],
  "a location with a slash at its end": [
    `location /p/ { proxy_pass http://127.0.0.1:1; add_header x-p 1; deny all; auth_basic a; auth_basic_user_file users; }
     location /g/ { grpc_pass 127.0.0.1:1; location /g/in/ { grpc_pass 127.0.0.1:1; } }
     location = /e/ { proxy_pass http://127.0.0.1:1; } location ^~ /n/ { proxy_pass http://127.0.0.1:1; }
     location /both/ { proxy_pass http://127.0.0.1:1; } location /both { return 200 "both"; }
     location /also/ { proxy_pass http://127.0.0.1:1; } location = /also { return 200 "also"; }
     location /in/ { internal; proxy_pass http://127.0.0.1:1; }
     location "/s p/" { return 200 "other"; location "/s p/in/" { proxy_pass http://127.0.0.1:1; } }
     location /small/ { client_max_body_size 1; proxy_pass http://127.0.0.1:1; }
     location /off/ { absolute_redirect off; proxy_pass http://127.0.0.1:1; }
     location /re/ { rewrite ^ /never; proxy_pass http://127.0.0.1:1; } location /to { rewrite ^ /p?x=y last; }
     location /ret/ { return 200 "ret"; } location ~ ^/(p|ret)$ { return 200 "regex"; } location / { return 200 "root"; }`,
    [
      ...[
        "/p",
        "/p?a=b&c",
        "/%70",
        "/g",
        "/g/in",
        "/e",
        "/n",
        "/both",
        "/also",
        "/in",
        "/s%20p/in",
        "/off?z",
      ],
      ...["/re", "/to?v", "/ret", "/p/../g", "//p"],
      { path: "/p", method: "POST", body: "abc" },
      { path: "/small", method: "POST", body: "abc" },
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
  "allow and deny": [
    `set_real_ip_from unix:; real_ip_header X-Real-IP;
     location / { deny 10.0.0.1; allow 10.0.0.0/8; allow 2001:db8::/32; deny all; return_is_earlier; }
     location /free { allow all; }
     location /said { deny all; return 200 "a return comes before"; }
     location /le { limit_except GET { allow 10.0.0.2; deny all; } }
     location = /who { return 200 "$remote_addr $realip_remote_addr"; }`.replace("return_is_earlier;", ""),
    [
      ...["10.0.0.1", "10.0.0.2", "11.0.0.1", "2001:db8::1", "2001:db9::1", "x"].flatMap((address) => [
        { path: "/x", headers: { "x-real-ip": address } },
        { path: "/le", method: "POST", headers: { "x-real-ip": address } },
        { path: "/who", headers: { "x-real-ip": address } },
      ]),
      "/x",
      "/said",
      "/le",
    ],
  ],
  "the client behind proxies": [
    `set_real_ip_from unix:; set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; real_ip_recursive on;
     location / { return 200 "$remote_addr $remote_port $proxy_add_x_forwarded_for"; }`,
    [
      "1.2.3.4",
      "1.2.3.4, 10.0.0.1",
      "9.9.9.9, 1.2.3.4:55, 10.0.0.1",
      "10.0.0.1",
      "x, 10.0.0.2",
      "[::1]:80",
      "a",
    ].map((list) => ({ path: "/", headers: { "x-forwarded-for": list } })),
  ],
  auth_basic: [
    `auth_basic "a realm"; auth_basic_user_file users;
     location / { try_files /none =404; } location /free { auth_basic off; try_files /none =404; }
     location /any { satisfy any; deny all; try_files /none =404; }
     location /let { satisfy any; allow all; try_files /none =404; }
     location /both { satisfy all; deny all; try_files /none =404; }`,
    ["/", "/free", "/any", "/let", "/both"].flatMap((path) => [
      { path },
      ...[
        "ann:secret",
        "ann:wrong",
        "bob:secret",
        "cat:secret",
        "dan:secret",
        "eve:secret",
        "fay:secret",
        "gus:secret",
        "hal:secret",
        "kim:secret",
        "kim:later",
        "lea:secret",
        "lea:secret:a comment",
        "#max:secret",
        ":secret",
        "ned:",
        "oda:secret",
        " pia:secret",
        "pia:secret",
        "none:x",
      ].map((user) => ({
        path,
        headers: { authorization: `Basic ${Buffer.from(user).toString("base64")}` },
      })),
      { path, headers: { authorization: "Bearer x" } },
    ]),
  ],
  "auth_basic by a file that variables name": [
    `auth_basic "a realm"; auth_basic_user_file users$arg_more; location / { try_files /none =404; }`,
    ["/", "/?more=2", "/?more=3"].flatMap((path) => [
      { path },
      ...["ann:secret", "zoe:secret"].map((user) => ({
        path,
        headers: { authorization: `Basic ${Buffer.from(user).toString("base64")}` },
      })),
    ]),
  ],
  auth_request: [
    `location / { auth_request /auth; auth_request_set $who $sent_http_x_who; add_header x-who $who always; try_files /none =404; }
     location = /auth { internal; add_header x-who "$http_x_user $request_uri $uri $request_method" always;
       add_header www-authenticate Custom always;
       if ($http_x_answer = 401) { return 401; } if ($http_x_answer = 403) { return 403; }
       if ($http_x_answer = 500) { return 500; } return 204; }
     location /any { satisfy any; auth_request /auth; allow all; try_files /none =404; }`,
    ["/", "/any"].flatMap((path) =>
      ["204", "401", "403", "500"].map((answer) => ({
        path: `${path}?x=1`,
        headers: { "x-answer": answer, "x-user": "ann" },
      })),
    ),
  ],
  "auth_request that asks itself, in a circle, or without end": [
    `location /a { auth_request /a; try_files /none =404; }
     location /b { auth_request /c; try_files /none =404; } location /c { auth_request /b; deny all; try_files /none =403; }
     location /d { auth_request /e; try_files /none =404; } location /e { rewrite ^ /e; }
     location /f { auth_request /g; try_files /none =404; } location /g { error_page 401 = /g; return 401; }
     location /h { auth_request /none; try_files /none =404; }
     location /i { auth_request /j; try_files /none =404; }
     location /j { auth_request /j; auth_basic a; auth_basic_user_file users; try_files /none =204; }
     location /k { auth_request /l; try_files /none =404; } location /l { internal; auth_request /a; return 204; }`,
    ["/a", "/b", "/c", "/d", "/f", "/h", "/i", "/j", "/k", "/l"],
  ],
  limit_req: [
    `location / { limit_req zone=slow burst=2 nodelay; limit_req_status 429; add_header x-limit $limit_req_status always; try_files /none =404; }
     location /dry { limit_req zone=slow; limit_req_dry_run on; add_header x-limit $limit_req_status always; try_files /none =404; }`,
    [
      ...Array.from({ length: 5 }, () => "/?k=a"),
      "/?k=b",
      "/",
      ...Array.from({ length: 3 }, () => "/dry?k=c"),
    ],
    "limit_req_zone $arg_k zone=slow:1m rate=1r/m;",
  ],
}

/** Passwords are `secret`, in each kind of hash; of eve they are not. */
const USERS = [
  "ann:$apr1$HxuuWCAY$xlAm5L8o7ctGF71eVCZwS/",
  "bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
  "cat:$2b$04$eS82MJ6WYlfKIPwJfJbt1OIiGYKVW/T2m81Xs0.81YzEPgx.40Tnu",
  "dan:{PLAIN}secret",
  "eve:$apr1$HxuuWCAY$xlAm5L8o7ctGF71eVCZwSX",
  "fay:$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
  "gus:$1$saltsalt$9xy1btjgzLYfb7hivXtC//",
  "hal:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
  "",
  "no colon",
  "kim:{PLAIN}secret",
  "kim:{PLAIN}later",
  "lea:{PLAIN}secret:a comment",
  "#max:{PLAIN}secret",
  "oda:{PLAIN}secret\r",
  " pia:{PLAIN}secret",
]

const request = (asked: string | Asked): Asked => (typeof asked === "string" ? { path: asked } : asked)

/** What both must agree on. nginx's own pages are HTML, ours are not. */
function seen({ status, headers, body }: Answered): unknown {
  const isOwnPage = body.includes("<center>nginx")
  const added = Object.entries(headers).filter(
    ([name]) => name.startsWith("x-") || name === "www-authenticate",
  )
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
  writeFileSync(join(beside.directory, "users"), USERS.join("\n"))
  writeFileSync(join(beside.directory, "users2"), "zoe:{PLAIN}secret")
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
