#!/bin/bash
# Installs leaderd on this instance and keeps it running. Elastic Beanstalk runs it as root after each deployment.
#
# What it needs is in .leaderd/ at the top of the application bundle (`make bundle` makes it):
#   leaderd.service                      the unit
#   leaderd-*.whl, requirements.lock     the daemon, and what it needs, with hashes; or
#   leaderd.pyz                          the same as one file; or neither: pip gets leaderd from its index
#   other *.whl                          what it needs: then no index is asked at all
#
# It installs only what is not there yet, and restarts only what has changed, so that a deployment loses no leader. If
# something fails, the deployment goes on without it, and a version that runs already keeps running.
#
# Environment properties that it heeds:
#   INSTALL_LEADERD_REQUIRED=1    fail the deployment where leaderd cannot be installed and started
#   INSTALL_LEADERD_VERSION=X     which version to get from the index, where the bundle has none
#   LEADERD_…                     the settings; and AWS_KEY, AWS_SECRET, for environments without an instance profile
set -euo pipefail
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

eb=/opt/elasticbeanstalk
home=/opt/leaderd              # a link to the version in use
versions=/opt/leaderd-versions # a directory for each
unit=/etc/systemd/system/leaderd.service
settings=/etc/leaderd.eb.env

say() { echo "leaderd: $*"; }
fail() {
  say "$*" >&2
  exit 1
}

# An environment property, as Elastic Beanstalk hands it to hooks, or from its file.
property() {
  local value=${!1-}
  [[ -n $value || ! -r $eb/deployment/env ]] || value=$(sed -n "s/^$1=//p" "$eb/deployment/env" | tail -n 1)
  printf '%s' "$value"
}

finish() {
  local code=$?
  ((code)) || return 0
  say 'is not installed, or does not run as it should: see the lines above' >&2
  case $(property INSTALL_LEADERD_REQUIRED) in
    1 | true | yes) exit 1 ;;
  esac
  say 'the deployment goes on without it; INSTALL_LEADERD_REQUIRED=1 would end it here' >&2
  exit 0
}

# The versions of Python that will do, best first. What was built for one leaves no choice.
wanted() {
  local built
  built=$(find "$bundle" -maxdepth 1 -name '*.whl' | sed -nE 's/.*-cp3([0-9]+)-cp3.*/python3.\1/p' | sort -u)
  [[ -n $built ]] || built=$(find "$bundle" -maxdepth 1 -name '*.pyz' | sed -nE 's/.*-py(3\.[0-9]+)-.*/python\1/p' | sort -u)
  echo "${built:-python3.11 python3.12 python3.13 python3.14 python3}"
}

# Whether a Python is new enough, can make a virtual environment, and can be read by other users than root.
usable() {
  [[ -x $1 ]] && "$1" -I -c '
import ensurepip, os, sys, venv
sys.exit(sys.version_info < (3, 11) or os.path.realpath(sys.base_prefix).startswith(("/root/", "/home/")))' 2>/dev/null
}

find_python() {
  local name path
  for name in $(wanted); do
    path=$(command -v "$name") && usable "$path" && echo "$path" && return
  done
  return 1
}

get_python() {
  local first
  find_python && return
  first=$(wanted | awk '{ print $1; exit }')
  say "installing $first" >&2
  dnf install -y -q "$first" >&2 || fail "needs Python 3.11 or newer, and cannot install $first"
  find_python || fail "needs $first with venv and ensurepip, outside of /root and /home"
}

# What is to be installed, as a name for its directory: the same name, the same content.
fingerprint() {
  {
    cd "$bundle"
    find . -maxdepth 1 \( -name '*.whl' -o -name '*.pyz' -o -name requirements.lock \) -exec sha256sum {} + | sort
    "$1" -V
    echo "$1 $(property INSTALL_LEADERD_VERSION)"
  } | sha256sum | cut -c 1-16
}

pip_install() {
  "$target/venv/bin/python" -m pip install --quiet --no-input --no-cache-dir --disable-pip-version-check "$@"
}

