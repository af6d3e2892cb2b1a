#!/usr/bin/env bash
# A Debian package in a bare Debian 12: deb.sh PACKAGE.deb [ROOT]. The root is made by debootstrap, or a copy of ROOT; the
# package is installed by apt, used, removed, and nothing of it may be left. Exit code 77 without root rights, debootstrap or a
# mirror. HEATVIT_MIRROR names another mirror.
set -euo pipefail
deb=$(readlink -f "$1")
mirror=${HEATVIT_MIRROR:-http://deb.debian.org/debian}
if ((EUID != 0)) || ! command -v debootstrap >/dev/null; then
  echo "skipped: needs root and debootstrap"
  exit 77
fi
root=$(mktemp -d)
trap 'umount -q "$root/proc" || true; rm -rf --one-file-system "$root"' EXIT
if [[ -n ${2:-} ]]; then
  cp -a "$2/." "$root"
elif ! debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1; then
  tail -n 5 "$root.log"
  echo "skipped: no Debian mirror here"
  exit 77
fi
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" "$@"; }
mount -t proc proc "$root/proc"
cp /etc/resolv.conf "$root/etc/resolv.conf"
for file in /etc/apt/apt.conf.d/*proxy*; do [[ -e $file ]] && cp "$file" "$root/etc/apt/apt.conf.d/"; done
# Everything from here on happens in that root; its /srv is for what must not count as left over.
cp "$deb" "$root/srv/heatvit.deb"
inside apt-get update >"$root.log" 2>&1
inside apt-get install -y --no-install-recommends /srv/heatvit.deb >"$root.log" 2>&1 || { tail -n 20 "$root.log"; exit 1; }
inside run_sim --version
inside run_sim --model deit-s --prune-rates 0.3,0.51,0.657 | grep latency
inside run_sim --model deit-micro --images /usr/share/heatvit/models/zoo/micro/images --limit 4 --quiet --json /srv/out.json
inside test -s /srv/out.json
inside python3 -c 'import heatvit
print(heatvit.latency("deit-s", prune_rates=[.3, .51, .657]), "ms")
print(heatvit.Simulator("deit-micro").run("/usr/share/heatvit/models/zoo/micro/images/000_circle_filled.jpg").logits.shape)
from heatvit_training import config
assert config.find("deit-t").patches == 196'
inside test -e /usr/share/man/man1/run_sim.1.gz
inside apt-get purge -y heatvit >"$root.log" 2>&1
inside sh -c 'find / -xdev \( -name "*heatvit*" -o -name "run_sim*" \) -not -path "/srv/*" -not -path "*/.cache/*" -not -path "/var/log/*"' >"$root.left"
cat "$root.left"
[[ ! -s $root.left ]]
echo "installed, used and removed"
rm -f "$root".{log,left}
