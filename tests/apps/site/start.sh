#!/bin/sh
# Fills the volume with something to serve, then becomes nginx.
set -eu
mkdir -p /data/css /data/files
echo '<h1>Bulkhead</h1>' >/data/index.html
yes 'body { colour: salt }' | head -n 2000 >/data/css/site.css
head -c 20000000 /dev/zero >/data/files/large
exec /usr/sbin/nginx -e /dev/stderr -c /app/nginx.conf
