#!/bin/sh
# The first process of a Docker engine in namespaces of its own: engine.sh ROOT CGROUP. Containers need a root that is one: an
# `exec` joins a mount namespace at its root, which a chroot does not change (pivot_root(2), setns(2)).
set -eu
root=${1:?the folder that becomes /}
group=${2:?the name under which its containers are counted}
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p outside
pivot_root . outside
umount -l /outside
ip link set lo up
exec dockerd --host unix:///srv/docker.sock --data-root /srv/docker --cgroup-parent "/$group"
