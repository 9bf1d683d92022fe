#!/bin/bash
# Boots a host: systemd as PID 1 over a throw-away copy of this machine's root, in namespaces of its own.
#
#   boot.sh DISK NAME CGROUP
#
# DISK keeps what the host writes (upper), its /run and the id of its boot. Says "unshared" once it has a network to plug
# a cable into, and boots when a line comes in. A systemd without a root of its own would clean this machine's /tmp.
set -euo pipefail

disk=$1 name=$2 cgroup=$3
if [[ ${4-} != inside ]]; then
  echo $$ >"$cgroup/cgroup.procs"
  exec unshare --net --pid --fork --mount --uts --ipc --cgroup --kill-child=KILL bash "$0" "$@" inside
fi

echo unshared
read -r _
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$disk/root"
cd "$disk/root"
mount -t proc proc proc
mount --bind "$disk/boot_id" proc/sys/kernel/random/boot_id
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --bind "$disk/run" run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

cp "$disk/boot_id" etc/boot_id
if [[ ! -e etc/booted ]]; then
  # Nothing that is installed on this machine starts by itself. Cron has the name that it has on Amazon Linux.
  rm -rf etc/systemd/system/*.wants etc/cron.*/* etc/machine-id
  : >etc/crontab
  : >etc/machine-id
  echo "$name" >etc/hostname
  mkdir -p var/log/journal
  cp lib/systemd/system/cron.service etc/systemd/system/crond.service
  for unit in getty.target systemd-logind.service systemd-timesyncd.service systemd-tmpfiles-clean.timer; do
    ln -sf /dev/null "etc/systemd/system/$unit"
  done
  : >etc/booted
fi
export container=other
pivot_root . mnt # a process in a mere chroot may not make user namespaces, which PrivateUsers= needs
umount --lazy /mnt
exec /lib/systemd/systemd --system --log-target=journal --unit=multi-user.target </dev/null
