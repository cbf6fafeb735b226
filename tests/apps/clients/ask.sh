#!/bin/sh
# Asks in the ways that programs ask. Each line of output is "NAME: what came back".
ask() { name=$1; shift; printf '%s: %s\n' "$name" "$(timeout 90 "$@" 2>&1 | tr -d '\r' | tr '\n' ' ')"; }
get() { ask "$1" curl -sS --write-out 'v%{http_version}' "$2"; }

get port-80 http://peer/a
get own-port http://peer:8080/a
get capitals http://PEER/a
get rooted http://peer./a
get all-addresses http://any/
get localhost http://local/
get ipv4-loopback http://four/
get ipv6-loopback http://six/
get wired-localhost http://localhost:4001/w
get wired-ipv4 http://127.0.0.1:4001/w
get wired-ipv6 'http://[::1]:4001/w'
get wired-any http://0.0.0.0:4001/w
get odd-path 'http://peer/a//b;c%2Fd?x=%2F'
ask other-host curl -sS -H 'Host: shop.example' http://peer/a
ask upgrade-h2c curl -sS --http2 --data hello --write-out 'v%{http_version}' http://peer/a
ask prior-h2c curl -sS --http2-prior-knowledge --data hello --write-out 'v%{http_version}' http://peer/a
ask http-1.0 curl -sS --http1.0 http://peer/a
ask http-1.0-stream curl -sSN --http1.0 http://peer/events
ask stream curl -sSN http://peer/events
ask no-host /usr/bin/python3 -c 'import socket; s = socket.create_connection(("peer", 80)); s.sendall(b"GET /n HTTP/1.0\r\n\r\n"); print(s.makefile().read().split()[-4:])'
ask expect sh -c 'head -c 3000000 /dev/zero | curl -sS -H "Expect: 100-continue" --data-binary @- http://peer/up'
ask chunked sh -c 'head -c 3000000 /dev/zero | curl -sS -H "Transfer-Encoding: chunked" --data-binary @- http://peer/up'
ask options curl -sS -X OPTIONS http://peer/a
ask propfind curl -sS -X PROPFIND http://peer/a
ask as-a-proxy env http_proxy=http://peer:80 curl -sS http://elsewhere.example/a
ask closed-port curl -sS http://peer:9/
ask unknown curl -sS http://island:8080/
echo 'streams: opened by their names' >/dev/stdout
echo 'to stderr' >/dev/stderr
[ -x /usr/bin/java ] && ask java /usr/bin/java Ask.java
echo finished
