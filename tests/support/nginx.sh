#!/bin/bash
# nginx.sh FOLDER: prints where an nginx is: the system's, or one that it unpacks in the folder. The
# package is not installed, for that would leave a server running on port 80.
set -euo pipefail
PATH+=:/usr/sbin
if ! command -v nginx; then
  mkdir -p "$1"
  cd "$1"
  if [[ ! -x usr/sbin/nginx ]]; then
    echo "No nginx here: the tests of the examples get one of their own from Debian" >&2
    apt-get download -qq nginx >&2
    dpkg-deb --extract nginx_*.deb .
  fi
  echo "$PWD/usr/sbin/nginx"
fi
