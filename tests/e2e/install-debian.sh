#!/bin/sh
# Installs what `make e2e` needs, on Debian. Nothing that comes with it is started.
set -eu
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  trap 'rm /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --yes --no-install-recommends \
  cron curl iproute2 make nodejs php-cli procps prometheus python3 python3-venv ruby shellcheck systemd tar util-linux wget
# Not from Debian where there is one: other packages of nodejs bring their own npm, which cannot stand beside Debian's.
command -v java >/dev/null || apt-get install -qq --yes --no-install-recommends openjdk-17-jre-headless
command -v npm >/dev/null || apt-get install -qq --yes --no-install-recommends npm