install_wheels() {
  local python=$1 wheel=$2 source=()
  if [[ -n $(find "$bundle" -maxdepth 1 -name '*.whl' ! -name 'leaderd-*' -print -quit) ]]; then
    source=(--no-index --find-links "$bundle")
  fi
  "$python" -m venv "$target/venv"
  if [[ -f $bundle/requirements.lock && -n $wheel ]]; then
    pip_install "${source[@]}" --require-hashes -r "$bundle/requirements.lock"
    pip_install --no-index --no-deps "$wheel"
  else
    pip_install "${source[@]}" "${wheel:-leaderd$(property INSTALL_LEADERD_VERSION | sed 's/^./==&/')}"
  fi
  ln -s ../venv/bin/leaderd "$target/bin/leaderd"
}

# The single file unpacks itself where the daemon could not write: so it is unpacked here, once.
install_single_file() {
  cp "$2" "$target/leaderd.pyz"
  printf '#!/bin/sh\nSHIV_ROOT=%s/unpacked exec %s %s/leaderd.pyz "$@"\n' "$target" "$1" "$target" >"$target/bin/leaderd"
  chmod 755 "$target/bin/leaderd"
}

install_version() {
  local python wheel single
  python=$(get_python)
  target=$versions/$(fingerprint "$python")
  if [[ -f $target/complete && $(readlink "$home") == "$target" ]] && "$home/bin/leaderd" --version >/dev/null; then
    return
  fi
  [[ ! -e $home || -L $home ]] || fail "$home is there, and is not of this script's making: remove it"
  wheel=$(find "$bundle" -maxdepth 1 -name 'leaderd-*.whl' | sort -V | tail -n 1)
  single=$(find "$bundle" -maxdepth 1 -name '*.pyz' | sort | tail -n 1)
  rm -rf "$target"
  mkdir -p "$target/bin"
  if [[ -z $wheel && -n $single ]]; then
    install_single_file "$python" "$single"
  else
    install_wheels "$python" "$wheel"
  fi
  say "installed $("$target/bin/leaderd" --version) in $target"
  touch "$target/complete"
  ln -sfn "$target" "$home.new"
  mv -T "$home.new" "$home"
}

# The settings among the environment's properties, in systemd's format, and which environment this is.
wanted_settings() {
  local id
  echo '# Made at each deployment out of the properties of the Elastic Beanstalk environment. Change them there.'
  id=$(cat "$eb/config/ebenvinfo/envid" 2>/dev/null || "$eb/bin/get-config" container -k environment_name 2>/dev/null || :)
  [[ -z $id ]] || echo "LEADERD_ENVIRONMENT=\"$id\""
  [[ -r $eb/deployment/env ]] || return 0
  # shellcheck disable=SC2016  # nothing is meant to expand here
  sed -nE 's/["$`\\]/\\&/g; s/^(LEADERD_[A-Z0-9_]+|AWS_KEY|AWS_SECRET)=(.*)$/\1="\2"/p' "$eb/deployment/env"
}

# Puts standard input into a file, if that has another content.
put() {
  local new
  new=$(mktemp "$1.XXXXXX")
  cat >"$new"
  if cmp -s "$new" "$1"; then
    rm "$new"
  else
    chmod "$2" "$new"
    mv -T "$new" "$1"
  fi
}

# What the daemon in service was started with: another sum means that it must be started again.
sum() {
  {
    systemctl cat leaderd.service # with its drop-ins
    cat /etc/leaderd.env "$settings" 2>/dev/null || :
    readlink "$home"
  } | sha256sum
}

start() {
  local started=$versions/started-with
  systemctl daemon-reload
  systemctl enable --quiet leaderd.service
  if systemctl is-active --quiet leaderd.service && [[ $(sum) == "$(cat "$started" 2>/dev/null)" ]]; then
    say 'nothing has changed'
  elif systemctl restart leaderd.service; then
    sum >"$started"
    say 'started'
  else
    systemctl status --no-pager --full --lines 10 leaderd.service >&2 || :
    fail 'did not start'
  fi
  find "$versions" -mindepth 1 -maxdepth 1 -type d ! -path "$(readlink "$home")" -exec rm -rf {} +
  say "$(systemctl show --property StatusText --value leaderd.service)"
}

trap finish EXIT
bundle=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../.leaderd" && pwd) || fail 'the bundle has no .leaderd at its top'
[[ -f $bundle/leaderd.service ]] || fail "$bundle has no leaderd.service"
getent passwd leaderd >/dev/null ||
  useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /sbin/nologin leaderd
install_version
wanted_settings | put "$settings" 600
put "$unit" 644 <"$bundle/leaderd.service"
start
