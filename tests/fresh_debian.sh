#!/usr/bin/env bash
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# fresh_debian.sh [command …]: makes a Debian 12 with nothing in it, puts a clone of this repository
# into it as committed, and runs the commands there, by default `./dev demo` and `./dev test`. What
# this machine needs to reach its package servers (apt's sources and settings, name servers,
# certificates, proxies, pip's settings) is made known inside. Needs root and debootstrap. The
# folder, in $TMPDIR, is removed at the end.

set -euo pipefail

die() {
  printf 'fresh_debian.sh: %s\n' "$*" >&2
  exit 1
}

((EUID == 0)) || die "please run as root: debootstrap and chroot need it"
command -v debootstrap >/dev/null || die "please install debootstrap"
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
(($#)) || set -- "./dev demo" "./dev test"

work=$(mktemp -d)
root=$work/root
clean_up() {
  local folder
  for folder in proc dev; do
    if mountpoint -q "$root/$folder"; then umount -l "$root/$folder"; fi
  done
  # A mount that stayed must not be emptied.
  if mountpoint -q "$root/proc" || mountpoint -q "$root/dev"; then
    printf 'fresh_debian.sh: still mounted below %s, left as it is\n' "$root" >&2
  else
    rm -rf --one-file-system "$work"
  fi
}
trap clean_up EXIT

echo "==> debootstrap"
debootstrap --variant=minbase bookworm "$root" >"$work/debootstrap.log" 2>&1 || {
  tail -n 5 "$work/debootstrap.log" >&2
  die "debootstrap failed; its last words are above"
}

# What this machine knows about reaching the outside.
for path in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf /etc/apt/apt.conf.d \
  /etc/apt/keyrings /etc/apt/auth.conf.d /etc/resolv.conf /etc/hosts /etc/pip.conf \
  /usr/local/share/ca-certificates; do
  [[ -e $path ]] || continue
  mkdir -p "$root$(dirname "$path")"
  rm -rf "${root:?}$path"
  cp -rL "$path" "$root$path"
done
if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
  mkdir -p "$root/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
fi
environment=(HOME=/root TERM="${TERM:-dumb}" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
while IFS= read -r name; do
  environment+=("$name=${!name}")
done < <(compgen -e | grep -iE '^((http|https|ftp|all|no)_proxy|SSL_CERT_(FILE|DIR)|PIP_.*)$')

mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
git clone -q --no-hardlinks "$repository" "$root/joist"

status=0
for command in "$@"; do
  echo "==> $command, in a fresh Debian"
  start=$SECONDS
  env -i "${environment[@]}" chroot "$root" /bin/bash -c "cd /joist && $command" || status=$?
  echo "==> $command took $((SECONDS - start)) s and ended with $status"
  ((status == 0)) || break
done
exit "$status"
